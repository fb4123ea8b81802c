"""The new chunks of a batch on their way into the structures, all of them together: files are flushed once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wellread.index import structures
from wellread.index.structure import Brought
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Transaction


@dataclass(slots=True)
class Arrivals:
    """Chunks that are in the store and in no structure yet; what ``brought`` holds is for them. One thread's own."""

    brought: Brought
    waiting: list[ChunkRow] = field(default_factory=list)

    def take(self, tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
        """Chunks are about to go, and ``heirs``, which take their place, wait to be added."""
        if {row.key for row in gone} & {row.key for row in self.waiting}:
            self.settle(tx)  # a document that comes twice in a batch
        structures.remove(tx, gone, heirs)
        self.waiting += heirs

    def settle(self, tx: Transaction) -> None:
        """What was waiting can be found from the commit on."""
        for structure in structures.STRUCTURES:
            structure.add(tx, self.waiting, self.brought)
        self.waiting = []
