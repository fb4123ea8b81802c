from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.index.open import IndexReader
from wellread.index.words import glossary
from wellread.index.words.glossary import Pair, pairs
from wellread.store.engine.api import Store
from wellread.sync.remove import remove
from wellread.sync.sync import apply
from wellread.types import Principal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("An emergency position-indicating radio beacon (EPIRB) is on board.",
         Pair("EPIRB", "emergency position-indicating radio beacon")),
        ("MVCC (Multi-Version Concurrency Control) is used.", Pair("MVCC", "Multi-Version Concurrency Control")),
        ("| WHO | World Health Organization |", Pair("WHO", "World Health Organization")),
        ("API\n\nApplication Programming Interface\n", Pair("API", "Application Programming Interface")),
        ("The roll-on roll-off (RoRo) ferry", Pair("RoRo", "roll-on roll-off")),
        ("Havrin Line, formerly Kestvik Steam, sails.", Pair("Kestvik Steam", "Havrin Line")),
        ("Ascorbic Acid (also known as Vitamin Cee) helps.", Pair("Vitamin Cee", "Ascorbic Acid")),
    ],
)  # fmt: skip
def test_what_a_text_says_of_its_own_abbreviations_is_found(text: str, found: Pair) -> None:
    assert pairs(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "see (A) and (b)",
        "He came (Monday) late.",
        "It costs 12 (SEK)",
        "the fares (NEW)",
        "dogs (2026)",
        "Use it (IT).",
    ],
)
def test_what_only_looks_like_an_abbreviation_is_left_alone(text: str) -> None:
    assert pairs(text) == []


@given(st.text("aB c(.)DE-", max_size=40))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    for pair in pairs(text):
        assert pair.short and pair.long


def known(store: Store, phrase: str, who: Principal = EVERYONE) -> list[tuple[str, int]]:
    with IndexReader(store).snapshot(who=who) as snapshot:
        return [(entry.long, entry.n) for entry in snapshot.glossary([phrase], "short")]


def test_the_glossary_comes_and_goes_with_the_documents_that_say_it(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        one = ready("/docs/a.md", "A man over board (MOB) is an alarm.", "No abbreviation here.")
        filled(store, WordEmbedder(), one, ready("/docs/b.md", "The man over board (MOB) drill."))
        assert known(store, "mob") == [("man over board", 2)]
        changed = ready("/docs/a.md", "Nothing of the kind any more.", replaces=True)
        apply(store, iter([changed]), WordEmbedder(), tenant="default")
        assert known(store, "mob") == [("man over board", 1)]
        remove(store, "/docs/b.md", who=EVERYONE)
        assert known(store, "mob") == []


def test_nobody_learns_what_a_hidden_document_calls_a_thing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/docs/a.md", "Project Black Swan (PBS) is secret.", labels=["board"]))
        assert known(store, "pbs") == []
        assert known(store, "pbs", Principal(groups=frozenset({"board"}))) == [("Project Black Swan", 1)]


def test_a_base_of_an_earlier_version_learns_with_its_next_change(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/docs/a.md", "A man over board (MOB) is an alarm."))
        with store.writing() as tx:
            tx.connection.exec_driver_sql("DROP TABLE glossary")
            tx.bump()
        assert known(store, "mob") == []
        apply(store, iter([ready("/docs/b.md", "Another page.")]), WordEmbedder(), tenant="default")
        assert known(store, "mob") == [("man over board", 1)]
        with store.reading() as connection:
            assert glossary.exists(connection)
