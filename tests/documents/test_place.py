"""Where a quotation stands, in the words of each kind of file, from the file to the answer."""

from __future__ import annotations

import pytest
from tests.documents import samples

from wellread import KnowledgeBase
from wellread.documents.media import media_type, parser_for
from wellread.documents.place import place
from wellread.types import Document, Parsed, Span

TEXTS = {
    "lecture.vtt": "WEBVTT\n\n00:00:02.000 --> 00:00:04.000\nWelcome to the talk.\n\n"
    "01:02:05.000 --> 01:02:09.000\nThe glacier lost nine metres in one summer.\n",
    "kilns.csv": "kiln,potter,degrees\nOak,Vera Lund,1180\nElm,Tom Hale,1240\n",
    "ferment.py": '"""Fermenting."""\n\n\ndef proof(dough):\n'
    '    """Sourdough is proofed for eleven hours."""\n    return dough\n',
    "letter.eml": "From: Ada <ada@mill.example>\nTo: Ben <ben@mill.example>\nDate: Fri, 14 Aug 2026 09:30:00 +0200\n"
    "Subject: Millstone\n\nThe new millstone weighs 740 kilograms and comes on Tuesday.\n",
    "walk.ipynb": '{"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# Walks"]}, '
    '{"cell_type": "markdown", "metadata": {}, "source": ["The ridge walk takes seven hours and needs a rope."]}],'
    ' "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "rules.md": "# Rules\n\nBicycles are parked behind the granary.\n",
}


def parse(data: bytes, name: str) -> Parsed:
    return parser_for(media_type(data, name))(data, name)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("places")
    (folder / "docs").mkdir()
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text, "utf-8")
    (folder / "docs" / "fares.xlsx").write_bytes(samples.fares())
    with KnowledgeBase.create(folder / "base") as made:
        report = made.add(str(folder / "docs"))
        assert not report.failed
        yield made


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("What is the adult fare of the port Skerry?", "«Fares» B3:D3"),
        ("How many metres did the glacier lose in one summer?", "1:02:05–1:02:09"),  # a dash between times
        ("How many degrees has the kiln of Tom Hale?", "row 3"),
        ("How long is sourdough proofed?", "lines 4–6"),
        ("How much does the new millstone weigh?", "message of 14 Aug 2026"),
        ("How long does the ridge walk take?", "cell 2"),
        ("Where are bicycles parked?", ""),
    ],
)
def test_a_citation_says_its_place_as_people_do(base: KnowledgeBase, question: str, place: str) -> None:
    answer = base.ask(question)
    assert not answer.refused
    assert answer.citations[0].place == place


def test_notes_of_a_slide_and_one_cell_of_a_sheet_are_named() -> None:
    parsed = parse(samples.pptx(), "week.pptx")
    deck = Document(
        "1", "week.pptx", 1, "", parsed.media_type, parsed.text, "", blocks=parsed.blocks, units=parsed.units
    )
    said, titled = (parsed.text.index(words) for words in ("Say hello", "Safety week"))
    assert place(deck, Span(said, said + 9), 1) == "slide 1, notes"
    assert place(deck, Span(titled, titled + 6), 1) == "slide 1"
    read = parse(samples.fares(), "fares.xlsx")
    tables = {"tables": read.tables, "units": read.units, "blocks": read.blocks}
    book = Document("1", "fares.xlsx", 1, "", read.media_type, read.text, "", **tables)
    port = read.text.index("Kestvik")
    assert place(book, Span(port, port + 7), 1) == "«Fares» B5"
