"""THE VERB for labels: rows with a label, a tag a word, or a place in a text come in; a model that says it goes out.

``run.start`` comes here for data sets of these tasks. The folder of the run, its loop, its checkpoints and its end are
those of every other run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import UsageError
from wellread.models import select
from wellread.models.settings import EmbedSettings
from wellread.progress import Progress
from wellread.tune.base import base_model, device
from wellread.tune.data import data as datasets
from wellread.tune.data.data import ClassifyRow, DataSet, ExtractRow, Row, TagRow
from wellread.tune.labels import classifier, extract, features, headed, labelled, tagging, ulmfit
from wellread.tune.labels.headed import HeadShape
from wellread.tune.labels.labelled import LabelledItem, LabelTask
from wellread.tune.settings import TuneSettings
from wellread.tune.train import checkpoint, loop, session, state, tuned
from wellread.tune.train.loop import LoopModel, StepPlan, TuneFailed
from wellread.tune.train.outcome import Result
from wellread.tune.train.state import TrainingRun

TASKS = ("classify", "tag", "extract")
OWN_METHODS = ("features", "head", "ulmfit")  # of labels alone
METHODS = (*OWN_METHODS, "full", "lora")
EMBEDDERS = ("static", "onnx", "openai")  # kinds of models that give vectors and cannot be trained here


@dataclass(frozen=True, slots=True)
class Reader:
    """How the rows of one task become items, with the labels of the output layer."""

    task: str
    labels: tuple[str, ...]
    tokenizer: Any
    longest: int

    @property
    def pad(self) -> int:
        """Id that fills a batch; it is never seen."""
        found = self.tokenizer.pad_token_id
        return int(found if found is not None else self.tokenizer.eos_token_id or 0)

    def item(self, row: Row) -> LabelledItem | None:
        """The row; None for one that nothing can be learned from."""
        if isinstance(row, TagRow):
            return tagging.encode(row.tokens, [self._label(tag) for tag in row.tags], self.tokenizer, self.longest)
        if isinstance(row, ExtractRow):
            return extract.encode(row, self.tokenizer, self.longest)
        if not isinstance(row, ClassifyRow):
            raise TypeError(f"row {row.id}: has no label")
        return self.text(row.text, self._label(row.label))

    def text(self, text: str, label: int = 0) -> LabelledItem:
        """A text as an item."""
        made = self.tokenizer(text, truncation=True, max_length=self.longest)
        return LabelledItem(tuple(made["input_ids"] or [self.pad]), (label,), cut=labelled.is_cut(made))

    def _label(self, label: str) -> int:
        return self.labels.index(label) if label in self.labels else labelled.IGNORED


def train(folder: Path, data: DataSet, settings: TuneSettings, progress: Progress) -> Result:
    """The result of a run whose run.json is there; ``best/`` holds the model, metrics.jsonl its course.

    Raises: UsageError for a method that does not learn labels; TuneFailed with the reason.
    """
    if settings.method not in METHODS or data.card.task not in TASKS:
        raise UsageError(
            f"tune.method = '{settings.method}': does not learn from a data set for {data.card.task}; "
            f"{', '.join(METHODS)} learn from one for {', '.join(TASKS)}"
        )
    labels = _labels(data)
    device.quiet_libraries()
    threads = device.set_threads(settings.threads)
    run = replace(state.read(folder), threads=threads, dtype="float32")
    began = time.perf_counter()
    if settings.method == "features":
        learned = _by_features(folder, run, data, settings, labels, progress)
    else:
        learned = _by_gradient(folder, run, data, settings, labels, progress)
    rows = data.test or data.validation
    said = predict(folder, rows, progress)
    result = replace(
        learned,
        seconds=round(time.perf_counter() - began, 2),
        peak_memory_mb=round(device.peak_memory_mb()),
        scores={**scores(data.card.task, said, rows), **_baseline(data, rows)},
    )
    state.put(folder / "result.json", asdict(result))
    return result


def _labels(data: DataSet) -> tuple[str, ...]:
    """Labels that occur in the training part, sorted. Raises: TuneFailed for fewer than two."""
    if data.card.task == "extract":
        return extract.LABELS
    found = {tag for row in data.train if isinstance(row, TagRow) for tag in row.tags}
    found |= {row.label for row in data.train if isinstance(row, ClassifyRow)}
    if len(found) < 2:
        raise TuneFailed(f"data set '{data.card.name}': has {len(found)} label to learn; two are the least")
    return tuple(sorted(found))


# without gradients


def _by_features(
    folder: Path, run: TrainingRun, data: DataSet, settings: TuneSettings, labels: tuple[str, ...], progress: Progress
) -> Result:
    if data.card.task != "classify":
        raise UsageError("tune.method = 'features': gives one vector a text; take head, full, lora or ulmfit")
    train, validation = _known(data.train, labels), _known(data.validation, labels)
    below, limit = Path(run.base.folder or "."), datasets.limit_of(data.card, settings.max_length)
    reader = None if is_embedder(settings.base) else _text_reader(below, limit)
    longest = reader.longest if reader else 0
    cut = sum(reader.text(row.text).cut for row in (*train, *validation)) if reader else 0
    vectors = partial(vectors_of, settings.base, below, longest=longest, progress=progress)
    inputs, judged = vectors([row.text for row in train]), vectors([row.text for row in validation])
    weights, biases, right = features.fit(
        inputs,
        [labels.index(row.label) for row in train],
        judged,
        [labels.index(row.label) for row in validation],
        seed=settings.seed,
    )
    part = folder / ".best.part"
    part.mkdir(parents=True, exist_ok=True)
    features.save(weights, biases, part)
    _card(part, run, data, labels, longest=longest)
    state.replace_best(folder, part)
    state.write(folder, replace(run, trained=weights.size + biases.size, cut=cut))
    state.Metrics(folder, 0).add({"step": 0, "validation_accuracy": right})
    return Result(run.name, folder, trained=weights.size + biases.size, cut=cut)


def is_embedder(base: str) -> bool:
    """Whether a model gives vectors and cannot be trained here."""
    return base.partition(":")[0] in EMBEDDERS


def _text_reader(folder: Path, limit: int) -> Reader:
    """What reads texts for their vectors."""
    tokenizer = base_model.load_tokenizer(folder)
    return Reader("classify", ("",), tokenizer, min(limit, headed.most_tokens(folder, tokenizer)))


def vectors_of(base: str, folder: Path, texts: Sequence[str], *, longest: int, progress: Progress) -> features.Features:
    """(texts, width): of an embedder, or the mean of a language model's last hidden states of ``longest`` tokens."""
    if is_embedder(base):
        from wellread import config

        embedder = select.embedder(replace(EmbedSettings(), model=base), config.models_folder())
        rows = [embedder.embed(list(texts[at : at + 256])) for at in range(0, len(texts), 256)]
        return np.concatenate(rows) if rows else np.zeros((0, embedder.dim), np.float32)
    import torch

    shape = HeadShape(("",), "mean", headed.is_decoder(folder))
    model = headed.build(folder, shape, seed=0).eval()
    reader = _text_reader(folder, longest)

    def pooled(items: Sequence[LabelledItem]) -> Any:
        vectors = model.pooled(*labelled.padded(items, reader.pad))
        return torch.nn.functional.normalize(vectors, dim=-1)

    progress.step("features", 0, len(texts))
    found = labelled.predicted(pooled, model, [reader.text(text) for text in texts], 32)
    progress.step("features", len(texts), len(texts))
    return np.stack(found) if found else np.zeros((0, model.head.in_features), np.float32)


def _known(rows: Sequence[Row], labels: Sequence[str]) -> list[ClassifyRow]:
    return [row for row in rows if isinstance(row, ClassifyRow) and row.label in labels]


# with gradients


def _by_gradient(
    folder: Path, run: TrainingRun, data: DataSet, settings: TuneSettings, labels: tuple[str, ...], progress: Progress
) -> Result:
    weights = Path(run.base.folder)
    pooling = "none" if data.card.task != "classify" else "concat" if settings.method == "ulmfit" else "mean"
    shape = HeadShape(labels, pooling, headed.is_decoder(weights))  # type: ignore[arg-type]  # one of Pooling
    model = headed.build(weights, shape, seed=settings.seed)
    classifier.attach(model, settings.method, settings)
    tokenizer = base_model.load_tokenizer(weights)
    longest = min(datasets.limit_of(data.card, settings.max_length), headed.most_tokens(weights, tokenizer))
    reader = Reader(data.card.task, labels, tokenizer, longest)
    items = {part: [reader.item(row) for row in getattr(data, part)] for part in ("train", "validation")}
    usable = {part: [one for one in rows if one is not None and one.n_targets] for part, rows in items.items()}
    left_out = tuple(
        {"part": part, "id": row.id, "reason": f"answer beyond {longest} tokens, or a label that training lacks"}
        for part, rows in items.items()
        for row, one in zip(getattr(data, part), rows, strict=True)
        if one is None or not one.n_targets
    )
    if not usable["train"]:
        raise TuneFailed(f"data set '{data.card.name}': no row can be learned from at {longest} tokens")
    rate = settings.learning_rate or classifier.RATES[settings.method]
    trained, task, course = _parts(folder, run, data, settings, model, reader, usable, rate)
    cut = sum(one.cut for rows in usable.values() for one in rows)
    run = replace(run, learning_rate=rate, trained=session.n_trained(model), left_out=left_out, cut=cut)
    state.write(folder, run)
    ended = loop.run(trained, task, course, rate, folder, session.recorder(folder, course, progress))
    position = ended.position
    return Result(
        run.name,
        folder,
        steps=position.step,
        best_step=position.best_step,
        stopped_early=ended.early,
        validation_before=position.before,
        validation_loss=position.best,
        left_out=len(left_out),
        cut=cut,
        tokens=position.tokens,
        learned_tokens=position.learned,
        trained=session.n_trained(model),  # ULMFiT has thawed more than it began with
        tokens_per_s=round(position.tokens / max(position.seconds, 1e-9), 1),
    )


def _parts(
    folder: Path,
    run: TrainingRun,
    data: DataSet,
    settings: TuneSettings,
    model: Any,
    reader: Reader,
    usable: Mapping[str, Sequence[LabelledItem]],
    rate: float,
) -> tuple[LoopModel, LabelTask, StepPlan]:
    """What the loop needs."""

    def logits(items: Sequence[LabelledItem]) -> Any:
        return model(*labelled.padded(items, reader.pad))

    cached = classifier.Cached(model, reader.pad, settings.batch) if settings.method == "head" else None
    loss = extract.loss if reader.task == "extract" else labelled.cross_entropy
    task = LabelTask(
        model, cached.logits if cached else logits, loss, usable["train"], usable["validation"], settings.batch
    )
    course = StepPlan(task.lengths, len(task.lengths), settings, 0.0)
    thaws = settings.method == "ulmfit"
    groups = ulmfit.groups(model, rate) if thaws else classifier.groups(model, settings.method, rate)
    learned = dict(session.trainable(model))
    if thaws:
        begun = checkpoint.latest(folder / "checkpoints")
        ulmfit.thaw(model, int(begun.name.partition("-")[2]) // course.steps_per_epoch if begun else 0)

    def after_step(step: int) -> None:
        if thaws and (step + 1) % course.steps_per_epoch == 0 and step + 1 < course.total:
            ulmfit.thaw(model, (step + 1) // course.steps_per_epoch)

    def restore(found: Mapping[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, parameter in learned.items():
                parameter.copy_(found[name])

    def save(best: Path) -> None:
        part = best.parent / ".best.part"
        part.mkdir(parents=True, exist_ok=True)
        headed.save(model, part)
        reader.tokenizer.save_pretrained(part)
        _card(part, run, data, reader.labels, longest=reader.longest)
        tuned.check(part)
        state.replace_best(best.parent, part)

    trained = LoopModel(model, lambda: groups, lambda: learned, restore, save, after_step=after_step)
    return trained, task, course


def _card(part: Path, run: TrainingRun, data: DataSet, labels: Sequence[str], longest: int = 0) -> None:
    about = {"method": run.method, "mergeable": False, "task": data.card.task, "labels": list(labels)}
    state.put(part / tuned.CARD, {**about, "longest": longest, "base": asdict(run.base), "run": run.name})


# using it


def predict(folder: Path, rows: Sequence[Row], progress: Progress) -> list[Any]:
    """What the model of a run says: a label a text, a tuple of tags a sentence, an answer (or «») a question.

    Args:
        folder: of the run.
        rows: of the task that it learned.
        progress: is told of stages.
    Raises: ModelError where there is no model.
    """
    card = tuned.card_of(folder / "best")
    base = Path(card["base"]["folder"] or ".")
    labels = tuple(card["labels"])
    if card["method"] == "features":
        weights, biases = features.load(folder / "best")
        texts = [row.text for row in rows if isinstance(row, ClassifyRow)]
        longest = card["longest"] or datasets.LONGEST
        vectors = vectors_of(card["base"]["name"], base, texts, longest=longest, progress=progress)
        return [labels[n] for n in (vectors @ weights.T + biases).argmax(1)] if texts else []
    model = headed.load(folder / "best", base)
    reader = Reader(card["task"], labels, base_model.load_tokenizer(folder / "best"), card["longest"])
    items = [_to_predict(row, reader) for row in rows]

    def logits(some: Sequence[LabelledItem]) -> Any:
        return model(*labelled.padded(some, reader.pad))

    progress.step("predict", 0, len(rows))
    made = labelled.predicted(logits, model, items, 32)
    return [_said(row, item, one, labels) for row, item, one in zip(rows, items, made, strict=True)]


def _to_predict(row: Row, reader: Reader) -> LabelledItem:
    if isinstance(row, TagRow):
        return tagging.encode(row.tokens, None, reader.tokenizer, reader.longest)
    if isinstance(row, ExtractRow):
        return extract.unanswered(row, reader.tokenizer, reader.longest)
    return reader.text(row.text if isinstance(row, ClassifyRow) else "")


def _said(row: Row, item: LabelledItem, logits: Any, labels: Sequence[str]) -> Any:
    if isinstance(row, TagRow):
        tags = [labels[n] for n, at in zip(logits.argmax(-1), item.target, strict=True) if at != labelled.IGNORED]
        return (*tags, *["O"] * (len(row.tokens) - len(tags)))[: len(row.tokens)]
    if isinstance(row, ExtractRow):
        return extract.answer(logits, item, row.context)
    return labels[int(logits.argmax())]


def scores(task: str, said: Sequence[Any], rows: Sequence[Row]) -> dict[str, float]:
    """Figures of the task: accuracy and F1 of labels, F1 of spans, exact match and F1 of answers."""
    if not rows:
        return {}
    if task == "tag":
        return tagging.scores(said, [row.tags for row in rows if isinstance(row, TagRow)])
    if task == "extract":
        return extract.scores(said, [row for row in rows if isinstance(row, ExtractRow)])
    wanted = [row.label for row in rows if isinstance(row, ClassifyRow)]
    return {"accuracy": labelled.accuracy(said, wanted), "macro_f1": labelled.macro_f1(said, wanted)}


def _baseline(data: DataSet, rows: Sequence[Row]) -> dict[str, float]:
    """What saying the most frequent label every time would score."""
    if data.card.task != "classify" or not rows:
        return {}
    often = Counter(row.label for row in data.train if isinstance(row, ClassifyRow)).most_common(1)[0][0]
    said = [often] * len(rows)
    return {"always_the_most_frequent": scores("classify", said, rows)["accuracy"]}
