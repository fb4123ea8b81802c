"""A leg beside meaning and words: the words that a learned sparse model (SPLADE) sees in a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wellread.index.open import Look
from wellread.index.sparse import sparse
from wellread.models.api import SparseEncoder
from wellread.models.settings import SparseSettings
from wellread.retrieve.parts import Leg, Query
from wellread.retrieve.settings import RetrieveSettings


def leg(encoder: Callable[[], SparseEncoder], settings: SparseSettings) -> Leg:
    """The leg «sparse»; a base without sparse vectors, or with those of another model, raises StoreError with the cure.

    Source: Formal et al., SIGIR 2021 (SPLADE): the score is the dot product of the two vectors.
    """

    def find(query: Query, look: Look, retrieve: RetrieveSettings) -> Mapping[int, float]:
        model = encoder()
        if look.view is None:  # an empty base
            return {}
        sparse.check_model(look.connection, model.id)
        n_covered, n_chunks = sparse.covered(look)
        if n_covered < n_chunks:
            query.told["without sparse vector"] = n_chunks - n_covered
        vector = model.encode([query.text], "query")[0]
        return dict(sparse.search(look, vector, versions=query.within, k=query.n))

    return Leg("sparse", settings.weight, find)
