"""Every step from an empty base to the present schema, one numbered file each; a new base goes this way too.

``0007_name.py`` makes schema 7 of schema 6: its ``up(connection)`` runs in the transaction of all steps that a base
lacks. A step is never edited once released, and knows no table but by its own description of it. Where all of them
lead is what ``schema.py`` of the rooms says; a test compares.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module

from sqlalchemy import Connection

from wellread.store import migrations

Step = Callable[[Connection], None]


def _found() -> dict[int, Step]:
    """The steps of this folder by the schema that each makes. Raises: ValueError where a number is missing or twice."""
    names = sorted(module.name for module in pkgutil.iter_modules(migrations.__path__) if module.name[:4].isdecimal())
    if [int(name[:4]) for name in names] != list(range(1, len(names) + 1)):
        raise ValueError(f"the numbers of the migrations are not 1, 2, 3 …: {names}")
    return {int(name[:4]): import_module(f"{migrations.__name__}.{name}").up for name in names}


STEPS: Mapping[int, Step] = _found()
SCHEMA_VERSION = max(STEPS)
