from __future__ import annotations

import pytest

from wellread.index.open import DocumentNames
from wellread.retrieve.understand.scope import LIKELY, STRONG, Scope, scope, vocabulary


def named(n: int, title: str, uri: str, access_id: int = 1, **metadata: str) -> DocumentNames:
    return DocumentNames(n, access_id, title, uri, metadata, None)


BASE = (
    named(1, "Refund conditions", "/d/refunds-2025.md"),
    named(2, "Refund conditions", "/d/refunds-2026.md"),
    named(3, "Safety notice 7", "/d/notice-7.txt", vessel="Eider Sound"),
    named(4, "3M_2018_10K", "/d/3M_2018_10K.pdf"),
    named(5, "3M_2019_10K", "/d/3M_2019_10K.pdf"),
    named(6, "Boeing_2018_10K", "/d/Boeing_2018_10K.pdf"),
    named(7, "Pay scales of the board", "/d/secret.md", access_id=2),
    *(named(n, f"Page {n}", f"/d/p{n}.md") for n in range(8, 40)),
)
KNOWN = vocabulary(BASE, frozenset({1}))


def test_a_file_name_is_meant() -> None:
    assert scope("What does refunds-2025.md say about dogs?", KNOWN) == Scope(
        frozenset({1}), True, STRONG, ("refunds-2025.md",)
    )


def test_a_title_with_a_year_names_that_edition() -> None:
    found = scope("What did the refund conditions say in 2026?", KNOWN)
    assert found is not None
    assert (found.versions, found.only) == (frozenset({2}), True)


def test_a_metadata_value_counts_more_without_shutting_others_out() -> None:
    found = scope("Is the ramp of the Eider Sound safe?", KNOWN)
    assert found == Scope(frozenset({3}), False, LIKELY, ("eider sound",))


def test_a_company_and_a_year_name_a_filing() -> None:
    found = scope("What was the capital expenditure of 3M in 2018?", KNOWN)
    assert found is not None
    assert (found.versions, found.only) == (frozenset({4}), False)


def test_a_question_that_names_nothing_is_not_scoped() -> None:
    assert scope("How much does a bicycle cost?", KNOWN) is None


def test_what_may_not_be_seen_cannot_be_named() -> None:
    assert scope("pay scales of the board", KNOWN) is None
    assert scope("pay scales of the board", vocabulary(BASE, None)) is not None


LONG = vocabulary(
    (
        named(1, "Handbook for deck crew", "/d/deck.md"),
        named(2, "Rules of the harbour board", "/d/rules.md"),
        named(3, "Acme_FY2018", "/d/Acme_FY2018.pdf"),
        named(4, "Acme_FY2019", "/d/Acme_FY2019.pdf"),
        *(named(n, f"Page {n}", f"/d/p{n}.md") for n in range(8, 40)),
    ),
    None,
)


@pytest.mark.parametrize(
    ("question", "versions", "only"),
    [
        ("Who wrote the handbook for deck crew?", {1}, False),  # it may be told elsewhere
        ("What does it say in the handbook for deck crew on boots?", {1}, True),
        ("According to the rules of the harbour board, who may fish?", {2}, True),
        ("What is «Handbook for deck crew» about?", {1}, True),
        ("Do the rules of the harbour board follow the handbook for deck crew?", {1, 2}, False),
        ("How much cash had Acme in FY2018?", {3}, False),
        ("How much cash had Acme in FY18?", {3}, False),
        ("How much cash had Acme in fiscal year 2019?", {4}, False),
        ("How much cash had Acme in 2018/19?", {3, 4}, False),
    ],
)
def test_a_title_shuts_others_out_only_where_the_question_says_so(
    question: str, versions: set[int], only: bool
) -> None:
    found = scope(question, LONG)
    assert found is not None
    assert (set(found.versions), found.only) == (versions, only)
