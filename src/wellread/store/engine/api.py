"""The open store: one SQLite file, read by snapshot, written one transaction at a time.

A reader sees the base as it was when ``reading()`` began, whatever is committed meanwhile. A writer holds the base's
write lock from ``writing()`` to its end; what it did is there as a whole or not at all, kill -9 included. Commits are
flushed to the disk before ``writing()`` returns, so that they survive a power loss as well, unless ``durable=False``
(the question log) says that the last moments may be lost.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from wellread.errors import StoreError
from wellread.store import migrations
from wellread.store.schema import meta

FILE_NAME = "store.db"
BUSY_TIMEOUT_S = 30.0
MMAP_BYTES = 1 << 28
CACHE_KIB = 16_384
CHECKPOINT_PAGES = 4_000  # 16 MB of write-ahead log between checkpoints: fewer flushes while reading a folder in
WAL_LIMIT_BYTES = 1 << 26

_CURES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and run the command again, nothing was half written",
    sqlite3.SQLITE_READONLY: "cannot be written: the file or its folder is read-only; change its permissions",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: the folder is missing, read-only or not yours; look at its permissions",
    sqlite3.SQLITE_BUSY: "is locked: another process has been writing to it for too long; wait for it or stop it",
    sqlite3.SQLITE_LOCKED: "is locked by this process; finish the other read or write first",
    sqlite3.SQLITE_NOTADB: "is not a wellread store; restore a backup: wellread restore",
    sqlite3.SQLITE_CORRUPT: "is damaged; see what: wellread check, then restore a backup: wellread restore",
    sqlite3.SQLITE_IOERR: "the disk gave an error while it was read or written; look at free space and at the disk",
    sqlite3.SQLITE_PERM: "may not be read; change its permissions",
    sqlite3.SQLITE_NOMEM: "there is not enough memory to read it",
    sqlite3.SQLITE_PROTOCOL: "its lock could not be had: too many processes start at once; run the command again",
}


@contextmanager
def store_errors(path: Path, *, opening: bool = False) -> Iterator[None]:
    """What the file or the disk does wrong inside becomes a StoreError that says what to do; bugs stay as they are.

    While ``opening``, bytes that are no UTF-8 can only be damage, in the file's own description of its tables.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        if not opening:
            raise
        raise StoreError(f"{path}: {_CURES[sqlite3.SQLITE_CORRUPT]} ({error})") from error
    except DBAPIError as error:
        clear = _clear(error.orig, path)
        if clear is None:
            raise
        raise clear from error
    except sqlite3.Error as error:
        clear = _clear(error, path)
        if clear is None:
            raise
        raise clear from error


def _clear(error: BaseException | None, path: Path) -> StoreError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and str(error).startswith("Could not decode to UTF-8"):  # the driver's own, without a code
        code = sqlite3.SQLITE_CORRUPT
    if code is None or isinstance(error, sqlite3.IntegrityError):
        return None
    cure = _CURES.get(code & 0xFF)
    return StoreError(f"{path}: {cure} ({error})") if cure else None


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds, always 32 characters, so that text order is time order; naive means UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")


def sqlite_version() -> str:
    """Version of the SQLite library in use."""
    return sqlite3.sqlite_version


def now_text() -> str:
    """The present moment as it is stored."""
    return utc_text(datetime.now(UTC))


def read_meta(connection: Connection, key: str) -> str | None:
    """A value of the ``meta`` table, None where the key is unknown."""
    return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def write_meta(connection: Connection, key: str, value: str) -> None:
    """``key`` holds ``value`` from the commit on."""
    statement = insert(meta).values(key=key, value=value)
    replaced = {"value": statement.excluded.value}
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=replaced))


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
    """An open base; threads may share it. Use ``Store.open``, and ``close`` at the end (or a with statement)."""

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
        prepare: Callable[[Connection], None] | None = None,
    ) -> Store:
        """The store in ``folder`` (the one that holds store.db), made if it is not there, migrated if it is old.

        ``prepare`` is called in the transaction that makes or migrates the tables, for tables of other rooms.
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
        store = cls(folder, _engine(path, read_only, busy_timeout_s), read_only, busy_timeout_s)
        try:
            store._bring_up_to_date(prepare)
        except BaseException:
            store.close()
            raise
        return store

    def _bring_up_to_date(self, prepare: Callable[[Connection], None] | None) -> None:
        with store_errors(self.path, opening=True), self.reading() as connection:
            found = migrations.found_version(connection, self.path)
        if found == migrations.SCHEMA_VERSION:
            return
        if self.read_only:
            raise StoreError(f"{self.path}: has an old schema ({found}); run once: wellread sync")
        if found:
            with store_errors(self.path):
                migrations.keep_copy(self.path, found)
        with self._write("BEGIN IMMEDIATE", durable=True) as connection:
            if migrations.migrate(connection, self.path) and prepare is not None:
                prepare(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one snapshot of the base until the with block ends. Raises StoreError."""
        self._after_fork()
        with store_errors(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1")  # the snapshot is taken by the first read
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

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
        with self._write("BEGIN IMMEDIATE", durable=durable) as connection:
            generation = int(read_meta(connection, "generation") or 0) + 1
            transaction = Transaction(connection, generation, now_text())
            yield transaction
            transaction._flush()

    @contextmanager
    def _write(self, begin: str, *, durable: bool) -> Iterator[Connection]:
        if not self._write_lock.acquire(timeout=self._busy_timeout_s):
            raise StoreError(f"{self.path}: is locked: another thread has been writing for too long; wait for it")
        try:
            with store_errors(self.path), self._engine.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                connection.exec_driver_sql(begin)
                try:
                    yield connection
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    if _driver(connection).in_transaction:  # a full disk may have rolled back already
                        connection.exec_driver_sql("ROLLBACK")
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
        with store_errors(self.path), self._engine.connect() as connection:
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            return int(busy) == 0

    def close(self) -> None:
        """Every connection of this object is closed."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _after_fork(self) -> None:
        """SQLite connections must not cross a fork: a child process gets new ones."""
        if os.getpid() != self._pid:
            self._engine.dispose(close=False)
            self._write_lock = threading.Lock()
            self._pid = os.getpid()


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"the store is SQLite, not {type(driver).__name__}")
    return driver


def _engine(path: Path, read_only: bool, busy_timeout_s: float) -> Engine:
    def connect() -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        if read_only and not os.access(path.parent, os.W_OK) and not path.with_name(f"{FILE_NAME}-wal").exists():
            mode = "ro&immutable=1"  # a read-only medium: SQLite cannot make the index of its write-ahead log there
        uri = f"file:{quote(str(path))}?mode={mode}"
        with store_errors(path, opening=True):
            driver = sqlite3.connect(
                uri,
                uri=True,
                timeout=busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            try:
                _set_up(driver, read_only)
            except BaseException:
                driver.close()
                raise
        return driver

    # Every BEGIN, COMMIT and ROLLBACK is written in this file: the driver and SQLAlchemy begin nothing by themselves.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=56)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _set_up(driver: sqlite3.Connection, read_only: bool) -> None:
    if not read_only and driver.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        driver.execute("PRAGMA journal_mode = WAL")
    for pragma in (
        "foreign_keys = ON",
        "secure_delete = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "temp_store = MEMORY",
        f"mmap_size = {MMAP_BYTES}",
        f"cache_size = -{CACHE_KIB}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        f"query_only = {'ON' if read_only else 'OFF'}",
    ):
        driver.execute(f"PRAGMA {pragma}")
