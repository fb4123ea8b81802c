"""THE VERB: settings and a prepared data set come in; the best weights in a run folder, or the reason for none, go out.

Whatever happens, run.json says it: finished means that the weights in ``best/`` beat the base model on the validation
part, were read back from disk, and hold finite numbers only.
"""

from __future__ import annotations

import gc
import os
import platform
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from wellread import config, digests
from wellread.errors import UsageError, WellreadError
from wellread.evaluate.memory import PeakMemory
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT, Progress
from wellread.store import lineage
from wellread.store.lineage import Input
from wellread.tune import recipe
from wellread.tune.align import run as align
from wellread.tune.base import base_model, device
from wellread.tune.data import data as datasets
from wellread.tune.data.data import DataSet
from wellread.tune.labels import run as labels
from wellread.tune.labels import text2text
from wellread.tune.layers import choose
from wellread.tune.recipe import MethodPlan, Recipe
from wellread.tune.scratch import run as scratch
from wellread.tune.settings import TuneSettings
from wellread.tune.train import examples, loop, outcome, rehearse, session, state, tuned
from wellread.tune.train.examples import EncodedParts
from wellread.tune.train.outcome import Result
from wellread.tune.train.state import BaseWeights, TrainingData, TrainingRun


def start(base: KnowledgeBase, settings: TuneSettings, *, name: str = "", progress: Progress = SILENT) -> Result:
    """Trains on the data set that ``settings.data`` names, into a new run folder of the base.

    Raises: UsageError for a data set, a base model or a name that does not fit; TuneFailed with the reason that
        run.json holds too; MissingExtra.
    """
    data = datasets.load(datasets.find(base, chosen_data(base, settings)))
    settings = replace(settings, max_length=datasets.limit_of(data.card, settings.max_length))  # as it is now
    name = name or state.fresh_name(base.folder, data.card.name, settings.method)
    folder = state.folder_of(base.folder, name)
    if (folder / "run.json").exists():
        raise UsageError(f"run '{name}': is there already; take another --name, or resume it: --resume {name}")
    weights, gguf, digest = resolve_base(settings, config.models_folder())
    folder.mkdir(parents=True, exist_ok=True)
    with state.alone(folder):
        run = TrainingRun(
            name=name,
            state="running",
            settings=asdict(settings),
            data=TrainingData(data.card.name, data.card.hash, dict(data.card.counts), data.card.documents),
            base=BaseWeights(settings.base, digest, str(weights), str(gguf or "")),
            method=settings.method,
            seed=settings.seed,
            pid=os.getpid(),
            host=platform.node(),
            started_at=state.now(),
            environment=state.environment(),
            tenant=base.who.tenant,
            user=base.who.user,
        )
        state.write(folder, run)
        return _carry_out(base, folder, data, progress)


def resume(base: KnowledgeBase, name: str, *, progress: Progress = SILENT) -> Result:
    """Goes on with a run that was stopped or killed, with the settings that it began with.

    Raises: as ``start``; UsageError where the run is finished, or its data set or base model are others now.
    """
    folder = state.find(base, name)
    with state.alone(folder):
        run = state.read(folder)
        if run.state == "finished":
            raise UsageError(f"run '{name}': is finished; nothing is left to do")
        data = datasets.load(datasets.find(base, run.data.name))
        if data.card.hash != run.data.hash:
            raise UsageError(f"run '{name}': its data set '{data.card.name}' has changed; start a new run")
        _, _, digest = resolve_base(settings_of(run), config.models_folder())
        if digest != run.base.digest:
            raise UsageError(f"run '{name}': its base {run.base.name} has other weights now; start a new run")
        state.repair_best(folder)
        again = replace(run, state="running", reason="", ended_at="", pid=os.getpid(), host=platform.node())
        state.write(folder, again)
        return _carry_out(base, folder, data, progress)


def chosen_data(base: KnowledgeBase, settings: TuneSettings) -> str:
    """The data set of the settings, or the only one there is. Raises: UsageError where that is not clear."""
    if settings.data:
        return settings.data
    known = datasets.listing(base)
    if len(known) == 1:
        return known[0]
    if known:
        raise UsageError(f"tune.data is empty and there are {', '.join(known)}; name one: --data {known[0]}")
    raise UsageError("there is no data set to learn from; make one: wellread tune prepare FILE --name NAME")


def kind_of(data: DataSet, settings: TuneSettings) -> Literal["scratch", "labels", "preferences", "conversations"]:
    """What learns from a data set with these settings.

    A model from nothing, one for labels, one that writes like the preferred answers, or one that writes.
    """
    if settings.method == "scratch":
        return "scratch"
    labelled = data.card.task in labels.TASKS or settings.method in labels.OWN_METHODS
    if labelled:
        return "labels"
    return "preferences" if data.card.task in align.TASKS else "conversations"


def resolve_base(settings: TuneSettings, models_folder: Path) -> tuple[Path, Path | None, str]:
    """As ``base_model.resolve``; a model from nothing has no base, and features may come from any embedder.

    Raises: as it does.
    """
    if settings.method == "scratch":
        return Path(), None, ""
    if settings.method == "features" and labels.is_embedder(settings.base):
        return Path(), None, digests.of_text(settings.base)
    return base_model.resolve(settings.base, models_folder)


def settings_of(run: TrainingRun) -> TuneSettings:
    """The settings that a run began with."""
    return TuneSettings(**{**run.settings, "targets": tuple(run.settings["targets"])})


def _carry_out(base: KnowledgeBase, folder: Path, data: DataSet, progress: Progress) -> Result:
    """The result; whatever ends the run stands in run.json."""
    watched = PeakMemory()
    try:
        with watched:
            result = _train(folder, data, progress)
    except WellreadError as error:
        _keep_memory(folder, watched)
        _end(folder, "failed", str(error))
        raise
    except KeyboardInterrupt:
        _end(folder, "stopped", "Ctrl-C; resume it: --resume")
        raise
    result = replace(result, peak_memory_mb=_keep_memory(folder, watched) or result.peak_memory_mb)
    run = state.read(folder)
    _record_lineage(base, run, data)
    _end(folder, "finished", "")
    return result


def _keep_memory(folder: Path, watched: PeakMemory) -> float | None:
    """The most that the process held during this run, also in result.json: others may have run in it before."""
    found, most = outcome.result_of(folder), watched.mb
    if most is None:
        return None
    if found is not None:
        state.put(folder / "result.json", {**found, "peak_memory_mb": round(most)})
    return round(most)


def _end(folder: Path, how: str, reason: str) -> None:
    run = replace(state.read(folder), state=how, reason=reason, ended_at=state.now())
    state.write(folder, run)
    outcome.draw(folder, run)


def _train(folder: Path, data: DataSet, progress: Progress) -> Result:
    run = state.read(folder)
    settings, weights = settings_of(run), Path(run.base.folder)
    kind = kind_of(data, settings)
    if kind == "scratch":
        return scratch.train(folder, data, settings, progress)
    if kind == "labels":
        return labels.train(folder, data, settings, progress)
    if kind == "preferences":
        return align.train(folder, data, settings, progress)
    method = recipe.find(settings.method)
    device.quiet_libraries()
    threads = device.set_threads(run.threads or settings.threads)
    tokenizer = base_model.load_tokenizer(weights)
    rows = examples.encode_rows(data, tokenizer, settings.max_length)
    before = outcome.before(folder, run, tokenizer, rows, method, progress)
    rows = _with_rehearsal(folder, settings, rows, weights, tokenizer, progress)
    choice = choose.choice(folder, settings, weights, rows, tokenizer, progress)
    replay = session.replay_of(rows, settings)
    course = session.course_of(rows, settings, replay)
    model = tuned.open_base(method, weights)
    described = replace(run.base, n_parameters=session.n_parameters(model), architecture=str(model.config.model_type))
    plan = MethodPlan(settings, course.total, tokenizer, folder, choice)
    trained = session.attach(method, model, plan, {"base": asdict(run.base), "run": run.name, "data": asdict(run.data)})
    dtype = run.dtype or session.dtype_of(trained.model, rows, settings, tokenizer)
    run = replace(
        run,
        threads=threads,
        dtype=dtype,
        replay=replay,
        learning_rate=settings.learning_rate or method.learning_rate,
        trained=session.n_trained(trained.model),
        left_out=rows.left_out,
        cut=rows.cut,
        base=described,
    )
    state.write(folder, run)
    task = session.task_of(trained.model, rows, settings, tokenizer, bf16=dtype == "bfloat16")
    record = session.recorder(folder, course, progress)
    ended = loop.run(trained, task, course, run.learning_rate, folder, record)
    del model, trained, task
    gc.collect()
    result = outcome.judge(folder, run, tokenizer, rows, before, ended, progress)
    return _scored(folder, result, data, method, weights, tokenizer)


def _scored(folder: Path, result: Result, data: DataSet, method: Recipe, weights: Path, tokenizer: Any) -> Result:
    """The result with the measures of what was written, where texts become texts and there is a test part."""
    if data.card.task != "text2text" or not data.test:
        return result
    found = text2text.judge(
        lambda: tuned.open_base(method, weights).eval(),
        lambda: tuned.load(folder / "best", weights),
        tokenizer,
        data.test,
    )
    result = replace(result, scores=found)
    state.put(folder / "result.json", asdict(result))
    return result


def _with_rehearsal(
    folder: Path, settings: TuneSettings, rows: EncodedParts, weights: Path, tokenizer: Any, progress: Progress
) -> EncodedParts:
    """The rows, with texts of the base model's own among the general ones where general ones are mixed in."""
    if not settings.rehearse or not session.replay_of(rows, settings):
        return rows
    model = base_model.load_model(weights)
    made = rehearse.texts(folder, model, tokenizer, settings.rehearse, progress, seed=settings.seed)
    del model
    gc.collect()
    return replace(rows, general=(*rows.general, *made))


def _record_lineage(base: KnowledgeBase, run: TrainingRun, data: DataSet) -> None:
    """The tuned model stands in the lineage, made from its data set."""
    settings = {**run.settings, "base": run.base.name, "base_digest": run.base.digest, "run": run.name}
    inputs = [Input(lineage.ARTIFACT, datasets.artifact_id(data.card))]
    with base.store.writing() as tx:
        lineage.record(
            tx, state.artifact_of(run), "tuned", inputs, settings, who=base.who, code_version=run.code_version
        )
