"""Whether the index is what the store says it should be, byte for byte."""

from __future__ import annotations

from wellread.index.structures import STRUCTURES
from wellread.store.check import Fault
from wellread.store.engine.api import Store


def check(store: Store) -> list[Fault]:
    """Every fault of every structure; [] where all are as the chunks say. Reads everything, changes nothing."""
    return [fault for structure in STRUCTURES for fault in structure.check(store)]
