"""The open store and the words of its engine; what the other rooms take from it is listed here."""

from wellread.store.engine.sqlite import (
    FILE_NAME,
    Store,
    Transaction,
    now_text,
    read_meta,
    sqlite_version,
    store_errors,
    utc_text,
    write_meta,
)

__all__ = [
    "FILE_NAME",
    "Store",
    "Transaction",
    "now_text",
    "read_meta",
    "sqlite_version",
    "store_errors",
    "utc_text",
    "write_meta",
]
