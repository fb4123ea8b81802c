"""Questions of several kinds, asked of small bases by default, and what they are answered with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wellread import KnowledgeBase
from wellread.answer.evidence import only_repeats
from wellread.answer.kinds import halves
from wellread.retrieve.units import Quotable, cells_of, units_of, words
from wellread.types import Answer, Chunk, Document, Hit, Span

HARBOUR = """# Gannet Bay harbour

## Opening hours

The quay closes at 22:30 in summer and at 18:00 in winter. The harbour office is not open on Sundays.

## People

Ines Okoro has been harbour master since 2019. Her deputy is Tomas Lind.

## Questions

What is the depth at pier 3?

Pier 3 has a depth of 4.1 metres at low water.
"""
FLEET = "ship,built,speed_knots\nLittle Auk,2019,28.0\nSandpiper,2003,18.0\nOld Margit,1976,10.5\n"
VALVES = {
    "Gannet Bay": "Valve clearance is set on a cold engine: inlet 0.40 millimetres, exhaust 0.60 millimetres.",
    "Gannet Point": "Valve clearance is 0.45 millimetres at the inlet and 0.70 millimetres at the exhaust.",
}
CHINESE = "码头晚上十点半关闭。\n停泊费每晚四十五元。\n港务长是王建国。\n"
FARES = """# Fares 2026

| Line | Crossing | Adult | Dog |
|---|---|---|---|
| 1 | Kestvik to Ollesay | 84 | 38 |
| 2 | Kestvik to Brannholm | 118 | 52 |
| 3 | Ollesay to Tarrasund | 46 | free |
| 4 | Kestvik to Mirrey | 97 | not carried |
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "docs").mkdir()
    for name, text in (("harbour.md", HARBOUR), ("fares.md", FARES), ("zh.md", CHINESE), ("fleet.csv", FLEET)):
        (folder / "docs" / name).write_text(text, "utf-8")
    for ship, text in VALVES.items():
        (folder / "docs" / f"{ship}.md").write_text(f"# Engines of {ship}\n\n{text}\n", "utf-8")
    with KnowledgeBase.create(folder / "base") as made:
        made.add(str(folder / "docs"))
        yield made


def kind(answer: Answer) -> object:
    return next((stage.detail.get("kind") for stage in answer.stages if stage.name == "quote"), None)


def test_both_halves_of_a_question_are_answered_and_cited(base: KnowledgeBase) -> None:
    answer = base.ask("When does the quay close and who is the harbour master?")
    assert kind(answer) == "two parts"
    assert "22:30" in answer.text and "Ines Okoro" in answer.text and len(answer.citations) == 2


def test_the_half_that_the_documents_do_not_answer_is_named(base: KnowledgeBase) -> None:
    answer = base.ask("Who is the harbour master and how many puffins nest on Sutherskerry?")
    assert "Ines Okoro" in answer.text
    assert "Not in the documents: how many puffins nest on Sutherskerry?" in answer.text


def test_a_question_that_leans_on_its_first_half_stays_whole() -> None:
    assert len(halves.parts("Which crossings take dogs, and what do they cost?")) == 1
    assert len(halves.parts("How many days can be carried over, and until when?")) == 1


def test_the_row_that_holds_all_that_is_named_is_quoted_with_its_columns(base: KnowledgeBase) -> None:
    answer = base.ask("What does an adult pay from Kestvik to Brannholm?")
    assert kind(answer) == "table lookup"
    assert "Adult: 118" in answer.text and len(answer.citations) == 1


def test_several_rows_are_a_small_table_of_what_is_asked_for(base: KnowledgeBase) -> None:
    answer = base.ask("Which crossings take dogs, and what do they cost?")
    lines = answer.text.splitlines()
    assert lines[0] == "Line | Crossing | Dog"
    assert lines[1:3] == ["1 | Kestvik to Ollesay | 38", "2 | Kestvik to Brannholm | 52"]
    assert lines[3] == "3 | Ollesay to Tarrasund | free"
    table, _, beside = answer.text.partition("\n\n")
    assert "Mirrey" not in table and beside == "Not among them: 4 Kestvik to Mirrey (not carried). [4]"
    assert len(answer.citations) == 4


def test_two_things_are_compared_by_their_numbers(base: KnowledgeBase) -> None:
    answer = base.ask("Which ship is faster, Little Auk or Sandpiper?")
    assert answer.text.startswith("Little Auk: 28, against 18 of Sandpiper (speed knots).")
    assert len(answer.citations) == 2
    valves = base.ask("Is the valve clearance on the exhaust side bigger on Gannet Bay or on Gannet Point?")
    assert valves.text.startswith("Gannet Point: 0.7, against 0.6 of Gannet Bay.")


def test_the_line_of_a_faq_gives_way_to_what_stands_under_it(base: KnowledgeBase) -> None:
    answer = base.ask("What is the depth at pier 3?")
    assert "4.1 metres" in answer.text and "?" not in answer.text


def test_sentences_without_blanks_are_quoted(base: KnowledgeBase) -> None:
    assert "王建国" in base.ask("港务长是谁？").text
    assert "十点半" in base.ask("码头几点关闭？").text


@pytest.mark.parametrize(
    ("reading", "question", "idle"),
    [
        ("max_wal_senders (integer) [1]", "What is the default value of max_wal_senders?", True),
        ("EXPLAIN ANALYZE", "What does EXPLAIN ANALYZE do that EXPLAIN does not?", True),
        ("Fuel dock", "When is the fuel dock closed?", True),
        ("The fuel dock is closed on 24 December.", "When is the fuel dock closed?", False),
        ("Diesel: 19.50", "What does diesel cost?", False),
    ],
)
def test_what_only_repeats_the_question_is_told_from_an_answer(reading: str, question: str, idle: bool) -> None:
    unit = Quotable(0, Span(0, len(reading)), reading, reading, "")
    assert only_repeats(unit, frozenset(words(question))) is idle


def test_an_empty_corner_and_a_table_without_a_head_keep_their_columns() -> None:
    assert cells_of("| | 2024 | 2025 |") == ["", "2024", "2025"]
    assert cells_of(" | 2024 | 2025") == ["", "2024", "2025"]
    text = "Slipway fee | 45 crowns\nDeadline | 1 May 2026\nHarbour master | Ines Okoro"
    chunk = Chunk("c", "d", 1, 0, Span(0, len(text)), text, kind="table")
    hit = Hit(chunk, Document("d", "/f", 1, "", "", "", ""), 0.0)
    assert [unit.reading for unit in units_of([hit])] == [
        "Slipway fee: 45 crowns",
        "Deadline: 1 May 2026",
        "Harbour master: Ines Okoro",
    ]
