"""A retriever beside meaning and words: the words that a learned sparse model (SPLADE) sees in a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wellread.index.open import Snapshot
from wellread.index.sparse import sparse
from wellread.models.api import SparseEncoder
from wellread.models.settings import SparseSettings
from wellread.retrieve.parts import Query, Retriever
from wellread.retrieve.settings import RetrieveSettings


def retriever(encoder: Callable[[], SparseEncoder], settings: SparseSettings) -> Retriever:
    """The retriever «sparse»; a base without sparse vectors, or with those of another model, raises StoreError with
    the cure.

    Source: Formal et al., SIGIR 2021 (SPLADE): the score is the dot product of the two vectors.
    """

    def find(query: Query, snapshot: Snapshot, retrieve: RetrieveSettings) -> Mapping[int, float]:
        model = encoder()
        if snapshot.view is None:  # an empty base
            return {}
        sparse.check_model(snapshot.connection, model.id)
        n_covered, n_chunks = sparse.covered(snapshot)
        if n_covered < n_chunks:
            query.told["without sparse vector"] = n_chunks - n_covered
        vector = model.encode([query.text], "query")[0]
        return dict(sparse.search(snapshot, vector, versions=query.within, k=query.n))

    return Retriever("sparse", settings.weight, find)
