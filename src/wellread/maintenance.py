"""The folder of a base: made, found, laid out from a copy; and what an open base is asked about itself."""

from __future__ import annotations

from pathlib import Path

from wellread import config, paths
from wellread.errors import Refused, StoreError, UsageError
from wellread.index import check as index_check
from wellread.index.vectors import sets
from wellread.store import access, documents, files
from wellread.store import backup as copies
from wellread.store import check as store_check
from wellread.store.check import Fault
from wellread.store.engine.api import Store, read_meta
from wellread.types import Principal, Status

DATA_FOLDER = paths.DATA


def create(path: Path | str, sections: config.Sections) -> Path:
    """The folder of a new base: a commented ``wellread.toml`` with ``sections``, and the data folder.

    Raises: UsageError where there is one already; StoreError where the folder cannot be written.
    """
    folder = Path(path).expanduser().resolve()
    if (folder / config.FILE_NAME).exists():
        raise UsageError(
            f"{folder / config.FILE_NAME}: is there already; use the base as it is, or choose another folder"
        )
    try:
        (folder / DATA_FOLDER).mkdir(parents=True, exist_ok=True)
        (folder / config.FILE_NAME).write_text(config.commented(sections), "utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}") from error
    return folder


def find(path: Path | str | None) -> Path:
    """The folder of the base in ``path``; without one, see ``KnowledgeBase.open``. Raises: UsageError for none."""
    given = path if path is not None else config.environment("WELLREAD_BASE")
    if given is not None:
        folder = Path(given).expanduser().resolve()
        if not (folder / config.FILE_NAME).is_file():
            raise UsageError(f"{folder}: no {config.FILE_NAME} here; run: wellread init {given}")
        return folder
    found = config.find(Path.cwd())
    if found is None:
        raise UsageError(f"no {config.FILE_NAME} in this folder or above it; run: wellread init FOLDER, or pass --base")
    return found.parent


def status(store: Store, settings: config.Settings, *, who: Principal) -> Status:
    """What the base holds, as ``who`` may see it, in one snapshot of its store.

    How large its files are is said to those alone who may see all that is in them; to others it is 0.
    """
    with store.reading() as connection:
        listed = documents.listing(connection, who=who)
        states = files.counts(connection, who=who)
        known = files.list_sources(connection, who=who)
        n_chunks, near = documents.totals(connection, who=who)
        embedder = sets.live(connection)
        seen_whole = access.all_readable(connection, who=who)
        generation = int(read_meta(connection, "generation") or 0)
    return Status(
        documents=len(listed),
        chunks=n_chunks,
        near_duplicates=near,
        states=states,
        embedder=embedder.embedder_id if embedder else settings["embed"].model,
        generation=generation,
        size_bytes=sum(f.stat().st_size for f in store.folder.rglob("*") if f.is_file()) if seen_whole else 0,
        sources=tuple(source.location for source in known),
    )


def whole(store: Store, *, who: Principal) -> Store:
    """The store, for work on all of it.

    Raises: Refused to a named user from whom something of it is hidden; the terminal has the disk anyway.
    """
    with store.reading() as connection:
        if who.user and not access.all_readable(connection, who=who):
            raise Refused("this works on the whole base, and you may not see all of it; ask whoever looks after it")
    return store


def check(store: Store) -> list[Fault]:
    """Everything that is damaged: rows, texts, spans, words, vectors. Reads all of it."""
    return [*store_check.check(store), *index_check.check(store)]


def backup(store: Store, folder: Path, target: Path | str) -> Path:
    """A copy of the base in ``folder``: truth, vectors, settings, questions, and all that was trained or compared.

    Raises: UsageError if the target is taken; StoreError if it cannot be written or the base cannot be read.
    """
    return copies.backup(store, target, beside=paths.to_keep(folder), derived=sets.folders)


def restore(copy: Path | str, folder: Path | str) -> Path:
    """The base of a backup, laid into an empty folder after its manifest was checked.

    Raises: UsageError where the folder is not empty; StoreError where the backup is unfinished or altered.
    """
    folder = Path(folder).expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is not empty; restore into a new folder")
    return copies.restore(copy, folder / DATA_FOLDER).parent
