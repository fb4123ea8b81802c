"""The tuned models of a base: what each learned from, how good it is, what serves it, and what depends on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread import paths
from wellread.config import suggestion
from wellread.errors import StoreError, UsageError
from wellread.evaluate.compare import Training
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.results import Way
from wellread.models.providers import llamacpp
from wellread.store import lineage
from wellread.tune.data import data as datasets
from wellread.tune.ship import export
from wellread.tune.ship.export import Exported
from wellread.tune.train import outcome, state, tuned
from wellread.tune.train.state import TrainingRun
from wellread.types import Document

IN_USE = paths.IN_USE


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A finished run as something to be used; ``result`` is what result.json holds.

    ``in_use`` says that ``chat.model`` names one of its exports; ``size_bytes`` counts the whole folder.
    """

    run: TrainingRun
    folder: Path
    result: Mapping[str, Any]
    exports: tuple[Exported, ...]
    in_use: bool
    size_bytes: int

    @property
    def name(self) -> str:
        """The run's name, which is the model's."""
        return self.run.name

    @property
    def says_labels(self) -> bool:
        """Whether it says labels, tags or places in a text instead of writing."""
        return bool(tuned.card_of(self.folder / "best").get("labels"))


@dataclass(frozen=True, slots=True)
class Learned:
    """A document that a weight learned from, in the version it had then; ``now`` is its live version, None if gone."""

    document_id: str
    version: int
    uri: str
    title: str
    now: int | None

    @property
    def state(self) -> str:
        """``as it was``, ``changed since`` or ``removed since``."""
        if self.now is None:
            return "removed since"
        return "as it was" if self.now == self.version else "changed since"


@dataclass(frozen=True, slots=True)
class Stale:
    """A tuned model that learned from documents which are no more what they were."""

    name: str
    documents: tuple[Learned, ...]
    in_use: bool


@dataclass(frozen=True, slots=True)
class Retrain:
    """A tuned model that learned from documents (their uris, sorted) which were just removed."""

    documents: tuple[str, ...]
    in_use: bool


@dataclass(frozen=True, slots=True)
class RemovedDocuments:
    """How many documents were removed, and which tuned models learned from them, by name."""

    n: int
    retrain: Mapping[str, Retrain]


def models(base: KnowledgeBase, chat_model: str) -> list[TunedModel]:
    """The finished runs that belong to ``base.who``, oldest first; damaged folders are left to ``wellread tune runs``.

    ``chat_model`` is the value of ``chat.model``.
    """
    found = []
    for folder, run in _runs(base):
        if run.state == "finished":
            found.append(_model(folder, run, chat_model))
    return found


def find(base: KnowledgeBase, name: str, chat_model: str) -> TunedModel:
    """The tuned model of that name. Raises: UsageError where ``base.who`` has none."""
    known = {model.name: model for model in models(base, chat_model)}
    if name not in known:
        there = f"; there are {', '.join(known)}" if known else "; train one: wellread tune run"
        raise UsageError(f"{name}: no tuned model of this base{suggestion(name, known) or there}")
    return known[name]


def _runs(base: KnowledgeBase) -> list[tuple[Path, TrainingRun]]:
    """Folders and runs of ``base.who`` that can be read, oldest first."""
    found = []
    for path in (base.folder / state.FOLDER).glob("*/run.json"):
        try:
            run = state.read(path.parent)
        except StoreError:
            continue
        if state.belongs_to(base, run):
            found.append((path.parent, run))
    return sorted(found, key=lambda pair: (pair[1].started_at, pair[0]))


def _model(folder: Path, run: TrainingRun, chat_model: str) -> TunedModel:
    exports = [export.read(path) for path in sorted((folder / export.FOLDER).glob("*/"))]
    known = tuple(one for one in exports if one is not None)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    used = bool(chat_model) and any(one.setting == chat_model for one in known)
    return TunedModel(run, folder, outcome.result_of(folder) or {}, known, used, size)


def served(base: KnowledgeBase, tuned: str) -> str:
    """What ``chat.model`` would be for a tuned model: kind:name as it is, a run's name as its first export.

    Raises: UsageError where no such run is there, or it was not exported.
    """
    if not tuned or ":" in tuned:
        return tuned
    found = find(base, tuned, base.settings["chat"].model)
    exported = [one.setting for one in found.exports if one.setting]
    if not exported:
        raise UsageError(f"--tuned {tuned}: is not exported yet; run: wellread models export {tuned} --to gguf-f16")
    return exported[0]


def training(base: Path, chosen: Sequence[Way]) -> dict[str, Training]:
    """What the training of each tuned way took, where its model was exported by a run of the base in this folder."""
    found = {}
    for way in chosen:
        named = [text.partition("=llama:")[2] for text in way.overrides if text.startswith("chat.model=llama:")]
        if not way.trained or not named:
            continue
        plain, adapter = llamacpp.split(named[-1])
        exported = export.read((adapter or Path(plain)).expanduser().parent)
        result = outcome.result_of(state.folder_of(base, exported.run)) if exported else None
        if result is not None:
            found[way.name] = Training(float(result["seconds"]))
    return found


def remove(model: TunedModel) -> int:
    """Bytes that deleting the run's folder freed; its lineage stays, for what was made from it.

    Raises: UsageError where chat.model names it.
    """
    if model.in_use:
        raise UsageError(f"{model.name}: answers now, as chat.model says; first: wellread models use base")
    with state.alone(model.folder):
        shutil.rmtree(model.folder)
    return model.size_bytes


# what learned from what


def learned_from(base: KnowledgeBase, run: TrainingRun) -> list[Learned]:
    """The documents that a tuned model learned from, by their uri; those that are gone have none."""
    return _learned(base, run, _live(base))


def learned_by(base: KnowledgeBase, document: str) -> tuple[Document, list[str], list[str]]:
    """A document by its id, uri or the end of it; the data sets and the tuned models that learned from it.

    Raises: UsageError where no document, or more than one, is called so.
    """
    live = _live(base)
    chosen = [one for one in live.values() if document in (one.id, one.uri) or one.uri.endswith(f"/{document}")]
    if len(chosen) != 1:
        what = "is no tuned model and no document" if not chosen else f"may be any of {len(chosen)} documents"
        raise UsageError(f"{document}: {what} of this base; see wellread models list, wellread status --documents")
    with base.store.reading() as connection:
        made = {id for id, _ in lineage.downstream(connection, chosen[0].id, who=base.who)}
    runs = [folder.name for folder, run in _runs(base) if state.artifact_of(run) in made]
    sets = [name for name in datasets.listing(base) if _data_artifact(base, name) in made]
    return chosen[0], sets, runs


def stale(base: KnowledgeBase, chat_model: str) -> list[Stale]:
    """Tuned models with documents that were removed or changed since they learned from them, oldest first."""
    live = _live(base)
    found = []
    for model in models(base, chat_model):
        other = [one for one in _learned(base, model.run, live) if one.now != one.version]
        if other:
            found.append(Stale(model.name, tuple(other), model.in_use))
    return found


def remove_documents(base: KnowledgeBase, what: str) -> RemovedDocuments:
    """Takes documents out of the base, and says which tuned models learned from them.

    Raises: as ``KnowledgeBase.remove``.
    """
    model = base.settings["chat"].model
    known = {document.id: document.uri for document in base.documents()}
    before = {one.name: _gone(one) for one in stale(base, model)}
    n = base.remove(what)
    learned = {}
    for one in stale(base, model):
        gone = _gone(one) - before.get(one.name, set())
        if gone:
            learned[one.name] = Retrain(tuple(sorted(known.get(id, id) for id in gone)), one.in_use)
    return RemovedDocuments(n, learned)


def _gone(stale: Stale) -> set[str]:
    """Ids of documents that are no more."""
    return {one.document_id for one in stale.documents if one.now is None}


def _live(base: KnowledgeBase) -> dict[str, Document]:
    return {document.id: document for document in base.documents()}


def _learned(base: KnowledgeBase, run: TrainingRun, live: Mapping[str, Document]) -> list[Learned]:
    with base.store.reading() as connection:
        inputs = lineage.upstream(connection, state.artifact_of(run), who=base.who)
    found = []
    for one in inputs:
        if one.kind == "document":
            now = live.get(one.id)
            uri, title = (now.uri, now.title) if now else ("", "")
            found.append(Learned(one.id, one.version, uri, title, now.version if now else None))
    return sorted(found, key=lambda learned: (learned.uri, learned.document_id))


def _data_artifact(base: KnowledgeBase, name: str) -> str:
    return datasets.artifact_id(datasets.card_of(datasets.folder_of(base.folder, name)))


# what chat.model was before


def remember(base: Path, chat_model: str) -> None:
    """Keeps what ``chat.model`` was before a tuned model took its place."""
    (base / IN_USE).parent.mkdir(parents=True, exist_ok=True)
    state.put(base / IN_USE, {"before": chat_model})


def before(base: Path) -> str | None:
    """What ``chat.model`` was before the first promotion; None where nothing was promoted."""
    try:
        return str(json.loads((base / IN_USE).read_text("utf-8"))["before"])
    except (OSError, ValueError, KeyError):  # nothing was promoted yet
        return None
