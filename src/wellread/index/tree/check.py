"""Whether the tree of summaries is as it was written, and stands over live chunks."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from wellread.index.tree import rows
from wellread.index.tree.schema import tree_nodes
from wellread.store import checksums
from wellread.store.check import Fault, altered

CURE = "run: wellread index tree --drop, then wellread index tree"


def check(connection: Connection) -> Iterator[Fault]:
    """Summaries are as they were written, over live chunks of their own readers, and under summaries of the same."""
    columns = [tree_nodes.c[key] for key in checksums.checked_columns(tree_nodes)]
    yield from altered(connection, tree_nodes, columns, CURE)
    for key, node_id in rows.orphans(connection):
        yield Fault(f"tree_nodes {node_id}", f"stands over chunk {key}, which is gone or has other readers", CURE)
    nodes = {node.id: node for node in rows.nodes(connection)}
    for node in nodes.values():
        above = nodes.get(node.parent_id) if node.parent_id is not None else node
        if above is None or above.access_id != node.access_id or (above is not node and above.level != node.level + 1):
            yield Fault(f"tree_nodes {node.id}", "hangs under no node of its readers one level up", CURE)
