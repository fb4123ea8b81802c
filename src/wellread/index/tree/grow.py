"""The tree comes into step with the chunks: what is new finds its place, what outgrew it is cut, summaries are remade.

``update`` does what is missing, wherever it was stopped. Level by level: passages find their nodes, each node whose
children changed gets a new summary, and where that reads differently the node above is looked at. What no change
touches is not read. A tree spans the passages of one access id, so that a summary holds nothing that one of its readers
may not see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from wellread.index.tree import cluster, summarise
from wellread.index.tree import rows as tree
from wellread.index.tree.rows import TreeNode, UnplacedChunk
from wellread.index.tree.settings import TreeSettings
from wellread.index.vectors import sets
from wellread.index.vectors.file import unpacked
from wellread.index.vectors.sets import VectorSet, refuse_other
from wellread.models.api import Chat, Embedder
from wellread.progress import SILENT, Progress
from wellread.store.engine.api import Store, Transaction
from wellread.types import Usage

BATCH = 64  # summaries committed at once; written ones are committed one by one
DISSOLVED = 4  # a node with less than cluster_size / DISSOLVED below it gives them to others

Vectors = NDArray[np.float32]
Members = tuple[list[int], Vectors]  # ids of chunks or nodes, and their (n, dim) vectors


@dataclass(frozen=True, slots=True)
class TreeModels:
    """What makes summaries and vectors; ``cheap`` compares sentences, ``chat`` is None where no model is set."""

    embedder: Embedder
    cheap: Embedder
    chat: Callable[[], Chat] | None = None


@dataclass(slots=True)
class TreeUpdate:
    """What was done, and what there is now; ``reason`` says why sentences stand where a model should have written."""

    levels: dict[int, int] = field(default_factory=dict)  # nodes of each
    passages: int = 0
    added: int = 0  # passages that found a place
    made: int = 0  # nodes that got a new summary
    written: int = 0  # of them by a chat model
    instead: int = 0  # nodes for which sentences were taken although a chat model was to write
    kept: int = 0  # nodes that were looked at and say the same
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    reason: str = ""
    left_machine: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def nodes(self) -> int:
        """All nodes of all levels."""
        return sum(self.levels.values())


@dataclass(frozen=True, slots=True)
class _Work:
    """What every step of one update has in common."""

    store: Store
    models: TreeModels
    settings: TreeSettings
    writer: summarise.Writer
    done: TreeUpdate
    progress: Progress

    @property
    def recipe(self) -> str:
        """How a summary is made, as far as what it says follows from it."""
        return "chat" if self.settings.summaries == "chat" else f"{summarise.EXTRACT}:{self.settings.sentences}"


def update(
    store: Store, models: TreeModels, settings: TreeSettings, progress: Progress = SILENT, *, whole: bool = False
) -> TreeUpdate:
    """What was done; the tree is in step with the chunks that were there when it began.

    Stopped at any instant and called again, only what is missing is done. With ``whole`` everything is held against the
    settings: a changed shape builds the tree again, a changed recipe every summary. Without, only what the documents
    changed is touched.

    Raises: StoreError if the index holds vectors of another embedder; ModelError if that one fails.
    """
    started = time.monotonic()
    work = _Work(store, models, settings, summarise.Writer(models.chat), TreeUpdate(), progress)
    if _begun(work, whole):
        for level in range(1, settings.levels + 1):
            _summarised(work, level)
            if level < settings.levels:
                _raised(work, level)
    done, writer = work.done, work.writer
    with store.reading() as connection:
        done.levels, done.passages = tree.counts(connection), sum(tree.n_leaves(connection).values())
    done.calls, done.usage = writer.calls, writer.usage
    done.left_machine = (writer.host,) if writer.host else ()
    done.reason = writer.reason
    done.seconds = time.monotonic() - started
    return done


def drop(store: Store) -> int:
    """How many summaries there were; none is left."""
    with store.writing() as tx:
        n = tree.drop(tx)
        if n:
            tx.bump()
    return n


def _begun(work: _Work, whole: bool) -> bool:
    """Whether there is anything to look at; the passages hang where they belong."""
    with work.store.reading() as connection:
        live = sets.live(connection)
        known = tree.shape(connection)
        if live is None:
            return False
        refuse_other(live.embedder_id, work.models.embedder.id)
        same = known.get("embedder") == work.models.embedder.id
        changed = tree.loose(connection, live.id) or tree.orphans(connection) or tree.dirty(connection, 1)
        if same and not whole and not changed:
            return True
    with work.store.writing() as tx:
        live = sets.live(tx.connection) or live
        _shaped(tx, work, known, whole)
        tree.cut(tx, tree.orphans(tx.connection))
        _tidied(tx, work, live, 1)
        by_access: dict[int, list[UnplacedChunk]] = {}
        for row in tree.loose(tx.connection, live.id):
            by_access.setdefault(row.access_id, []).append(row)
        have = tree.n_leaves(tx.connection)
        for access_id, rows in sorted(by_access.items()):
            if len(rows) > have.get(access_id, 0):
                _built(tx, work, live, access_id)
            else:
                _placed(tx, work, live, access_id, rows)
            work.done.added += len(rows)
        _tidied(tx, work, live, 1)
        tx.bump()
    return True


def _shaped(tx: Transaction, work: _Work, known: Mapping[str, object], whole: bool) -> None:
    """What was made for other settings or by another embedder is to be made again."""
    settings, embedder_id = work.settings, work.models.embedder.id
    shape = {"embedder": embedder_id, "cluster_size": settings.cluster_size, "levels": settings.levels}
    if whole and known and {**known, "embedder": ""} != {**shape, "embedder": ""}:
        tree.drop(tx)
    elif known and known.get("embedder") != embedder_id:
        every = tree.nodes(tx.connection)
        tree.put(tx, [replace(node, dirty=1, vector=b"", middle=b"") for node in every])
    elif whole:
        tree.mark(tx, [node.id for node in tree.nodes(tx.connection)])
    tree.set_shape(tx, shape if whole or not known else {**known, "embedder": embedder_id})


def _built(tx: Transaction, work: _Work, live: VectorSet, access_id: int) -> None:
    """The lowest level of a tree rebuilt from all passages of an access id; nothing stands above it yet."""
    tree.drop(tx, access_id)
    rows = tree.all_of_access(tx.connection, live.id, access_id)
    vectors = _read(work.store, live, [row.slot for row in rows])
    groups = cluster.divided(vectors, work.settings.cluster_size)
    ids = tree.add(tx, access_id, 1, [_bytes(cluster.middle(vectors[group])) for group in groups], None)
    hung = [(rows[i].key, id, rows[i].content_hash) for id, group in zip(ids, groups, strict=True) for i in group]
    tree.hang(tx, hung)


def _placed(tx: Transaction, work: _Work, live: VectorSet, access_id: int, rows: Sequence[UnplacedChunk]) -> None:
    """Each passage hangs under the nearest node of the lowest level."""
    ids, middles = _middles(tx, access_id, 1)
    at = cluster.nearest(_read(work.store, live, [row.slot for row in rows]), middles)
    tree.hang(tx, [(row.key, ids[i], row.content_hash) for row, i in zip(rows, at, strict=True)])
    tree.mark(tx, [ids[i] for i in at])


def _middles(tx: Transaction, access_id: int, level: int) -> tuple[list[int], Vectors]:
    """The nodes of a level with their (n, dim) middles."""
    rows = tree.middles(tx.connection, access_id, level)
    return [id for id, _ in rows], np.stack([_floats(stored) for _, stored in rows])


def _tidied(tx: Transaction, work: _Work, live: VectorSet, level: int) -> None:
    """The nodes of a level that changed are neither empty, nor too full, nor too small, and know their middle."""
    waiting = set(tree.dirty(tx.connection, level))
    while waiting:
        members = _members(tx.connection, work, live, level, waiting)
        again: set[int] = set()
        for id, node in tree.nodes_by_id(tx.connection, waiting).items():
            if id not in again:  # else something was hung under it after its members were read
                again |= _fitting(tx, work, level, node, members.get(id))
        waiting = again


def _fitting(tx: Transaction, work: _Work, level: int, node: TreeNode, below: Members | None) -> set[int]:
    """The nodes that took what was below this one and have to be looked at again."""
    most = work.settings.cluster_size
    if below is None:
        tree.mark(tx, [node.parent_id] if node.parent_id is not None else [])
        tree.remove(tx, [node.id])
        return set()
    if len(below[0]) > most:
        _split(tx, level, node, below, most)
        return set()
    if len(below[0]) < most // DISSOLVED:
        taken = _dissolved(tx, level, node, below)
        if taken:
            return taken
    tree.put(tx, [replace(node, dirty=1, middle=_bytes(cluster.middle(below[1])))])
    return set()


def _split(tx: Transaction, level: int, node: TreeNode, below: Members, most: int) -> None:
    """The node keeps the first part of what is below it; the others get nodes beside it."""
    ids, vectors = below
    first, *others = cluster.divided(vectors, most)
    tree.put(tx, [replace(node, dirty=1, middle=_bytes(cluster.middle(vectors[first])))])
    middles = [_bytes(cluster.middle(vectors[part])) for part in others]
    for id, part in zip(tree.add(tx, node.access_id, level, middles, node.parent_id), others, strict=True):
        _move(tx, level, [ids[i] for i in part], id)
    tree.mark(tx, [node.parent_id] if node.parent_id is not None else [])


def _dissolved(tx: Transaction, level: int, node: TreeNode, below: Members) -> set[int]:
    """The nodes that took what was below this one, which is gone; none, and nothing is done, where it is alone."""
    others = [(i, m) for i, m in tree.middles(tx.connection, node.access_id, level) if i != node.id and m]
    if not others:
        return set()
    ids, vectors = below
    at = cluster.nearest(vectors, np.stack([_floats(stored) for _, stored in others]))
    taken = {others[i][0] for i in at}
    for target in taken:
        _move(tx, level, [id for id, i in zip(ids, at, strict=True) if others[i][0] == target], target)
    tree.mark(tx, [*taken, *([node.parent_id] if node.parent_id is not None else [])])
    tree.remove(tx, [node.id])
    return taken


def _move(tx: Transaction, level: int, ids: Sequence[int], target: int) -> None:
    if level == 1:
        tree.move(tx, ids, target)
    else:
        below = tree.nodes_by_id(tx.connection, ids)
        tree.put(tx, [replace(node, parent_id=target) for node in below.values()])


def _members(
    connection: Connection, work: _Work, live: VectorSet, level: int, ids: Collection[int]
) -> dict[int, Members]:
    """What is right below each of some nodes of a level; one with nothing below it is missing."""
    if level > 1:
        below = tree.children(connection, ids)
        return {id: ([n.id for n in nodes], np.stack([_where(n) for n in nodes])) for id, nodes in below.items()}
    keys: dict[int, list[int]] = {}
    for key, node_id in tree.leaves(connection, node_ids=ids):
        keys.setdefault(node_id, []).append(key)
    slots = tree.slots_of(connection, live.id, [key for held in keys.values() for key in held])
    kept = {id: held for id, every in keys.items() if (held := [key for key in every if key in slots])}
    if not kept:
        return {}
    vectors = _read(work.store, live, [slots[key] for held in kept.values() for key in held])
    cuts = np.cumsum([len(held) for held in kept.values()])[:-1]
    return {id: (held, part) for (id, held), part in zip(kept.items(), np.split(vectors, cuts), strict=True)}


def _summarised(work: _Work, level: int) -> None:
    """Every node of the level that changed says what is below it; each batch is committed."""
    with work.store.reading() as connection:
        waiting = tree.dirty(connection, level)
    size = 1 if work.settings.summaries == "chat" else BATCH
    for start in range(0, len(waiting), size):
        _batch(work, level, waiting[start : start + size])
        work.progress.step(f"summaries, level {level}", min(start + size, len(waiting)), len(waiting))


def _batch(work: _Work, level: int, ids: Sequence[int]) -> None:
    with work.store.reading() as connection:
        nodes, below = tree.nodes_by_id(connection, ids), _below(connection, level, ids)
    texts: dict[int, tuple[str, str]] = {}  # node id → text, who made it
    for id, node in nodes.items():
        if node.text and node.inputs == _digest(work.recipe, below.get(id, ())):
            texts[id] = node.text, node.made_by
        else:
            texts[id] = _made(work, [text for _, text in below.get(id, ())])
    fresh = [id for id, (text, _) in texts.items() if not nodes[id].vector or nodes[id].text != text]
    embedded = sets.embedded(work.models.embedder, [texts[id][0] for id in fresh])
    vectors = {id: vector.tobytes() for id, vector in zip(fresh, embedded, strict=True)}
    with work.store.writing() as tx:
        now, still = tree.nodes_by_id(tx.connection, ids), _below(tx.connection, level, ids)
        above: set[int] = set()
        changed = []
        for id, node in now.items():
            if id not in texts or still.get(id) != below.get(id) or node.text != nodes[id].text:
                continue  # somebody else was here; the node stays as it is and is looked at the next time
            text, made_by = texts[id]
            recipe = work.recipe if made_by != summarise.EXTRACT else f"{summarise.EXTRACT}:{work.settings.sentences}"
            inputs = _digest(recipe, below.get(id, ()))
            vector = vectors.get(id, node.vector)
            changed.append(replace(node, dirty=0, text=text, vector=vector, made_by=made_by, inputs=inputs))
            if text != node.text and node.parent_id is not None:
                above.add(node.parent_id)
            work.done.made += node.inputs != inputs
            work.done.kept += node.inputs == inputs
            work.done.written += node.inputs != inputs and made_by != summarise.EXTRACT
        tree.put(tx, changed)
        tree.mark(tx, above)
        tx.bump()


def _below(connection: Connection, level: int, ids: Sequence[int]) -> dict[int, tuple[tuple[bytes, str], ...]]:
    """(digest, text) of what is right below each of some nodes, in a fixed order."""
    if level == 1:
        held = tree.passages(connection, ids)
        return {id: tuple(sorted((row.content_hash, row.text) for row in rows)) for id, rows in held.items()}
    nodes = tree.children(connection, ids)
    return {id: tuple(sorted((_hash(n.text), n.text) for n in below)) for id, below in nodes.items()}


def _made(work: _Work, texts: Sequence[str]) -> tuple[str, str]:
    """A summary, and who made it."""
    if work.settings.summaries == "chat":
        text = work.writer.write(texts)
        if text:
            return text, work.writer.name
        work.done.instead += 1
    return summarise.extract(texts, work.models.cheap, work.settings.sentences), summarise.EXTRACT


def _raised(work: _Work, level: int) -> None:
    """The nodes of a level hang under nodes of the next one, which is made where there are too many for a top."""
    with work.store.reading() as connection:
        live = sets.live(connection)
        wanted = _to_hang(connection, level, work.settings.cluster_size)
        if live is None or (not wanted and not tree.dirty(connection, level + 1)):
            return
    with work.store.writing() as tx:
        _tidied(tx, work, live, level + 1)
        for access_id in _to_hang(tx.connection, level, work.settings.cluster_size):
            _hung(tx, work, access_id, level)
        _tidied(tx, work, live, level + 1)
        tx.bump()


def _to_hang(connection: Connection, level: int, most: int) -> list[int]:
    """Access ids with nodes that hang under nothing although there is a level above, or should be."""
    above = tree.counts_of(connection, level + 1)
    loose = tree.parentless(connection, level)
    return [access_id for access_id, n in loose.items() if n > most or access_id in above]


def _hung(tx: Transaction, work: _Work, access_id: int, level: int) -> None:
    below = [n for n in tree.nodes(tx.connection, access_ids={access_id}, level=level) if n.parent_id is None]
    vectors = np.stack([_where(node) for node in below])
    if tree.middles(tx.connection, access_id, level + 1):
        ids, middles = _middles(tx, access_id, level + 1)
        parents = [ids[i] for i in cluster.nearest(vectors, middles)]
    else:
        groups = cluster.divided(vectors, work.settings.cluster_size)
        made = [_bytes(cluster.middle(vectors[group])) for group in groups]
        ids = tree.add(tx, access_id, level + 1, made, None)
        named = {int(i): id for id, group in zip(ids, groups, strict=True) for i in group}
        parents = [named[i] for i in range(len(below))]
    tree.put(tx, [replace(node, parent_id=parent) for node, parent in zip(below, parents, strict=True)])
    tree.mark(tx, parents)


def _digest(recipe: str, below: Sequence[tuple[bytes, str]]) -> bytes:
    """16 bytes that change when what a summary is made of, or how, does."""
    return sha256(recipe.encode() + b"\0" + b"".join(digest for digest, _ in below)).digest()[:16]


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()[:16]


def _where(node: TreeNode) -> NDArray[np.float32]:
    return _floats(node.vector or node.middle)


def _floats(stored: bytes) -> NDArray[np.float32]:
    return np.frombuffer(stored, "<f2").astype(np.float32)


def _bytes(vector: NDArray[np.float32]) -> bytes:
    return np.asarray(vector, "<f2").tobytes()


def _read(store: Store, live: VectorSet, slots: Sequence[int]) -> Vectors:
    files = sets.files_of(store, live)
    return unpacked(files.read(np.array(slots, np.int64)), files.storage, files.dim)
