"""The words of SQLite: all that wellread says to its engine and that another engine would say differently.

One file, read by snapshot, written one transaction at a time. ``wellread.store.engine.api`` says what each word has to
do; outside of this package and of the full-text index nothing knows which engine it is (a test holds it). An engine
of one's own is a module with the same words.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    TableValuedAlias,
    bindparam,
    cast,
    create_engine,
    func,
    select,
)
from sqlalchemy.dialects import sqlite as dialect
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from wellread import paths
from wellread.errors import StoreError

FILE_NAME = paths.STORE
APPLICATION_ID = 0x77656C72  # "welr", in the header of the file
MOST_CONNECTIONS = 64  # at once; KEPT_OPEN of them stay open
KEPT_OPEN = 8
MMAP_BYTES = 1 << 28
CACHE_KIB = 16_384
CHECKPOINT_PAGES = 4_000  # 16 MB of write-ahead log between checkpoints: fewer flushes while reading a folder in
WAL_LIMIT_BYTES = 1 << 26
FEW = 64  # up to here the ids stand in the statement one by one; above, they are one JSON parameter
DRIVER_ERRORS: tuple[type[Exception], ...] = (DBAPIError, sqlite3.Error)  # what a damaged file may raise

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
def errors(path: Path, *, opening: bool = False) -> Iterator[None]:
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
    except PoolTimeout as error:
        raise StoreError(
            f"{path}: {MOST_CONNECTIONS} readings are open at once and none has ended in time; end some of them (close "
            "streams, leave with blocks), or ask in fewer threads"
        ) from error
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


def version() -> str:
    """Version of the SQLite library in use."""
    return sqlite3.sqlite_version


# connections and transactions


def connect(path: Path, read_only: bool, busy_timeout_s: float) -> Engine:
    """Connections to the file, each set up; they begin no transaction by themselves."""

    def opened() -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        if read_only and not os.access(path.parent, os.W_OK) and not path.with_name(f"{FILE_NAME}-wal").exists():
            mode = "ro&immutable=1"  # a read-only medium: SQLite cannot make the index of its write-ahead log there
        uri = f"file:{quote(str(path))}?mode={mode}"
        with errors(path, opening=True):
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

    # Every BEGIN, COMMIT and ROLLBACK is written above or below: the driver and SQLAlchemy begin nothing by themselves.
    engine = create_engine(
        "sqlite://",
        creator=opened,
        poolclass=QueuePool,
        pool_size=KEPT_OPEN,
        max_overflow=MOST_CONNECTIONS - KEPT_OPEN,
        pool_timeout=busy_timeout_s,
    )
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


def begin_reading(connection: Connection) -> None:
    """The connection sees one snapshot from here on."""
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1")  # the snapshot is taken by the first read


def begin_writing(connection: Connection, *, durable: bool) -> None:
    """The connection holds the write lock of the file; ``durable`` commits are flushed to the disk."""
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def commit(connection: Connection) -> None:
    """What was written is there as a whole."""
    connection.exec_driver_sql("COMMIT")


def undo(connection: Connection) -> None:
    """The transaction ends and nothing of it stays; one that the engine has undone already (a full disk) is none."""
    if _driver(connection).in_transaction:
        connection.exec_driver_sql("ROLLBACK")


def checkpoint(connection: Connection) -> bool:
    """Whether the write-ahead log is now empty: all of it stands in the file. False while others read or write."""
    busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return int(busy) == 0


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"the store is SQLite, not {type(driver).__name__}")
    return driver


# statements


def one_of(column: ColumnElement[int], ids: Iterable[int]) -> ColumnElement[bool]:
    """``column`` is one of ``ids``, which may be many: they are bound as one parameter beyond a few."""
    numbers = sorted(ids)
    if len(numbers) <= FEW:
        return column.in_(numbers)
    rows = func.json_each(bindparam(None, json.dumps(numbers), unique=True)).table_valued("value", name="wanted")
    return column.in_(select(cast(rows.c.value, Integer)))


def listed(name: str) -> TableValuedAlias:
    """A table of the values of parameter ``name``, which ``as_list`` makes: column ``value``, one a row.

    For statements that are built once and run often.
    """
    return func.json_each(bindparam(name)).table_valued("value", name=f"{name}_listed")


def among(name: str) -> Select[tuple[Any]]:
    """The values of parameter ``name`` for an IN clause; see ``listed``."""
    return select(listed(name).c.value)


def as_list(values: Iterable[int] | Iterable[str]) -> str:
    """The value of a parameter of ``listed``."""
    return json.dumps(list(values))


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Rows come in, each with its values in the order of the table's columns; the fast way for many."""
    if rows:
        connection.exec_driver_sql(_inserting(table), list(rows))


@cache
def _inserting(table: Table) -> str:
    return str(table.insert().compile(dialect=dialect.dialect()))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows come in but those that are there already, by any unique key; these stay as they are."""
    if rows:
        connection.execute(_missing(table), list(rows))


@cache
def _missing(table: Table) -> Any:
    return insert(table).on_conflict_do_nothing()


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], keys: Sequence[str] = ()
) -> None:
    """Rows come in; one whose ``keys`` (columns of a unique key; none: the primary key) are there takes its place.

    All rows have the same columns. What is not given of a row that is there stays.
    """
    if rows:
        chosen = tuple(keys) or tuple(column.key for column in table.primary_key.columns)
        statement, names = _upserting(table, chosen, tuple(rows[0]))
        connection.exec_driver_sql(statement, [tuple(row[name] for name in names) for row in rows])


@cache
def _upserting(table: Table, keys: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The statement, compiled once, and the order of its values."""
    statement = insert(table).values({name: bindparam(name) for name in names})
    replaced = {name: statement.excluded[name] for name in names if name not in keys}
    index = [table.c[key] for key in keys]
    whole = statement.on_conflict_do_update(index_elements=index, set_=replaced)
    compiled = whole.compile(dialect=dialect.dialect(paramstyle="qmark"))
    return str(compiled), tuple(compiled.positiontup or ())


def storable(text: str) -> bool:
    """Whether SQLite can hold the text: it has no lone surrogate."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


# the file as a whole


def is_empty(connection: Connection) -> bool:
    """Whether nothing was ever made in the file."""
    return int(connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()) == 0


def is_ours(connection: Connection) -> bool:
    """Whether the file carries the mark of wellread."""
    return int(connection.exec_driver_sql("PRAGMA application_id").scalar_one()) == APPLICATION_ID


def mark(connection: Connection) -> None:
    """The file carries the mark of wellread."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def has_tables(connection: Connection, *names: str) -> bool:
    """Whether the tables are all there, virtual ones included."""
    counted = "SELECT count(*) FROM sqlite_master WHERE name IN (SELECT value FROM json_each(?))"
    found = connection.exec_driver_sql(counted, (json.dumps(names),))
    return int(found.scalar_one()) == len(names)


def integrity(connection: Connection) -> Iterator[str]:
    """What is wrong with the pages of the file."""
    for row in connection.exec_driver_sql("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield str(row[0])


def broken_references(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """(table, row, other table) of every row that refers to one that is not there."""
    for table, rowid, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield str(table), str(rowid), str(parent)


def copy(connection: Connection, target: Path) -> None:
    """A file of its own that holds what the connection's snapshot sees, without a write-ahead log beside it."""
    with errors(target), closing(sqlite3.connect(target)) as made:
        _driver(connection).backup(made)  # one step, in the snapshot of this reader
        made.execute("PRAGMA journal_mode = DELETE")
