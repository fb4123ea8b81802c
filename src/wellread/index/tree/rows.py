"""The tree of summaries as rows: nodes with their text and vectors, and which chunks hang under which of them.

A node holds text of one access id alone. What is below a node and gone is gone from every summary above it in the same
transaction: ``follow`` stands beside every change of chunks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from wellread.index.tree.schema import tree_leaves, tree_nodes
from wellread.index.vectors.schema import slots
from wellread.store import checksums
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Transaction, read_meta, write_meta
from wellread.store.engine.words import one_of
from wellread.store.schema import chunks

META_KEY = "tree"  # how the tree was made: embedder and shape
_NAMES = tuple(column.key for column in tree_nodes.columns if column.key != "checksum")
_HANG = insert(tree_leaves)


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A row of ``tree_nodes``; vectors are float16 bytes, b"" where there is none yet."""

    id: int
    access_id: int
    level: int
    parent_id: int | None
    dirty: int = 1
    text: str = ""
    vector: bytes = b""
    middle: bytes = b""
    made_by: str = ""
    inputs: bytes = b""


@dataclass(frozen=True, slots=True)
class UnplacedChunk:
    """A live chunk that hangs under no node yet, and where its vector lies in the live set."""

    key: int
    access_id: int
    content_hash: bytes
    slot: int


@dataclass(frozen=True, slots=True)
class SummaryInput:
    """What a summary is made from, on the lowest level."""

    header: str
    text: str
    content_hash: bytes


def shape(connection: Connection) -> dict[str, Any]:
    """How the tree was made; {} where there is none."""
    text = read_meta(connection, META_KEY)
    return dict(json.loads(text)) if text else {}


def set_shape(tx: Transaction, values: Mapping[str, object]) -> None:
    """The tree is made so from the commit on."""
    write_meta(tx.connection, META_KEY, json.dumps(dict(values), sort_keys=True))


def nodes(
    connection: Connection, *, access_ids: Collection[int] | None = None, level: int | None = None
) -> list[TreeNode]:
    """The nodes of some access ids (None: all) and of a level (None: all), by id."""
    statement = select(*(tree_nodes.c[name] for name in _NAMES)).order_by(tree_nodes.c.id)
    if access_ids is not None:
        statement = statement.where(one_of(tree_nodes.c.access_id, access_ids))
    if level is not None:
        statement = statement.where(tree_nodes.c.level == level)
    return [TreeNode(*row) for row in connection.execute(statement)]


def nodes_by_id(connection: Connection, ids: Iterable[int]) -> dict[int, TreeNode]:
    """Those of the nodes that are there."""
    statement = select(*(tree_nodes.c[name] for name in _NAMES)).where(one_of(tree_nodes.c.id, ids))
    return {row.id: TreeNode(*row) for row in connection.execute(statement)}


def children(connection: Connection, ids: Iterable[int]) -> dict[int, list[TreeNode]]:
    """The nodes right below each of the nodes, by id."""
    statement = select(*(tree_nodes.c[name] for name in _NAMES)).where(one_of(tree_nodes.c.parent_id, ids))
    found: dict[int, list[TreeNode]] = {}
    for row in connection.execute(statement.order_by(tree_nodes.c.id)):
        found.setdefault(row.parent_id, []).append(TreeNode(*row))
    return found


def leaves(connection: Connection, *, node_ids: Iterable[int] | None = None) -> list[tuple[int, int]]:
    """(chunk key, node id) of what hangs under some nodes (None: all), by node and key."""
    statement = select(tree_leaves.c.chunk_key, tree_leaves.c.node_id)
    if node_ids is not None:
        statement = statement.where(one_of(tree_leaves.c.node_id, node_ids))
    rows = connection.execute(statement.order_by(tree_leaves.c.node_id, tree_leaves.c.chunk_key))
    return [(row.chunk_key, row.node_id) for row in rows]


def leaves_of_access(connection: Connection, access_ids: Collection[int] | None) -> list[tuple[int, int, int]]:
    """(chunk key, node id, version id) of the live chunks in the trees of some access ids (None: all)."""
    statement = (
        select(tree_leaves.c.chunk_key, tree_leaves.c.node_id, chunks.c.version_id)
        .join(chunks, chunks.c.key == tree_leaves.c.chunk_key)
        .order_by(tree_leaves.c.node_id, tree_leaves.c.chunk_key)
    )
    if access_ids is not None:
        statement = statement.where(one_of(chunks.c.access_id, access_ids))
    return [(row.chunk_key, row.node_id, row.version_id) for row in connection.execute(statement)]


def passages(connection: Connection, node_ids: Iterable[int]) -> dict[int, list[SummaryInput]]:
    """The chunks right below each of the nodes, in the order of their documents."""
    statement = (
        select(tree_leaves.c.node_id, chunks.c.header, chunks.c.text, chunks.c.content_hash)
        .join(chunks, chunks.c.key == tree_leaves.c.chunk_key)
        .where(one_of(tree_leaves.c.node_id, node_ids))
        .order_by(tree_leaves.c.node_id, chunks.c.key)
    )
    found: dict[int, list[SummaryInput]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.node_id, []).append(SummaryInput(row.header, row.text, row.content_hash))
    return found


def loose(connection: Connection, set_id: int) -> list[UnplacedChunk]:
    """The live chunks that hang nowhere and have a vector in the set, by key."""
    statement = (
        select(chunks.c.key, chunks.c.access_id, chunks.c.content_hash, slots.c.slot)
        .join(slots, slots.c.chunk_key == chunks.c.key)
        .outerjoin(tree_leaves, tree_leaves.c.chunk_key == chunks.c.key)
        .where(slots.c.set_id == set_id, tree_leaves.c.chunk_key.is_(None))
        .order_by(chunks.c.key)
    )
    return [UnplacedChunk(*row) for row in connection.execute(statement)]


def all_of_access(connection: Connection, set_id: int, access_id: int) -> list[UnplacedChunk]:
    """Every live chunk of an access id that has a vector in the set, wherever it hangs, by key."""
    statement = (
        select(chunks.c.key, chunks.c.access_id, chunks.c.content_hash, slots.c.slot)
        .join(slots, slots.c.chunk_key == chunks.c.key)
        .where(slots.c.set_id == set_id, chunks.c.access_id == access_id)
        .order_by(chunks.c.key)
    )
    return [UnplacedChunk(*row) for row in connection.execute(statement)]


def slots_of(connection: Connection, set_id: int, keys: Iterable[int]) -> dict[int, int]:
    """Where the vectors of chunks lie in the set."""
    wanted = one_of(slots.c.chunk_key, keys)
    statement = select(slots.c.chunk_key, slots.c.slot).where(slots.c.set_id == set_id, wanted)
    return {row.chunk_key: row.slot for row in connection.execute(statement)}


def dirty(connection: Connection, level: int) -> list[int]:
    """The nodes of a level whose summary is not what is below them, by id."""
    statement = select(tree_nodes.c.id).where(tree_nodes.c.level == level, tree_nodes.c.dirty == 1)
    return list(connection.execute(statement.order_by(tree_nodes.c.id)).scalars())


def counts(connection: Connection, access_ids: Collection[int] | None = None) -> dict[int, int]:
    """How many nodes each level has, the lowest first."""
    statement = select(tree_nodes.c.level, func.count()).group_by(tree_nodes.c.level).order_by(tree_nodes.c.level)
    if access_ids is not None:
        statement = statement.where(one_of(tree_nodes.c.access_id, access_ids))
    return {level: int(n) for level, n in connection.execute(statement)}


def counts_of(connection: Connection, level: int) -> dict[int, int]:
    """How many nodes of a level the tree of each access id has; one without any is missing."""
    statement = select(tree_nodes.c.access_id, func.count()).where(tree_nodes.c.level == level)
    return {access_id: int(n) for access_id, n in connection.execute(statement.group_by(tree_nodes.c.access_id))}


def parentless(connection: Connection, level: int) -> dict[int, int]:
    """How many nodes of a level hang under nothing, by access id; one without any is missing."""
    statement = select(tree_nodes.c.access_id, func.count()).where(
        tree_nodes.c.level == level, tree_nodes.c.parent_id.is_(None)
    )
    return {access_id: int(n) for access_id, n in connection.execute(statement.group_by(tree_nodes.c.access_id))}


def middles(connection: Connection, access_id: int, level: int) -> list[tuple[int, bytes]]:
    """(id, middle) of the nodes of a level, by id."""
    statement = select(tree_nodes.c.id, tree_nodes.c.middle).where(
        tree_nodes.c.access_id == access_id, tree_nodes.c.level == level
    )
    return [(row.id, row.middle) for row in connection.execute(statement.order_by(tree_nodes.c.id))]


def n_leaves(connection: Connection) -> dict[int, int]:
    """How many chunks hang in the tree of each access id."""
    statement = (
        select(tree_nodes.c.access_id, func.count())
        .join(tree_leaves, tree_leaves.c.node_id == tree_nodes.c.id)
        .group_by(tree_nodes.c.access_id)
    )
    return {access_id: int(n) for access_id, n in connection.execute(statement)}


# writing


def add(tx: Transaction, access_id: int, level: int, middles: Sequence[bytes], parent_id: int | None) -> list[int]:
    """The ids of new nodes without a summary, one for each middle."""
    first = tx.allocate("tree_node_id", len(middles)) if middles else 0
    rows = [
        _row(TreeNode(id, access_id, level, parent_id, middle=middle)) for id, middle in enumerate(middles, first)
    ]  # fmt: skip
    if rows:
        tx.connection.execute(insert(tree_nodes), rows)
    return [row["id"] for row in rows]


def put(tx: Transaction, changed: Sequence[TreeNode]) -> None:
    """The rows of these nodes are as given."""
    if changed:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*_NAMES[1:], "checksum")}
        rows = [{f"new_{name}": value for name, value in _row(node).items()} for node in changed]
        tx.connection.execute(update(tree_nodes).where(tree_nodes.c.id == bindparam("new_id")).values(values), rows)


def _row(node: TreeNode) -> dict[str, Any]:
    row = _values(node)
    return {**row, "checksum": checksums.of_row(tree_nodes, row)}


def _values(node: TreeNode) -> dict[str, Any]:
    return {name: getattr(node, name) for name in _NAMES}


def remove(tx: Transaction, ids: Collection[int]) -> None:
    """The nodes are gone, and nothing hangs under them."""
    tx.connection.execute(delete(tree_leaves).where(one_of(tree_leaves.c.node_id, ids)))
    tx.connection.execute(delete(tree_nodes).where(one_of(tree_nodes.c.id, ids)))


def hang(tx: Transaction, rows: Sequence[tuple[int, int, bytes]]) -> None:
    """(chunk key, node id, content hash): each chunk hangs under its node, and nowhere else."""
    if rows:
        tx.connection.execute(delete(tree_leaves).where(one_of(tree_leaves.c.chunk_key, [r[0] for r in rows])))
        named = [{"chunk_key": key, "node_id": node_id, "content_hash": digest} for key, node_id, digest in rows]
        tx.connection.execute(_HANG, named)


def move(tx: Transaction, keys: Sequence[int], node_id: int) -> None:
    """The chunks hang under another node."""
    moved = one_of(tree_leaves.c.chunk_key, keys)
    tx.connection.execute(update(tree_leaves).where(moved).values(node_id=node_id))


def drop(tx: Transaction, access_id: int | None = None) -> int:
    """How many nodes there were: those of an access id, or all with what is remembered of their making."""
    ids = select(tree_nodes.c.id)
    if access_id is not None:
        ids = ids.where(tree_nodes.c.access_id == access_id)
    tx.connection.execute(delete(tree_leaves).where(tree_leaves.c.node_id.in_(ids)))
    gone = delete(tree_nodes)
    if access_id is not None:
        gone = gone.where(tree_nodes.c.access_id == access_id)
    n = tx.connection.execute(gone).rowcount
    if access_id is None:
        write_meta(tx.connection, META_KEY, "")
    return int(n)


def mark(tx: Transaction, ids: Iterable[int]) -> None:
    """The summaries of these nodes have to be looked at again; what they say may be said until then."""
    _changed(tx, set(ids), {"dirty": 1})


def blank(tx: Transaction, ids: Iterable[int]) -> int:
    """How many nodes, these and all above them, say nothing any more until they are made again."""
    path: set[int] = set()
    wanted = set(ids)
    while wanted:
        path |= wanted
        above = select(tree_nodes.c.parent_id).where(one_of(tree_nodes.c.id, wanted))
        wanted = {id for id in tx.connection.execute(above).scalars() if id is not None} - path
    _changed(tx, path, {"dirty": 1, "text": "", "vector": b"", "made_by": "", "inputs": b""})
    return len(path)


def _changed(tx: Transaction, ids: set[int], values: Mapping[str, object]) -> None:
    if ids:
        named = nodes_by_id(tx.connection, ids).values()
        put(tx, [TreeNode(**{**_values(node), **values}) for node in named])


def follow(tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
    """The tree when chunks go and others, the heirs, take their place.

    A new chunk that says letter for letter, to the same readers, what one of the old said takes its place in the tree,
    and no summary changes. What is left of the old is gone from the tree, and the summaries above it say nothing.
    """
    if not gone:
        return
    places = one_of(tree_leaves.c.chunk_key, [row.key for row in gone])
    held = {
        row.chunk_key: row.node_id
        for row in tx.connection.execute(select(tree_leaves.c.chunk_key, tree_leaves.c.node_id).where(places))
    }
    if not held:
        return
    free: dict[tuple[int, bytes], list[int]] = {}
    for heir in heirs:
        free.setdefault((heir.access_id, heir.content_hash), []).append(heir.key)
    kept: list[tuple[int, int, bytes]] = []
    lost: set[int] = set()
    for old in gone:
        if old.key in held:
            same = free.get((old.access_id, old.content_hash))
            if same:
                kept.append((same.pop(0), held[old.key], old.content_hash))
            else:
                lost.add(held[old.key])
    tx.connection.execute(delete(tree_leaves).where(places))
    hang(tx, kept)
    blank(tx, lost)


def orphans(connection: Connection) -> list[tuple[int, int]]:
    """(chunk key, node id) of what hangs in the tree and is no live chunk, or one of other readers."""
    statement = (
        select(tree_leaves.c.chunk_key, tree_leaves.c.node_id)
        .join(tree_nodes, tree_nodes.c.id == tree_leaves.c.node_id)
        .outerjoin(chunks, chunks.c.key == tree_leaves.c.chunk_key)
        .where(chunks.c.key.is_(None) | (chunks.c.access_id != tree_nodes.c.access_id))
    )
    return [(row.chunk_key, row.node_id) for row in connection.execute(statement)]


def cut(tx: Transaction, leaves_gone: Sequence[tuple[int, int]]) -> None:
    """Those (chunk key, node id) hang in the tree no more, and the summaries above them say nothing."""
    tx.connection.execute(delete(tree_leaves).where(one_of(tree_leaves.c.chunk_key, [k for k, _ in leaves_gone])))
    blank(tx, {node_id for _, node_id in leaves_gone})
