"""Where everything of a base lies, which names are safe as a folder, and what a copy of the base must hold.

BASE/wellread.toml                settings
BASE/questions.jsonl …            the set of questions, its lock and its drafts
BASE/comparison/                  what was compared, and the report
BASE/.wellread/store.db           the truth
BASE/.wellread/vectors/           files that the store names
BASE/.wellread/tune/              runs with their weights and exports, data sets, pairs of answers, searches
BASE/.wellread/plugins/           what indexes of other packages keep
BASE/.wellread/route.json         the trained router
BASE/.wellread/uploads/           files that were sent to the server
BASE/.wellread/jobs/              what queued work said: scratch
BASE/.wellread/optimise/, draft-replies.jsonl, tune/.estimate/    scratch: made again when it is needed
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wellread.errors import UsageError

SETTINGS = "wellread.toml"
DATA = ".wellread"  # the folder of everything that wellread keeps for a base
STORE = "store.db"
VECTORS = "vectors"
PLUGINS = "plugins"  # an index of another package may keep files there, and finds them again
ROUTE = "route.json"
UPLOADS = "uploads"  # what was sent to the server, a folder a file
JOB_LOGS = "jobs"  # what queued work said
COPIES = "optimise"  # copies of the base with other settings, and what was asked of them
REPLIES = "draft-replies.jsonl"  # what a model replied when it drafted questions

TUNE = Path(DATA) / "tune"
RUNS = TUNE / "runs"
DATA_SETS = TUNE / "data"
PAIRS = TUNE / "pairs"
SEARCHES = TUNE / "searches"
IN_USE = TUNE / "in_use.json"  # what chat.model was before the first promotion
ESTIMATE = TUNE / ".estimate"

QUESTIONS = "questions.jsonl"
DRAFTS = "questions-draft.jsonl"
LOCK = "questions.lock.json"
COMPARISON = "comparison"
BESIDE = (SETTINGS, QUESTIONS, DRAFTS, LOCK, COMPARISON)  # of the base's own folder; documents are not wellread's

_SCRATCH = (COPIES, REPLIES, JOB_LOGS)


def safe_name(name: str, what: str) -> str:
    """``name``, which may be a folder of its own: letters, digits, dots, dashes and underscores, no dot in front.

    Raises: UsageError that calls it ``what`` where it may not, as ``../elsewhere`` would leave the base.
    """
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise UsageError(f"{what} {name}: letters, digits, dots, dashes and underscores make a name")
    return name


def to_keep(base: Path) -> Iterator[str]:
    """The files of a base that a copy must hold beside the store and what the store names, from ``base``, by name.

    Scratch is left out, as are hidden files of a write that is under way.
    """
    for name in BESIDE:
        yield from _files(base, base / name)
    for path in sorted((base / DATA).iterdir() if (base / DATA).is_dir() else ()):
        if path.name not in (VECTORS, *_SCRATCH) and not path.name.startswith(STORE):
            yield from _files(base, path)


def _files(base: Path, path: Path) -> Iterator[str]:
    if path.name.startswith(".") or path.is_symlink():
        return
    if path.is_dir():
        for below in sorted(path.iterdir()):
            yield from _files(base, below)
    elif path.is_file():
        yield path.relative_to(base).as_posix()
