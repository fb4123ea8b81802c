"""Schema 4: what a set of vectors stores."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text


def up(connection: Connection) -> None:
    """``vector_sets`` has the column ``storage``; sets that are there hold halves."""
    if "storage" not in {column["name"] for column in inspect(connection).get_columns("vector_sets")}:
        connection.execute(text("ALTER TABLE vector_sets ADD COLUMN storage VARCHAR DEFAULT 'float16' NOT NULL"))
