"""Rewriters and indexes of other packages: opened by name, and held to what they promise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wellread import paths, plugins
from wellread.index.open import Snapshot
from wellread.index.passages import seen
from wellread.plugins import NamedPart
from wellread.retrieve.parts import Query, Retriever
from wellread.retrieve.settings import RetrieveSettings, RewriteSettings

FOLDER = paths.PLUGINS
MOST_WORDINGS = 10

Rewrite = Callable[[str], Sequence[str]]  # a question → other wordings to search for beside it
Search = Callable[[Query, Snapshot], Mapping[int, float]]  # at most Query.n keys, higher is better


def rewriters(settings: RewriteSettings) -> tuple[Rewrite, ...]:
    """The rewriters that ``rewrite.rewriters`` names, in that order.

    Raises: UsageError for one that is not there, PluginError for one that cannot be opened.
    """
    named = [plugins.named("rewriter", text, "rewrite.rewriters") for text in settings.rewriters]
    return tuple(checked_rewriter(part, settings) for part in named)


def checked_rewriter(part: NamedPart, settings: RewriteSettings) -> Rewrite:
    """The rewriter, which gives at most MOST_WORDINGS texts, none blank, or raises PluginError."""
    function = part.open(settings)
    if not callable(function):
        raise part.wrong(f"opened a {type(function).__name__}, not a function of (question)")

    def rewrite(question: str) -> list[str]:
        with part.answering():
            given: object = function(question)
        if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
            raise part.wrong(f"gave {given!r:.80}, not a list of texts")
        return [text.strip() for text in given if text.strip()][:MOST_WORDINGS]

    return rewrite


def retrievers(settings: RetrieveSettings, data: Path) -> tuple[Retriever, ...]:
    """The indexes that ``retrieve.indexes`` names; ``data`` is the base's data folder.

    Raises: UsageError for one that is not there, PluginError for one that cannot be opened.
    """
    named = [plugins.named("index", text, "retrieve.indexes") for text in settings.indexes]
    return tuple(retriever(part, settings, data) for part in named)


def retriever(part: NamedPart, settings: RetrieveSettings, data: Path) -> Retriever:
    """The index as a retriever of the search; what it finds beyond what may be seen, or elsewhere, is taken out."""
    folder = data / FOLDER / part.kind
    function = part.open(settings, folder)
    if not callable(function):
        raise part.wrong(f"opened a {type(function).__name__}, not a function of (query, look)")
    return Retriever(
        f"{part.kind}:{part.name}",
        settings.index_weight,
        lambda query, snapshot, _: _found(part, function, query, snapshot),
    )


def _found(part: NamedPart, function: Search, query: Query, snapshot: Snapshot) -> dict[int, float]:
    with part.answering():
        given: object = function(query, snapshot)
    if not isinstance(given, Mapping):
        raise part.wrong(f"gave {given!r:.80}, not a mapping of passage keys to scores")
    with part.answering():
        scores = {int(key): float(score) for key, score in given.items()}
    if not all(map(math.isfinite, scores.values())):
        raise part.wrong("gave a score that is no number")
    allowed = seen(snapshot, list(scores), query.within)
    kept = sorted((key for key in scores if key in allowed), key=lambda key: (-scores[key], key))
    return {key: scores[key] for key in kept[: query.n]}
