"""Kinds of answers on documents of another kind than those they were made with: a town's libraries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread import Answer, KnowledgeBase

CHARGES = """---
valid_from: {year}-01-01
---
# Charges {year}

| Service | Adults | Students | Unit |
|---|---|---|---|
| Library card | {card}.00 | 9.00 | a year |
| Late return | {late} | 0.20 | a day |
| Interlibrary loan | 3.50 | 3.50 | a book |
| Printing | 0.12 | 0.12 | a page |

A lost card is replaced for {lost} euros. Children under 14 pay nothing.
"""
PAGES = {
    "branches.csv": """branch,district,opened,books,seats,wheelchair_access,librarian
Mill Street,Harrow End,1931,48200,64,no,Judith Kern
Old Station,Harrow End,1998,31500,40,yes,Pavlo Rusyn
Lakeside,Thorne,2016,22750,85,yes,Emma Stahl
Quayhouse,Thorne,2009,12900,22,no,Judith Kern
Garden Hall,Westbeck,1974,40100,51,yes,Rolf Anders
""",
    "districts.csv": """district,councillor,inhabitants
Harrow End,Ada Fenwick,21400
Thorne,Karl Ivers,15800
Westbeck,Mina Solberg,9700
""",
    "charges-2025.md": CHARGES.format(year=2025, card=18, late="0.30", lost=5),
    "charges-2026.md": CHARGES.format(year=2026, card=20, late="0.40", lost=6),
    "rules.md": """---
valid_from: 2024-05-01
---
# House rules

Food is not allowed in the reading rooms. Books are lent for 28 days. Films are lent for 7 days.

Guide dogs are welcome in all branches. Other dogs are not allowed.
""",
    "leaflet.md": """---
valid_from: 2019-09-01
---
# Leaflet for new readers

Books are lent for 21 days. The bus line 7 stops in front of Lakeside.
""",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("town")
    for name, text in PAGES.items():
        (folder / "docs" / name).parent.mkdir(exist_ok=True)
        (folder / "docs" / name).write_text(text)
    with KnowledgeBase.create(folder / "base") as base:
        base.add(str(folder / "docs"))
        yield base


def kind_of(answer: Answer) -> object:
    return next((stage.detail.get("kind") for stage in answer.stages if stage.name == "quote"), None)


@pytest.mark.parametrize(
    ("question", "kind", "says"),
    [
        ("Which branches have wheelchair access?", "filter", "Old Station | yes\nLakeside | yes\nGarden Hall | yes\n["),
        ("Which branches have no wheelchair access?", "filter", "access\nMill Street | no\nQuayhouse | no\n["),
        ("Which branches were opened after 2000?", "filter", "opened\nLakeside | 2016\nQuayhouse | 2009\n["),
        ("Which branches have at least 51 seats?", "filter", "Mill Street | 64\nLakeside | 85\nGarden Hall | 51\n["),
        ("Which branches does Judith Kern run?", "filter", "Mill Street | Judith Kern\nQuayhouse | Judith Kern\n["),
        ("Which services cost less than 1 euro for adults?", "filter", "Late return | 0.40\nPrinting | 0.12\n["),
        ("What do all services cost for students?", "filter", "Service | Students\nLibrary card | 9.00\nLate"),
        ("Which branch has the fewest seats in Harrow End?", "figure", "Old Station: 40 (seats), the smallest of 2"),
        ("How many branches are there in Harrow End?", "figure", "Count (branches): 2, over 2 rows."),
        ("How many more books does Mill Street have than Lakeside?", "difference", "48,200 − 22,750 = 25,450."),
        ("How many days longer are books lent than films?", "difference", "28 − 7 = 21."),
        ("Which has more seats, Lakeside or Garden Hall?", "comparison", "Lakeside: 85, against 51 of Garden Hall"),
        (
            "How long are books lent?",
            "disagreement",
            "The later one is «House rules, 2024-05-01»: Books are lent for 28",
        ),
        ("By how much did the library card go up for adults?", "versions", "Library card, Adults | 18.00 | 20.00 (+2)"),
        ("Is food allowed in the reading rooms?", "yes or no", "No: Food is not allowed in the reading rooms."),
        (
            "Are dogs allowed?",
            "yes or no",
            "Guide dogs are welcome in all branches. Other dogs are not allowed. [1] [2]",
        ),
        ("Who is the councillor of the district where Lakeside lies?", "hops", "councillor: Karl Ivers"),
        ("What does a lost card cost?", "fact", "for 6 euros."),
        ("What did a lost card cost in 2025?", "fact", "for 5 euros."),
        ("What do students pay for a late return?", "table lookup", "Adults: 0.40"),
    ],
)
def test_each_kind_says_what_the_documents_say(town: KnowledgeBase, question: str, kind: str, says: str) -> None:
    answer = town.ask(question)
    assert kind_of(answer) == kind
    assert says in answer.text.replace("−", "−")  # the sign of subtraction


@pytest.mark.parametrize(
    "question",
    [
        "What does a library card cost for pensioners?",  # only of adults and students
        "How much is printing in colour?",
        "How many inhabitants has the district of Quayhouse?",  # another district's row is no answer
        "Which bus stops at Old Station?",  # the bus of another branch
        "Which is cheaper, a library card or an interlibrary loan?",  # one of the two prices is half an answer
        "What is the average number of seats in Berlin?",
        "Which branches have a café?",
        "What changed in the house rules?",  # there is one version
    ],
)
def test_what_belongs_to_something_else_is_not_shown(town: KnowledgeBase, question: str) -> None:
    assert town.ask(question).refused


def test_numbers_in_names_make_no_versions(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for line, colour in (("4", "blue"), ("6", "green")):
        (tmp_path / "docs" / f"line-{line}.md").write_text(f"# Line {line}\n\nThe boats of line {line} are {colour}.\n")
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "docs"))
        assert "blue" in base.ask("What colour are the boats of line 4?").text


def test_a_row_of_totals_wins_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    rows = "team,points\nRooks,41\nKnights,52\nPawns,50\nTotal,143\n"
    (tmp_path / "docs" / "teams.csv").write_text(rows)
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "docs"))
        assert base.ask("Which team has the most points?").text.startswith("Knights: 52 (points), the largest of 3")
