"""Checksums of rows: what the disk gives back is what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

from sqlalchemy import Table


def of_values(values: Iterable[object]) -> bytes:
    """8 bytes of BLAKE2b over the values in their order; injective over None, int, float, str and bytes.

    Raises: TypeError for a value of another type; UnicodeEncodeError for a lone surrogate.
    """
    parts: list[bytes] = []
    for value in values:
        if value is None:
            parts.append(b"n")
        elif isinstance(value, str):
            encoded = value.encode()
            parts.append(b"s%d:" % len(encoded))
            parts.append(encoded)
        elif isinstance(value, int):
            parts.append(b"i%d," % value)
        elif isinstance(value, bytes):
            parts.append(b"b%d:" % len(value))
            parts.append(value)
        elif isinstance(value, float):
            parts.append(b"f%s," % repr(value).encode())
        else:
            raise TypeError(f"no checksum for a value of type {type(value).__name__}")
    return blake2b(b"".join(parts), digest_size=8).digest()


@lru_cache
def checked_columns(table: Table) -> tuple[str, ...]:
    """Keys of the columns that the checksum of a row of ``table`` covers: all but itself, in the table's order."""
    return tuple(column.key for column in table.columns if column.key != "checksum")


def of_row(table: Table, row: Mapping[str, object]) -> bytes:
    """The checksum of a whole row.

    Raises: KeyError if a column is missing.
    """
    return of_values([row[key] for key in checked_columns(table)])
