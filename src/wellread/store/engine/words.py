"""The words of the engine in use, for statements: what rooms import, so that none of them names an engine.

SQLAlchemy says the rest in the same words to every engine.
"""

from wellread.store.engine.sqlite import (
    DRIVER_ERRORS,
    among,
    as_list,
    broken_references,
    has_tables,
    insert_missing,
    insert_rows,
    integrity,
    listed,
    one_of,
    storable,
    upsert,
    version,
)

__all__ = [
    "DRIVER_ERRORS",
    "among",
    "as_list",
    "broken_references",
    "has_tables",
    "insert_missing",
    "insert_rows",
    "integrity",
    "listed",
    "one_of",
    "storable",
    "upsert",
    "version",
]
