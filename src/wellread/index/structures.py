"""The structures of a base, in the order in which they follow a change: a later one may read an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

from wellread.index.graph import structure as graph
from wellread.index.sparse import structure as sparse
from wellread.index.structure import Making, Renewed, Structure
from wellread.index.tree import structure as tree
from wellread.index.vectors import structure as vectors
from wellread.index.words import glossary_structure as glossary
from wellread.index.words import structure as words
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Transaction

STRUCTURES: tuple[Structure, ...] = (words, glossary, vectors, sparse, tree, graph)


def remove(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """No structure holds anything of chunks that are about to go; ``heirs`` take their place."""
    if gone:
        for structure in STRUCTURES:
            structure.remove(tx, gone, heirs)


def renew(making: Making) -> Renewed:
    """Every structure is in step with the chunks that were there when this began; the sum of what was made."""
    done = [structure.renew(making) for structure in STRUCTURES]
    return Renewed(sum(d.chunks for d in done), sum(d.summaries for d in done), sum(d.seconds for d in done))
