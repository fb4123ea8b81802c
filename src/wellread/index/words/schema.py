"""The tables of words: BM25 over the chunks (FTS5, virtual), and the glossary, both made with the first words."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

# A virtual table: no copy of the text is kept (``content=''``). What is declared here is in ``fulltext.TOKENIZER``.
FULLTEXT = """CREATE VIRTUAL TABLE chunks_fts USING fts5(
    title, text, content='', tokenize="porter unicode61 remove_diacritics 2 categories 'L* N* M* Co'")"""
WORDS = "CREATE VIRTUAL TABLE chunks_words USING fts5vocab('chunks_fts', 'row')"  # a view of the stems that it holds

glossary = Table(  # abbreviations and other names with what they stand for, as a chunk says it
    "glossary",
    metadata,
    Column("chunk_key", Integer, nullable=False),
    Column("short", Text, nullable=False),
    Column("long", Text, nullable=False),
    Column("short_folded", Text, nullable=False),
    Column("long_folded", Text, nullable=False),
)
Index("glossary_chunk", glossary.c.chunk_key)
Index("glossary_short", glossary.c.short_folded)
Index("glossary_long", glossary.c.long_folded)
