"""What an open base loads when it is first needed: models and the searchable side of the store, by settings."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Self, cast

from wellread import config
from wellread.index.open import IndexReader
from wellread.index.sparse.sparse import fill
from wellread.models import select
from wellread.models.api import Chat, Embedder, Reranker, SparseEncoder
from wellread.models.remember import Remembered
from wellread.models.settings import EmbedSettings
from wellread.progress import SILENT, Progress
from wellread.retrieve.parts import Retriever
from wellread.retrieve.retrievers import plugged
from wellread.retrieve.retrievers.sparse import retriever as sparse_retriever
from wellread.store.engine.api import Store


class OpenParts:
    """Each part is opened once, when it is first asked for; bases with the same settings share what is open."""

    def __init__(self, settings: config.Settings, store: Store) -> None:
        self.settings = settings
        self.store = store

    @cached_property
    def embedder(self) -> Embedder:
        """The model of ``embed.model``."""
        return select.embedder(self.settings["embed"], config.models_folder(), api_key=self._key("embed"))

    @cached_property
    def reader(self) -> IndexReader:
        """The searchable side of the base; it keeps itself in step with the store."""
        return IndexReader(self.store, self.settings["index"].language)

    @cached_property
    def scorer(self) -> Embedder:
        """The model of ``answer.scorer`` that compares sentences."""
        name = self.settings["answer"].scorer
        if not name or name == self.settings["embed"].model:
            return self.embedder
        settings = replace(self.settings["embed"], model=name, dim=0)
        return Remembered(select.embedder(settings, config.models_folder(), api_key=self._key("embed")))

    @cached_property
    def cheap(self) -> Embedder:
        """An embedder that is cheap: the base's own where it is static, else the packaged table."""
        if self.settings["embed"].model.startswith("static:"):
            return self.embedder
        return select.embedder(EmbedSettings(), config.models_folder())

    @cached_property
    def reranker(self) -> Reranker | None:
        """The model of ``rerank.model``, shared with ``scorer`` where it is the same; None where it is empty."""
        name = self.settings["rerank"].model
        if name and name == self.settings["answer"].scorer and isinstance(self.scorer, Reranker):
            return self.scorer
        return select.reranker(self.settings["rerank"], config.models_folder(), api_key=self._key("rerank"))

    @cached_property
    def chat(self) -> Chat | None:
        """The model of ``chat.model``; None where it is empty."""
        if not self.settings["chat"].model:
            return None
        return select.chat(self.settings["chat"], config.models_folder(), api_key=self._key("chat"))

    @cached_property
    def sparse(self) -> SparseEncoder | None:
        """The model of ``sparse.model``; None where it is empty."""
        return select.sparse(self.settings["sparse"], config.models_folder())

    @property
    def sparse_retrievers(self) -> tuple[Retriever, ...]:
        """The search by ``sparse``, where a model is set; the model is opened with the first question."""
        settings = self.settings["sparse"]
        return (sparse_retriever(lambda: cast(SparseEncoder, self.sparse), settings),) if settings.model else ()

    def sparse_fill(self, progress: Progress = SILENT, *, again: bool = False) -> int:
        """Chunks that the model of ``sparse.model`` encoded, those that it had not; 0 where none is set.

        Raises: StoreError where the vectors are another model's, unless ``again``: then they are dropped first.
        """
        return fill(self.store, self.sparse, progress, again=again) if self.sparse is not None else 0

    @cached_property
    def rewriters(self) -> tuple[plugged.Rewrite, ...]:
        """The rewriters of other packages that ``rewrite.rewriters`` names."""
        return plugged.rewriters(self.settings["rewrite"])

    @cached_property
    def retrievers(self) -> tuple[Retriever, ...]:
        """The indexes of other packages that ``retrieve.indexes`` names."""
        return plugged.retrievers(self.settings["retrieve"], self.store.folder)

    def _key(self, section: str) -> str | None:
        name = self.settings[section].api_key_env
        return config.environment(name) if name else None

    def _sharing(self, other: OpenParts) -> Self:
        """The same base with those open parts of another one that its own settings would open just so."""
        mine, theirs = _opened_by(self.settings), _opened_by(other.settings)
        self.__dict__.update(
            {part: other.__dict__[part] for part in mine if part in other.__dict__ and mine[part] == theirs[part]}
        )
        return self


def _opened_by(settings: config.Settings) -> dict[str, object]:
    """The settings that each open part follows from."""
    return {
        "embedder": settings["embed"],
        "quick": settings["embed"],
        "reader": settings["index"],
        "sparse": replace(settings["sparse"], weight=0.0),
        "scorer": (settings["embed"], settings["answer"].scorer),
        "reranker": settings["rerank"],
        "chat": settings["chat"],
        "rewriters": settings["rewrite"],
        "retrievers": settings["retrieve"],
    }
