"""A question in another language than the documents is told so; one in theirs is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from wellread import KnowledgeBase
from wellread.index.words import languages


@pytest.mark.parametrize(
    ("question", "present", "said"),
    [
        ("Wie viel kostet ein Hund?", (), "German"),
        ("Wie viel kostet ein Hund?", ("de",), ""),
        ("¿Cuánto cuesta un perro?", ("de",), "Spanish"),
        ("Сколько стоит собака?", (), "Russian"),
        ("Does die casting use an oven?", (), ""),
        ("dog fares 2026", (), ""),
        ("Is Las Palmas on the list of ports de la Luz?", (), ""),
    ],
)
def test_the_language_of_a_question_is_named_only_where_it_is_clear(
    question: str, present: tuple[str, ...], said: str
) -> None:
    assert languages.foreign(question, present) == said


def test_a_refusal_says_that_no_document_is_in_the_language_of_the_question(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fares.md").write_text("# Fares\n\nA dog costs 12 crowns on the line to the islands.\n")
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "docs"))
        refused = base.ask("Welche Farbe haben die Sitze an der Brücke?")
        assert refused.refused
        assert "in German" in refused.text
        assert base.ask("What colour are the seats on the bridge?").text == "Not in the documents."
        (tmp_path / "docs" / "preise.md").write_text(
            "# Preise\n\nEin Fahrrad kostet auf der Strecke zu den Inseln sieben Kronen, und das ist nicht viel.\n"
        )
        base.sync()
        assert base.ask("Welche Farbe haben die Sitze an der Brücke?").text == "Not in the documents."
