"""What the searches of one base have open: the searchable side of its store, parts of other packages, its route."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wellread.index.open import IndexReader
from wellread.index.settings import IndexSettings
from wellread.models.api import Embedder
from wellread.once import OncePerKey
from wellread.retrieve.parts import Retriever
from wellread.retrieve.retrievers import plugged
from wellread.retrieve.settings import RetrieveSettings, RewriteSettings
from wellread.retrieve.understand import route
from wellread.store.engine.api import Store


class SearchContext:
    """The open parts of searching in one store, each opened when it is first needed, by the settings that open it.

    Threads and bases over the same store may share it; it needs no closing.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._parts = OncePerKey()

    def reader(self, settings: IndexSettings) -> IndexReader:
        """The searchable side of the base; it keeps itself in step with the store."""
        language = settings.language
        reader: IndexReader = self._parts.get(("reader", language), lambda: IndexReader(self.store, language))
        return reader

    def rewriters(self, settings: RewriteSettings) -> tuple[plugged.Rewrite, ...]:
        """The rewriters of other packages that ``rewrite.rewriters`` names. Raises: UsageError, PluginError."""
        if not settings.rewriters:
            return ()
        made: tuple[plugged.Rewrite, ...] = self._parts.get(
            ("rewriters", settings), lambda: plugged.rewriters(settings)
        )
        return made

    def retrievers(self, settings: RetrieveSettings) -> tuple[Retriever, ...]:
        """The indexes of other packages that ``retrieve.indexes`` names. Raises: UsageError, PluginError."""
        if not settings.indexes:
            return ()
        made: tuple[Retriever, ...] = self._parts.get(
            ("retrievers", settings), lambda: plugged.retrievers(settings, self.store.folder)
        )
        return made

    def classify(self, cheap: Callable[[], Embedder]) -> Callable[[str], tuple[str, float]] | None:
        """What tells the kind of a question; None where nothing was trained.

        The file is read again only where it was trained again since. Raises: ModelError.
        """
        state = _state(self.store.folder / route.FILE)
        if state is None:
            return None
        known: tuple[tuple[int, int], route.Classifier | None] = self._parts.get(
            "route", lambda: (state, route.load(self.store.folder))
        )
        if known[0] != state:
            self._parts.forget("route")
            known = self._parts.get("route", lambda: (state, route.load(self.store.folder)))
        found = known[1]
        return (lambda question: found.kind(question, cheap())) if found is not None else None


def _state(path: Path) -> tuple[int, int] | None:
    """Time of change and size of a file; None where it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
