"""The sections of ``wellread.toml`` that an open base reads, each a dataclass of the room that it sets."""

from __future__ import annotations

from collections.abc import Mapping

from wellread.answer.settings import AnswerSettings
from wellread.documents.settings import ChunkSettings, IngestSettings, ParseSettings
from wellread.index.graph.settings import GraphSettings
from wellread.index.settings import IndexSettings
from wellread.index.tree.settings import TreeSettings
from wellread.models.settings import ChatSettings, EmbedSettings, RerankSettings, SparseSettings
from wellread.retrieve.settings import ExpandSettings, RetrieveSettings, RewriteSettings, RouteSettings

BASE: Mapping[str, type] = {
    "documents": IngestSettings,
    "parse": ParseSettings,
    "chunk": ChunkSettings,
    "embed": EmbedSettings,
    "index": IndexSettings,
    "retrieve": RetrieveSettings,
    "rerank": RerankSettings,
    "sparse": SparseSettings,
    "rewrite": RewriteSettings,
    "expand": ExpandSettings,
    "tree": TreeSettings,
    "graph": GraphSettings,
    "route": RouteSettings,
    "chat": ChatSettings,
    "answer": AnswerSettings,
}
# read by the rooms above, from the same file; cli/sections.py knows them all
ABOVE = ("evaluate", "tune", "prepare", "serve")
SEARCHES = ("retrieve", "rerank", "rewrite", "expand", "route")  # the sections of a search, in this order
