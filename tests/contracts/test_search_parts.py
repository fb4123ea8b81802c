"""What every rewriter and every index keeps to, run over wellread's own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from wellread import contracts
from wellread.index.open import Snapshot
from wellread.retrieve.parts import Query
from wellread.retrieve.retrievers import find
from wellread.retrieve.settings import RetrieveSettings
from wellread.retrieve.understand import rewrite

TEXTS = {
    "dogs": "# Dogs\n\nDogs travel free of charge on the car deck of every ferry.",
    "tax": "# Tax\n\nThe tax office in Holm opens at nine on every day but Sunday.",
    "winch": "# Winch\n\nThe winch is oiled in May and tested by the crew in June.",
}


def meaning(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
    """The search by meaning."""
    if query.vector is None:
        return {}
    return dict(snapshot.search_dense(query.vector, query.embedder_id, versions=query.within, k=query.n))


def words(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
    """The search by words."""
    return dict(snapshot.search_text(query.text, versions=query.within, k=query.n))


def documents_first(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
    """From whole documents down."""
    return find.from_above(query, snapshot, RetrieveSettings(entry="documents"))


def sections_first(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
    """From sections down."""
    return find.from_above(query, snapshot, RetrieveSettings(entry="sections"))


@pytest.mark.parametrize("search", [meaning, words, documents_first, sections_first])
def test_every_leg_of_the_search_keeps_the_contract_of_indexes(search: contracts.Search) -> None:
    contracts.index(search, TEXTS, "Which ferry takes dogs?")


def test_the_rules_that_rewrite_keep_the_contract_of_rewriters() -> None:
    def broader(question: str) -> list[str]:
        return [text] if (text := rewrite.broader(question)) else []

    def parts(question: str) -> list[str]:
        return [part for part in rewrite.split(question) if part.strip()]

    contracts.rewriter(broader, ["Does Odile take dogs aboard?"])
    contracts.rewriter(parts, ["What do dogs pay and what do cats pay?"])
