"""The open store, whatever its engine: read by snapshot, written one transaction at a time.

A reader sees the base as it was when ``reading()`` began, whatever is committed meanwhile. A writer holds the base's
write lock from ``writing()`` to its end; what it did is there as a whole or not at all, kill -9 included. Commits are
flushed to the disk before ``writing()`` returns, so that they survive a power loss as well, unless ``durable=False``
(the question log) says that the last moments may be lost.

What an engine has to bring is ``EngineWords``; there is one, ``sqlite``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, Table, select

from wellread.errors import StoreError
from wellread.store.engine import sqlite
from wellread.store.engine.sqlite import upsert
from wellread.store.migrations import steps as migrations
from wellread.store.schema import meta

BUSY_TIMEOUT_S = 30.0
FILE_NAME = sqlite.FILE_NAME


class EngineWords(Protocol):
    """What the store needs of an engine to open, read, write and copy a base; the module ``sqlite`` has it.

    Statements have words of their own there: ``one_of``, ``listed``, ``upsert``, ``insert_missing``, ``insert_rows``.
    """

    def connect(self, path: Path, read_only: bool, busy_timeout_s: float) -> Engine:
        """Connections that begin no transaction by themselves."""
        ...

    def errors(self, path: Path, *, opening: bool = False) -> AbstractContextManager[None]:
        """What the engine or the disk does wrong inside becomes a StoreError that says what to do."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """One snapshot from here on."""
        ...

    def begin_writing(self, connection: Connection, *, durable: bool) -> None:
        """The only writer from here on."""
        ...

    def commit(self, connection: Connection) -> None:
        """What was written is there as a whole."""
        ...

    def undo(self, connection: Connection) -> None:
        """The transaction ends, and nothing of it stays."""
        ...

    def checkpoint(self, connection: Connection) -> bool:
        """Whether what was committed now stands in its final place."""
        ...

    def upsert(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], keys: Sequence[str] = ()
    ) -> None:
        """Rows come in or take the place of those with the same keys."""
        ...

    def is_empty(self, connection: Connection) -> bool:
        """Whether nothing was ever made there."""
        ...

    def is_ours(self, connection: Connection) -> bool:
        """Whether it carries the mark of wellread."""
        ...

    def mark(self, connection: Connection) -> None:
        """It carries the mark of wellread."""
        ...

    def integrity(self, connection: Connection) -> Iterator[str]:
        """What is wrong with the pages on disk."""
        ...

    def broken_references(self, connection: Connection) -> Iterator[tuple[str, str, str]]:
        """(table, row, other table) of rows that refer to none."""
        ...

    def copy(self, connection: Connection, target: Path) -> None:
        """A base of its own in ``target`` that holds what the connection sees."""
        ...


WORDS: EngineWords = sqlite


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds, always 32 characters, so that text order is time order; naive means UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")


def now_text() -> str:
    """The present moment as it is stored."""
    return utc_text(datetime.now(UTC))


def read_meta(connection: Connection, key: str) -> str | None:
    """A value of the ``meta`` table, None where the key is unknown."""
    return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def write_meta(connection: Connection, key: str, value: str) -> None:
    """``key`` holds ``value`` from the commit on."""
    upsert(connection, meta, [{"key": key, "value": value}])


@dataclass(slots=True)
class Transaction:
    """A write that becomes visible as a whole; ``generation`` is the number it gets if ``bump`` is called."""

    connection: Connection
    generation: int
    now: str
    bumped: bool = False
    access_ids: dict[tuple[str, frozenset[str]], int] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    def bump(self) -> int:
        """The generation of this commit, which now counts as a change of what can be found."""
        self.bumped = True
        return self.generation

    def allocate(self, name: str, n: int = 1) -> int:
        """The first of ``n`` consecutive numbers that nothing called ``name`` has had before; they count from 1."""
        if name not in self._next:
            self._next[name] = int(read_meta(self.connection, f"next_{name}") or 1)
        first = self._next[name]
        self._next[name] = first + n
        return first

    def _flush(self) -> None:
        for name, number in self._next.items():
            write_meta(self.connection, f"next_{name}", str(number))
        if self.bumped:
            write_meta(self.connection, "generation", str(self.generation))


class Store:
    """An open store; use ``Store.open``, and ``close`` at the end (or a with statement).

    Threads may share it: each reading has a connection of its own, one thread writes and the others wait for it. A
    connection belongs to the thread that is inside its with block.
    """

    def __init__(self, folder: Path, engine: Engine, read_only: bool, busy_timeout_s: float) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.read_only = read_only
        self._engine = engine
        self._busy_timeout_s = busy_timeout_s
        self._write_lock = threading.Lock()
        self._pid = os.getpid()

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        read_only: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Store:
        """The store in ``folder`` (the one that holds store.db), made if it is not there, migrated if it is old.

        Raises: StoreError if missing and ``read_only``, damaged, locked, another program's, or of a newer wellread.
        """
        folder = Path(folder).absolute()
        path = folder / FILE_NAME
        if read_only and not path.is_file():
            raise StoreError(f"{path}: there is no knowledge base here; make one: wellread init {folder.parent}")
        if not read_only:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                message = f"{folder}: cannot be made: {error.strerror}; choose a folder you may write"
                raise StoreError(message) from error
        store = cls(folder, WORDS.connect(path, read_only, busy_timeout_s), read_only, busy_timeout_s)
        try:
            store._bring_up_to_date()
        except BaseException:
            store.close()
            raise
        return store

    def _bring_up_to_date(self) -> None:
        with WORDS.errors(self.path, opening=True), self.reading() as connection:
            found = _found_version(connection, self.path)
        if found == migrations.SCHEMA_VERSION:
            return
        if self.read_only:
            raise StoreError(f"{self.path}: has an old schema ({found}); run once: wellread sync")
        if found:
            self.copy(self.path.with_name(f"{self.path.name}.before-schema-{found + 1}"))
        with self._write(durable=True) as connection:
            migrate(connection, self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one snapshot of the base until the with block ends. Raises StoreError."""
        self._after_fork()
        with WORDS.errors(self.path), self._engine.connect() as connection:
            WORDS.begin_reading(connection)
            try:
                yield connection
            finally:
                WORDS.undo(connection)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Transaction]:
        """A transaction: committed at the end of the with block, undone if it is left by an exception.

        Args:
            durable: the commit survives a power loss; kill -9 it survives in any case.
        Raises: StoreError if another process writes for longer than the busy timeout, the disk is full, or read-only.
        """
        if self.read_only:
            raise StoreError(f"{self.path}: is open for reading only; open it without read_only to change it")
        self._after_fork()
        with self._write(durable=durable) as connection:
            generation = int(read_meta(connection, "generation") or 0) + 1
            transaction = Transaction(connection, generation, now_text())
            yield transaction
            transaction._flush()

    @contextmanager
    def _write(self, *, durable: bool) -> Iterator[Connection]:
        if not self._write_lock.acquire(timeout=self._busy_timeout_s):
            raise StoreError(f"{self.path}: is locked: another thread has been writing for too long; wait for it")
        try:
            with WORDS.errors(self.path), self._engine.connect() as connection:
                WORDS.begin_writing(connection, durable=durable)
                try:
                    yield connection
                    WORDS.commit(connection)
                except BaseException:
                    WORDS.undo(connection)
                    raise
        finally:
            self._write_lock.release()

    def generation(self) -> int:
        """How many commits have changed what can be found."""
        with self.reading() as connection:
            return int(read_meta(connection, "generation") or 0)

    def checkpoint(self) -> bool:
        """Whether the write-ahead log is now empty: all of it stands in store.db. False while others read or write."""
        self._after_fork()
        with WORDS.errors(self.path), self._engine.connect() as connection:
            return WORDS.checkpoint(connection)

    def copy(self, target: Path) -> None:
        """A store of its own in the file ``target``: one snapshot of this one, made while others read and write."""
        with self.reading() as connection:
            WORDS.copy(connection, target)

    def close(self) -> None:
        """Every connection of this object is closed."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _after_fork(self) -> None:
        """Connections must not cross a fork: a child process gets new ones."""
        if os.getpid() != self._pid:
            self._engine.dispose(close=False)
            self._write_lock = threading.Lock()
            self._pid = os.getpid()


def _found_version(connection: Connection, path: Path, newest: int = migrations.SCHEMA_VERSION) -> int:
    """The schema number of the base; 0 for an empty one.

    Raises: StoreError if it is another program's, damaged, or from a newer wellread.
    """
    if WORDS.is_empty(connection):
        return 0
    if not WORDS.is_ours(connection):
        raise StoreError(f"{path}: is a database of another program; name a folder made by wellread init")
    value = read_meta(connection, "schema_version")
    if not isinstance(value, str) or not value.isdecimal():
        raise StoreError(f"{path}: its schema number is gone; restore a backup: wellread restore")
    if int(value) > newest:
        raise StoreError(
            f"{path}: was written by a newer wellread (schema {value}, this one knows {newest}); "
            "upgrade: pip install -U wellread"
        )
    return int(value)


def migrate(
    connection: Connection, path: Path, steps: Mapping[int, migrations.Step] = migrations.STEPS
) -> tuple[int, ...]:
    """The numbers of the steps that were taken, () where the base had taken all of them.

    An empty base takes every step from the first. Runs in the caller's transaction: all steps or none are committed.
    """
    newest = max(steps)
    found = _found_version(connection, path, newest)
    taken = tuple(range(found + 1, newest + 1))
    for number in taken:
        steps[number](connection)
    if not found:
        WORDS.mark(connection)
        write_meta(connection, "generation", "0")
    if taken:
        write_meta(connection, "schema_version", str(newest))
    return taken
