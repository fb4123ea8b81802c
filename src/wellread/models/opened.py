"""Models that are open: settings come in, the model that they name goes out, the same one for everybody who asks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from wellread import config
from wellread.errors import UsageError
from wellread.models import select
from wellread.models.api import Chat, Embedder, Reranker, SparseEncoder
from wellread.models.remember import Remembered
from wellread.models.settings import ChatSettings, EmbedSettings, RerankSettings, SparseSettings
from wellread.once import OncePerKey

Key = tuple[str, Hashable]  # kind of model, the settings that open it
Model = TypeVar("Model")


class OpenModels:
    """Models by the settings that open them, each opened when it is first needed.

    Threads and bases may share it: eight threads that need a model at once open it once, and wait for nothing else.
    ``held`` counts those that use it; the last ``close`` frees the models, those of ``lent`` excepted, which belong to
    whoever lent them.
    """

    def __init__(
        self, folder: Path | None = None, *, lent: Mapping[Key, Any] | None = None, below: OpenModels | None = None
    ) -> None:
        self.folder = config.models_folder() if folder is None else folder
        self.openings: Counter[Key] = Counter()  # how often each was opened: once, unless opening it failed
        self._lent = dict(lent or {})
        self._below = below
        self._models = OncePerKey()
        self._lock = threading.Lock()
        self._users = 1

    def embedder(self, settings: EmbedSettings, *, where: str = "embed.model") -> Embedder:
        """The model of ``embed.model``; ``where`` is the setting that an error names. Errors as ``select.embedder``."""
        return self._opened(
            ("embedder", settings),
            lambda: select.embedder(settings, self.folder, api_key=_key(settings.api_key_env), where=where),
        )

    def scorer(self, settings: EmbedSettings, name: str) -> Embedder:
        """The model that compares sentences: ``name`` (answer.scorer), or that of ``settings`` where it is the same."""
        key = scorer_key(settings, name)
        if key not in self._lent and (not name or name == settings.model):
            return self.embedder(settings)
        named = replace(settings, model=name, dim=0)
        # made of a lent model it stays with the borrower
        keeper = self if ("embedder", named) in self._lent else self._root
        return self._opened(key, lambda: Remembered(self.embedder(named, where="answer.scorer")), keeper)

    def cheap(self, settings: EmbedSettings) -> Embedder:
        """An embedder that is cheap: that of ``settings`` where it is static, else the packaged table."""
        return self.embedder(settings if settings.model.startswith("static:") else EmbedSettings())

    def reranker(self, settings: RerankSettings, embed: EmbedSettings, scorer: str) -> Reranker | None:
        """The model of ``rerank.model``, that of ``scorer`` where it is the same; None where it is empty."""
        if not settings.model:
            return None
        key = ("reranker", settings)
        if key not in self._lent and settings.model == scorer:
            shared = self.scorer(embed, scorer)
            if isinstance(shared, Reranker):
                return shared
        return self._opened(key, lambda: select.reranker(settings, self.folder, api_key=_key(settings.api_key_env)))

    def chat(self, settings: ChatSettings) -> Chat | None:
        """The model of ``chat.model``; None where it is empty."""
        if not settings.model:
            return None
        return self._opened(
            ("chat", settings), lambda: select.chat(settings, self.folder, api_key=_key(settings.api_key_env))
        )

    def sparse(self, settings: SparseSettings) -> SparseEncoder:
        """The model of ``sparse.model``; its weight in a search opens no other one. Raises: UsageError for none."""
        settings = replace(settings, weight=0.0)
        return self._opened(("sparse", settings), lambda: select.sparse(settings, self.folder))

    def lending(self, models: Mapping[Key, Any]) -> OpenModels:
        """The same models, with these in place of those that their keys would open.

        They are not closed with it, and nothing changes for whoever uses this one.
        """
        return OpenModels(self.folder, lent={**self._lent, **models}, below=self._root)

    def held(self) -> OpenModels:
        """The same object, with one more user, who closes it as well. Raises: UsageError where it is closed."""
        root = self._root
        root._refuse_closed()
        with root._lock:
            root._users += 1
        return self

    def close(self) -> None:
        """One user less; after the last one every model is closed and its memory given back. Again is harmless."""
        root = self._root
        with root._lock:
            root._users = max(0, root._users - 1)
            if root._users:
                return
        _free(root._models.clear())

    @property
    def _root(self) -> OpenModels:
        return self._below or self

    def _opened(self, key: Key, make: Callable[[], Model], keeper: OpenModels | None = None) -> Model:
        if key in self._lent:
            return self._lent[key]  # type: ignore[no-any-return]  # lent as one of its kind
        keeper = keeper or self._root
        return keeper._models.get(key, lambda: self._root._counted(key, make))  # type: ignore[no-any-return]  # what make gave

    def _counted(self, key: Key, make: Callable[[], Model]) -> Model:
        self._refuse_closed()
        model = make()
        with self._lock:
            self.openings[key] += 1
            closed = not self._users
        if closed:  # while it was opened
            _free([model])
            self._refuse_closed()
        return model

    def _refuse_closed(self) -> None:
        with self._lock:
            if not self._users:
                raise UsageError("this base is closed; open it again with KnowledgeBase.open")


def scorer_key(settings: EmbedSettings, name: str) -> Key:
    """The key of the model that compares sentences, as ``OpenModels.lending`` takes it."""
    return "scorer", replace(settings, model=name or settings.model, dim=0)


def _free(models: Iterable[object]) -> None:
    """Every model is closed that can be, each once."""
    for model in {id(model): model for model in models}.values():
        close = getattr(model, "close", None)
        if callable(close):
            close()


def _key(variable: str) -> str | None:
    return config.environment(variable) if variable else None
