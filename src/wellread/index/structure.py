"""What everything that is derived from chunks has in common: six verbs, whether words, vectors, a tree or a graph.

The truth changes and the structures follow in the same transaction: ``remove`` before chunks go, ``add`` once new ones
are there. What takes a model is made outside of it, by ``renew``. ``index.structures`` lists all of them; syncing,
removing, checking and ``doctor`` walk that list, so that a new structure is one module and one line there. Its tables
are described in a ``schema.py`` beside it and made by a step of ``store.migrations``, or by itself when it is filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray
from sqlalchemy import Connection

from wellread.models.api import Chat, Embedder, SparseEncoder
from wellread.progress import SILENT, Progress
from wellread.store.check import Fault
from wellread.store.documents import ChunkRow
from wellread.store.engine.api import Store, Transaction


@dataclass(frozen=True, slots=True)
class Brought:
    """What a batch brings for its new chunks: their vectors, made before the transaction, by content hash."""

    store: Store
    language: str = "auto"  # as ``index.language``
    embedder: Embedder | None = None
    vectors: Mapping[bytes, NDArray[Any]] = field(default_factory=dict)  # (width,) as the live set stores them
    storage: str = "float16"


@dataclass(frozen=True, slots=True)
class Making:
    """What structures are made with outside of a batch; models are opened by the one that needs them.

    ``settings`` are the sections by name. ``chat`` and ``sparse`` are None where no model is set.
    """

    store: Store
    settings: Mapping[str, Any]
    embedder: Callable[[], Embedder]
    cheap: Callable[[], Embedder]
    chat: Callable[[], Chat] | None = None
    sparse: Callable[[], SparseEncoder] | None = None
    progress: Progress = SILENT


@dataclass(frozen=True, slots=True)
class Renewed:
    """What ``renew`` made: chunks that were encoded or read, and summaries."""

    chunks: int = 0
    summaries: int = 0
    seconds: float = 0.0


class Structure(Protocol):
    """A searchable structure over the live chunks; a module with these functions is one. It holds no state itself."""

    @property
    def name(self) -> str:
        """What reports and checks call it."""
        ...

    def add(self, tx: Transaction, chunks: Sequence[ChunkRow], brought: Brought) -> None:
        """The new chunks can be found from the commit on, as far as no model is needed for it that was not asked yet.

        Those that are not live any more are left out.
        """
        ...

    def remove(self, tx: Transaction, gone: Sequence[ChunkRow], heirs: Sequence[ChunkRow] = ()) -> None:
        """Nothing of ``gone`` (live until now) is found or held any more.

        ``heirs`` take their place, with keys of their own: one that says the same to the same readers may keep what
        was made of it.
        """
        ...

    def renew(self, making: Making, *, again: bool = False) -> Renewed:
        """What the settings ask for and is missing is made, in batches that a killed run leaves whole.

        With ``again`` all of it is made from the chunks, and what is there answers until it is. Raises: StoreError;
        ModelError, UsageError where a model fails or is not named.
        """
        ...

    def check(self, store: Store) -> Iterator[Fault]:
        """Everything that is not as the chunks say; changes nothing."""
        ...

    def drop(self, tx: Transaction) -> None:
        """Nothing is held of any chunk."""
        ...

    def size(self, connection: Connection) -> int:
        """Of how many chunks something is held."""
        ...
