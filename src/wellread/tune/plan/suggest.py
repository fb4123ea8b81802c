"""Which model to begin with: those at hand, held against wishes, and tried on a few of the user's own examples.

Facts come from the files themselves (GGUF metadata, the model card beside a folder) and from the record of ``models
pull``; nothing is looked up elsewhere. What a file does not say is said to be unknown, never guessed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wellread.errors import ModelError, WellreadError
from wellread.metrics import metrics
from wellread.models import pull, select
from wellread.models.api import Chat, Message, Sampling
from wellread.models.catalog import PACKAGED
from wellread.models.providers import llamacpp
from wellread.models.settings import ChatSettings
from wellread.progress import SILENT, Progress
from wellread.tune.base import device, gguf_file
from wellread.tune.data.data import ChatRow, ClassifyRow, DataSet, ExtractRow, PairRow, Row

SHOTS = 3
ANSWER_TOKENS = 48
TRAINING_BYTES = 4 + 1  # a weight in float32, and what an adapter and its optimizer add, rounded up
ACTIVATIONS_GB = 1.5  # of a batch of 8 examples, measured on SmolLM2-135M (docs/log.md)
CARDS = {  # models whose files carry no card: what their makers say
    "smollm2-135m": "English; may be wrong, inconsistent or biased as its training data are (SmolLM2 model card)",
}
_BIAS = re.compile(r"^#+\s.*\b(?:bias|limitation|risk)\w*.*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the model has to be; an empty wish is none. ``seconds`` an answer, ``memory_gb`` to train with LoRA."""

    language: str = ""
    licences: tuple[str, ...] = ()
    memory_gb: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelCandidate:
    """A model as its files describe it; None and empty are unknown. ``here``: it is on this machine."""

    setting: str
    here: bool
    size_bytes: int
    n_parameters: int | None
    licence: str
    languages: tuple[str, ...]
    biases: str
    trainable: bool
    context_tokens: int | None = None

    @property
    def training_gb(self) -> float | None:
        """Memory that training it with LoRA takes, roughly."""
        if self.n_parameters is None:
            return None
        return self.n_parameters * TRAINING_BYTES / 1e9 + ACTIVATIONS_GB


@dataclass(frozen=True, slots=True)
class Tried:
    """How a candidate did on ``n`` examples: score without examples in the prompt and with SHOTS, seconds an answer."""

    n: int
    zero_shot: float
    few_shot: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A candidate with what was measured (None where it was not), and each wish that it does not meet."""

    candidate: ModelCandidate
    tried: Tried | None
    against: tuple[str, ...]


def suggest(
    models_folder: Path,
    chat: ChatSettings,
    wishes: Wishes,
    data: DataSet | None,
    *,
    n: int = 8,
    progress: Progress = SILENT,
) -> list[Suggestion]:
    """The candidates, best first: those that meet every wish, by their better score; then the others.

    Args:
        models_folder: where pulled models are kept.
        chat: section ``chat``; its model is a candidate too.
        wishes: what is asked.
        data: examples to try them on; None tries nothing.
        n: examples at most.
        progress: is told of each candidate.
    """
    found = []
    candidates = known(models_folder, chat)
    for at, candidate in enumerate(candidates):
        progress.step("try", at, len(candidates), candidate.setting)
        tried, fault = None, ""
        if data is not None and candidate.here and not _unmet(candidate, None, wishes):
            try:
                tried = measure(select.chat(replace(chat, model=candidate.setting), models_folder), data, n)
            except WellreadError as error:  # one that cannot be opened is no reason not to try the others
                fault = str(error)
        against = (*_unmet(candidate, tried, wishes), *([fault] if fault else []))
        found.append(Suggestion(candidate, tried, against))
    return sorted(found, key=_order)


def _order(one: Suggestion) -> tuple[bool, bool, float, int]:
    score = max(one.tried.zero_shot, one.tried.few_shot) if one.tried else 0.0
    return bool(one.against), not one.candidate.here, -score, one.candidate.size_bytes


def known(models_folder: Path, chat: ChatSettings) -> list[ModelCandidate]:
    """Models that write and are on this machine, the one of ``chat.model`` among them, and those of the catalog."""
    found: dict[str, ModelCandidate] = {}
    for one in pull.installed(models_folder):
        path = models_folder / one.path
        if path.suffix == ".gguf":
            found[one.as_setting] = of_gguf(one.as_setting, path, one.licence, CARDS.get(one.name, ""))
        elif (path / "tokenizer_config.json").is_file() and _writes(path):
            found[one.as_setting] = of_folder(one.as_setting, path, one.licence)
    for path in models_folder.glob("*.gguf"):  # laid there by hand
        found.setdefault(f"llama:{path.stem}", of_gguf(f"llama:{path.stem}", path, "", CARDS.get(path.stem, "")))
    kind, _, name = chat.model.partition(":")
    if kind == "llama" and name.endswith(".gguf") and "+" not in name and Path(name).expanduser().is_file():
        found.setdefault(chat.model, of_gguf(chat.model, Path(name).expanduser(), "", ""))
    for entry in PACKAGED.values():
        absent = ModelCandidate(
            f"llama:{entry.name}", False, entry.size_bytes, None, entry.licence, (), CARDS.get(entry.name, ""), True
        )
        found.setdefault(absent.setting, absent)
    return list(found.values())


def of_gguf(setting: str, path: Path, licence: str, biases: str) -> ModelCandidate:
    """What a GGUF file says about itself. A file that is none gives a candidate of unknown facts."""
    size = path.stat().st_size
    try:
        llamacpp.check_gguf(path)
        pattern = gguf_file.open_pattern(path, any_architecture=True)
    except (ModelError, ValueError, IndexError, OSError):
        return ModelCandidate(setting, True, size, None, licence, (), biases, False)
    n = sum(int(tensor.n_elements) for tensor in pattern.reader.tensors)
    languages = pattern.value("general.languages", ()) or ()
    return ModelCandidate(
        setting=setting,
        here=True,
        size_bytes=size,
        n_parameters=n,
        licence=licence or str(pattern.value("general.license", "")),
        languages=tuple(str(one) for one in languages),
        biases=biases,
        trainable=pattern.architecture in gguf_file.SUPPORTED,
        context_tokens=pattern.size("context_length") or None,
    )


def of_folder(setting: str, folder: Path, licence: str) -> ModelCandidate:
    """What a folder of safetensors and its model card say. llama.cpp cannot try it; it can be trained."""
    from safetensors import safe_open

    n = 0
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        with safe_open(path, "np") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - no mapping
                shape = tensors.get_slice(name).get_shape()
                n += int(_product(shape))
    card = _read(folder / "README.md")
    listed = re.search(r"^language:(.*\n(?:[ \t]*-.*\n)*)", card, re.MULTILINE)
    languages = tuple(re.findall(r"\b[a-z]{2,3}\b", listed[1])) if listed else ()
    stated = re.search(r"^license:\s*(\S+)", card, re.MULTILINE)
    return ModelCandidate(
        setting=setting,
        here=True,
        size_bytes=sum(path.stat().st_size for path in files),
        n_parameters=n,
        licence=licence or (stated[1] if stated else ""),
        languages=languages,
        biases=biases_of(card),
        trainable=True,
    )


def biases_of(card: str) -> str:
    """The first sentence of a card's section about bias, limitations or risks; empty where it has none."""
    heading = _BIAS.search(card)
    if heading is None:
        return ""
    text = re.split(r"^#+\s", card[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    first = re.split(r"(?<=[.!?])\s", " ".join(text.split()), maxsplit=1)[0]
    return first[:300]


def _writes(folder: Path) -> bool:
    architectures = json.loads(_read(folder / "config.json") or "{}").get("architectures") or ()
    return any(str(one).endswith("ForCausalLM") for one in architectures)


def _product(shape: Sequence[int]) -> int:
    made = 1
    for size in shape:
        made *= size
    return made


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def _unmet(one: ModelCandidate, tried: Tried | None, wishes: Wishes) -> tuple[str, ...]:
    found = []
    if wishes.licences and not any(one.licence.lower() == wanted.lower() for wanted in wishes.licences):
        found.append(f"licence {one.licence or 'not stated'}")
    if wishes.language and wishes.language not in one.languages:
        found.append(f"languages {', '.join(one.languages) or 'not stated'}")
    most = wishes.memory_gb or device.free_memory_gb()
    if one.training_gb is not None and one.training_gb > most:
        found.append(f"training takes about {one.training_gb:.1f} GB, {most:.1f} are there")
    if wishes.seconds and tried is not None and tried.seconds > wishes.seconds:
        found.append(f"{tried.seconds:.1f} s an answer")
    return tuple(found)


# trying


def measure(chat: Chat, data: DataSet, n: int) -> Tried:
    """Scores of a chat model on up to ``n`` rows that are not trained on; examples for the prompt are trained on."""
    asked = [asked_of(row, data) for row in (*data.validation, *data.test)[:n]]
    shots = [asked_of(row, data) for row in data.train[:SHOTS]]
    turns = [turn for question, answer in shots for turn in (Message("user", question), Message("assistant", answer))]
    begun = time.perf_counter()
    zero = [_score(_said(chat, [Message("user", question)]), wanted) for question, wanted in asked]
    seconds = (time.perf_counter() - begun) / max(1, len(asked))
    few = [_score(_said(chat, [*turns, Message("user", question)]), wanted) for question, wanted in asked]
    total = max(1, len(asked))
    return Tried(len(asked), sum(zero) / total, sum(few) / total, seconds)


def asked_of(row: Row, data: DataSet) -> tuple[str, str]:
    """A row as a question and the answer that is wanted. Raises: ModelError for tasks that no chat model is asked."""
    if isinstance(row, ChatRow):
        last = max(n for n, turn in enumerate(row.messages) if turn.role == "assistant")
        return row.messages[last - 1].content, row.messages[last].content
    if isinstance(row, PairRow):
        return row.source, row.target
    if isinstance(row, ClassifyRow):
        labels = sorted({one.label for one in data.train if isinstance(one, ClassifyRow)})
        return f"{row.text}\n\nAnswer with one of these labels alone: {', '.join(labels)}", row.label
    if isinstance(row, ExtractRow):
        wanted = row.answers[0].text if row.answers else "not in the text"
        return f"{row.context}\n\n{row.question}", wanted
    raise ModelError(f"data set '{data.card.name}': is for {data.card.task}, which no chat model can be asked")


def _said(chat: Chat, messages: Sequence[Message]) -> str:
    return chat.reply(messages, Sampling(max_tokens=ANSWER_TOKENS)).text


def _score(said: str, wanted: str) -> float:
    """1 where the answer holds what is wanted, else the F1 of their words."""
    return 1.0 if metrics.holds(said, [wanted]) else metrics.token_f1(said, [wanted])


def fields(one: Suggestion) -> dict[str, Any]:
    """A suggestion for a program."""
    known_of = {**asdict(one.candidate), "training_gb": one.candidate.training_gb}
    return {**known_of, "tried": one.tried, "against": one.against}
