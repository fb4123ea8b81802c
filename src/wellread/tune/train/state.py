"""The folder of a run: what it was asked to do, how far it is, what came of it.

run.json        settings, data hash, base, code version, seed, environment, state and reason
metrics.jsonl   a row for each step and each validation
checkpoints/    what a resumed run resumes from
best/           the weights with the lowest validation loss; tuned.json says how to load them
result.json     losses, probes, speed; only where the run finished or failed after training
curves.png report.html
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellread import config, digests, paths
from wellread.config import VERSION, suggestion
from wellread.errors import StoreError, UsageError
from wellread.store import lineage

if TYPE_CHECKING:
    from wellread.knowledge_base import KnowledgeBase

FOLDER = paths.RUNS
LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "numpy")


@dataclass(frozen=True, slots=True)
class BaseWeights:
    """The weights that a run starts from.

    ``name`` is as the user writes it, ``digest`` the SHA-256 of the GGUF file or of the folder's weights; ``folder``
    holds the safetensors that are loaded, ``gguf`` is the file that they were made from, empty where there is none.
    """

    name: str
    digest: str
    folder: str
    gguf: str = ""
    architecture: str = ""  # empty until the model was opened
    n_parameters: int = 0


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The frozen data set that a run learns from: how many rows each part has, ids of the documents it was made of."""

    name: str
    hash: str
    counts: Mapping[str, int] = field(default_factory=dict)
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training run as run.json holds it; ``state`` is running, finished, stopped or failed, ``reason`` why."""

    name: str
    state: str
    settings: Mapping[str, Any]
    data: TrainingData
    base: BaseWeights
    method: str
    seed: int
    dtype: str = ""  # empty until it was chosen
    threads: int = 0
    learning_rate: float = 0.0
    replay: float = 0.0
    trained: int = 0  # parameters that are trained
    left_out: tuple[Mapping[str, Any], ...] = ()  # rows that nothing can be learned from, each with the reason
    cut: int = 0  # rows that lost their end to the length limit
    choice: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    pid: int = 0
    host: str = ""
    started_at: str = ""
    ended_at: str = ""
    code_version: str = VERSION
    environment: Mapping[str, str] = field(default_factory=dict)
    tenant: str = "default"  # whose it is; see ``belongs_to``
    user: str = ""  # who started it


def folder_of(base: Path, name: str) -> Path:
    """Where the run of that name lies in the base. Raises: UsageError for a name that would leave the base."""
    return base / FOLDER / paths.safe_name(name, "run")


def belongs_to(base: KnowledgeBase, run: TrainingRun) -> bool:
    """Whether the run is one of the tenant's, and has learned from nothing that ``base.who`` may not read."""
    if run.tenant != base.who.tenant:
        return False
    with base.store.reading() as connection:
        for artifact in (artifact_of(run), f"data-{run.data.hash[:16]}"):  # the data set's, until it is finished
            if lineage.known(connection, artifact, who=base.who):
                return lineage.may_read(connection, artifact, who=base.who)
        return lineage.all_visible(connection, run.data.documents, who=base.who)


def names(base: KnowledgeBase) -> list[str]:
    """Names of the runs of a base that belong to ``base.who``, oldest first."""
    runs = [(read(path.parent), path) for path in _every(base.folder)]
    return [path.parent.name for run, path in sorted(runs, key=_age) if belongs_to(base, run)]


def _every(base: Path) -> list[Path]:
    return list((base / FOLDER).glob("*/run.json"))


def _age(pair: tuple[TrainingRun, Path]) -> tuple[str, Path]:
    return pair[0].started_at, pair[1]


def find(base: KnowledgeBase, name: str) -> Path:
    """The folder of a run. Raises: UsageError where the base has none of that name for ``base.who``."""
    folder = folder_of(base.folder, name)
    if not (folder / "run.json").is_file() or not belongs_to(base, read(folder)):
        known = names(base)
        there = f"; there are {', '.join(known)}" if known else "; start one: wellread tune run"
        raise UsageError(f"run '{name}': is not in {base.folder / FOLDER}{suggestion(name, known) or there}")
    return folder


def fresh_name(base: Path, data: str, method: str) -> str:
    """A name that no run in the folder of the base has yet, whoever it belongs to, like ``facts-lora-2``."""
    taken, stem = {path.parent.name for path in _every(base)}, f"{data}-{method}"
    return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 10**6))) if name not in taken)


def read(folder: Path) -> TrainingRun:
    """The run of a folder; one whose process is gone is stopped. Raises: StoreError where run.json is damaged."""
    path = folder / "run.json"
    try:
        value = json.loads(path.read_text("utf-8"))
        made: TrainingRun = config.typed(value, TrainingRun)
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); delete the folder, or restore it") from None
    if made.state == "running" and not _held(folder):
        return replace(made, state="stopped", reason="its process ended; resume it: --resume")
    return made


def write(folder: Path, run: TrainingRun) -> None:
    """run.json as ``run`` says, all or nothing."""
    put(folder / "run.json", asdict(run))


def put(path: Path, value: Mapping[str, Any]) -> None:
    """A JSON file, all or nothing."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n", "utf-8")
    part.replace(path)


def now() -> str:
    """The moment in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def environment() -> dict[str, str]:
    """What the numbers of a run depend on beside its settings."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "cores": str(os.cpu_count())}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # an extra that is not installed
            continue
    if "torch" in sys.modules:  # with the tag of its build, which its metadata may lack
        found["torch"] = str(sys.modules["torch"].__version__)
    return found


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Inside, this process alone trains in the folder. Raises: UsageError where another one does."""
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"run '{folder.name}': is running in another process; wait for it, or stop it") from None
        yield


def _held(folder: Path) -> bool:
    """Whether a process, this one included, trains in the folder."""
    try:
        with (folder / ".lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


class Metrics:
    """metrics.jsonl: rows after ``step`` are dropped when it is opened, for a resumed run makes them again."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / "metrics.jsonl"
        kept = [row for row in rows(folder) if row["step"] <= step] if step else []
        part = self.path.with_name(".metrics.part")
        part.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
        part.replace(self.path)

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row, in the file when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(row)) + "\n")


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl; a last one that was cut off by a kill is left out."""
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return []
    found = []
    for line in path.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def replace_best(folder: Path, part: Path) -> None:
    """``best/`` becomes what ``part`` holds; at every instant one of the two is whole (see ``repair_best``)."""
    best, old = folder / "best", folder / ".best.old"
    shutil.rmtree(old, ignore_errors=True)
    if best.exists():
        best.rename(old)
    part.rename(best)
    shutil.rmtree(old, ignore_errors=True)


def repair_best(folder: Path) -> None:
    """Puts the old ``best/`` back where a kill fell between taking it away and putting the new one there."""
    best, old = folder / "best", folder / ".best.old"
    if old.exists() and not best.exists():
        old.rename(best)


def artifact_of(run: TrainingRun) -> str:
    """The id of a tuned model in the lineage; it follows from what the run began with."""
    begun = [run.name, run.data.hash, run.base.digest, run.settings]
    return f"tuned-{digests.of_json(begun)[:16]}"
