"""The tables of the graph of names."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from wellread.store.schema import access

metadata = MetaData()

graph_passages = Table(  # chunks whose names and relations are in the graph
    "graph_passages",
    metadata,
    Column("id", Integer, primary_key=True),  # given by Transaction.allocate
    Column("chunk_key", Integer, nullable=False, unique=True),
    Column("access_id", Integer, ForeignKey(access.c.id), nullable=False),
    Column("content_hash", LargeBinary, nullable=False),  # of the chunk, which a new version may hold unchanged
    Column("extractor", String, nullable=False),
    Column("dropped", Integer, nullable=False),  # what a model named that does not stand in the chunk
)

graph_communities = Table(  # entities that hang together; each holds text of one access id alone
    "graph_communities",
    metadata,
    Column("id", Integer, primary_key=True),  # given by Transaction.allocate
    Column("access_id", Integer, ForeignKey(access.c.id), nullable=False),
    Column("dirty", Integer, nullable=False),  # 1: what it is made of has changed since it was summed up
    Column("summary", Text, nullable=False),  # "" until it is made, and from the moment that a passage of it is gone
    Column("made_by", String, nullable=False),  # extract, or the name of a chat model
    Column("embedder_id", String, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # of the summary, float16
)
Index("graph_communities_access", graph_communities.c.access_id)

graph_entities = Table(  # names, one row for each access id under which documents say them
    "graph_entities",
    metadata,
    Column("id", Integer, primary_key=True),  # given by Transaction.allocate
    Column("access_id", Integer, ForeignKey(access.c.id), nullable=False),
    Column("key", Text, nullable=False),  # the name as it is compared: names with the same key are one
    Column("name", Text, nullable=False),
    Column("kind", String, nullable=False),  # name, code, term, or what a model called it
    Column("community_id", Integer, ForeignKey("graph_communities.id")),
    Column("fresh", Integer, nullable=False),  # 1: not compared with the others nor placed yet
    UniqueConstraint("access_id", "key"),
)
Index("graph_entities_community", graph_entities.c.community_id)
Index("graph_entities_fresh", graph_entities.c.access_id, sqlite_where=graph_entities.c.fresh == 1)

graph_mentions = Table(  # where a name stands: characters of the chunk
    "graph_mentions",
    metadata,
    Column("passage_id", Integer, ForeignKey("graph_passages.id"), primary_key=True),
    Column("entity_id", Integer, ForeignKey("graph_entities.id"), primary_key=True),
    Column("start", Integer, primary_key=True),
    Column("end", Integer, nullable=False),
    sqlite_with_rowid=False,
)
Index("graph_mentions_entity", graph_mentions.c.entity_id)

graph_edges = Table(  # a relation that a passage states, and the characters of the chunk that state it
    "graph_edges",
    metadata,
    Column("id", Integer, primary_key=True),  # given by Transaction.allocate
    Column("passage_id", Integer, ForeignKey("graph_passages.id"), nullable=False),
    Column("one_id", Integer, ForeignKey("graph_entities.id"), nullable=False),
    Column("other_id", Integer, ForeignKey("graph_entities.id"), nullable=False),
    Column("label", Text, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
)
Index("graph_edges_passage", graph_edges.c.passage_id)
Index("graph_edges_one", graph_edges.c.one_id)
Index("graph_edges_other", graph_edges.c.other_id)

graph_same = Table(  # names that mean the same, by their vectors
    "graph_same",
    metadata,
    Column("one_id", Integer, ForeignKey("graph_entities.id"), primary_key=True),
    Column("other_id", Integer, ForeignKey("graph_entities.id"), primary_key=True),
    Column("score", Float, nullable=False),
    sqlite_with_rowid=False,
)
Index("graph_same_other", graph_same.c.other_id)
