"""The tables of the tree of summaries."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

from wellread.store.schema import access

metadata = MetaData()

tree_nodes = Table(  # summaries of passages, and of summaries; each holds text of one access id alone
    "tree_nodes",
    metadata,
    Column("id", Integer, primary_key=True),  # given by Transaction.allocate
    Column("access_id", Integer, ForeignKey(access.c.id), nullable=False),
    Column("level", Integer, nullable=False),  # 1: over chunks, 2: over nodes of level 1 …
    Column("parent_id", Integer),  # NULL at the top
    Column("dirty", Integer, nullable=False),  # 1: what is below it has changed since the summary was made
    Column("text", Text, nullable=False),  # "" until it is made, and from the moment that a passage below it is gone
    Column("vector", LargeBinary, nullable=False),  # of the text, float16
    Column("middle", LargeBinary, nullable=False),  # mean of the vectors below it, float16: what finds its place
    Column("made_by", String, nullable=False),  # extract, or the name of a chat model
    Column("inputs", LargeBinary, nullable=False),  # digest of what the summary was made from
    Column("checksum", LargeBinary, nullable=False),
)
Index("tree_nodes_level", tree_nodes.c.access_id, tree_nodes.c.level)
Index("tree_nodes_parent", tree_nodes.c.parent_id)
Index("tree_nodes_dirty", tree_nodes.c.level, sqlite_where=tree_nodes.c.dirty == 1)

tree_leaves = Table(  # under which node of level 1 a chunk hangs
    "tree_leaves",
    metadata,
    Column("chunk_key", Integer, primary_key=True),
    Column("node_id", Integer, ForeignKey("tree_nodes.id"), nullable=False),
    Column("content_hash", LargeBinary, nullable=False),  # of the chunk, which a new version may hold unchanged
)
Index("tree_leaves_node", tree_leaves.c.node_id)
