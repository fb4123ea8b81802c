"""Answers of more than one place: figures over tables, versions, two steps, summaries, single words. A chess club."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread import Answer, KnowledgeBase

PAGES = {
    "fees-2025.md": """# Fees 2025

| Membership | Adult | Junior |
|---|---|---|
| Yearly | 80 | 40 |
| Monthly | 9 | 5 |

The club room closes at 22:00. A lost key costs 15 euros.
""",
    "fees-2026.md": """# Fees 2026

| Membership | Adult | Junior |
|---|---|---|
| Yearly | 88 | 40 |
| Monthly | 10 | 5 |

The club room closes at 22:00. A lost key costs 20 euros.
""",
    "teams.csv": """team,captain,players,home_town,points
Rooks,Ilse Brandt,9,Aldau,41
Bishops,Tom Reyes,7,Neuhof,38
Knights,Ana Kovac,12,Aldau,52
Pawns,Lou Petit,5,Seeberg,17
""",
    "towns.csv": """town,hall,steward
Aldau,Old Mill,Greta Holm
Neuhof,School Hall,Pavel Zeman
Seeberg,Lake House,Mia Lund
""",
    "report.md": """# Spring open, 14 May 2026

The spring open was held at the Old Mill with 64 players. The clocks of eleven boards failed in the second round.
The arbiter stopped the round for forty minutes. The cause was a batch of old batteries. Since then every clock
gets new batteries in April. The open was won by Ana Kovac with eight points. The next spring open is on 13 May 2027.
The kitchen sold two hundred pretzels.
""",
    "cups.md": "# Cups\n\nThe silver cup stands in the glass case.\n\nDarjeeling is served on Mondays.\n",
}


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("club")
    for name, text in PAGES.items():
        (folder / "docs" / name).parent.mkdir(exist_ok=True)
        (folder / "docs" / name).write_text(text)
    with KnowledgeBase.create(folder / "base") as base:
        base.add(str(folder / "docs"))
        yield base


def kind_of(answer: Answer) -> object:
    return next((stage.detail.get("kind") for stage in answer.stages if stage.name == "quote"), None)


def quotes(answer: Answer) -> str:
    return " / ".join(citation.quote for citation in answer.citations)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("Which team has the most points?", "Knights: 52 (points), the largest of 4; the next is 41."),
        ("Which team has the fewest players?", "Pawns: 5 (players), the smallest of 4; the next is 7."),
        ("How many points do the teams from Aldau have in total?", "Total (points): 93 = 41 + 52, over 2 rows."),
        ("What is the average number of players of all teams?", "Mean (players): 8.25, over 4 rows."),
    ],
)
def test_a_figure_over_a_table_follows_from_its_rows(club: KnowledgeBase, question: str, says: str) -> None:
    answer = club.ask(question)
    assert (answer.text.partition(" [")[0], kind_of(answer), answer.route) == (says, "figure", "computed")
    assert all(citation.document.endswith("teams.csv") for citation in answer.citations)


def test_what_changed_between_two_versions_is_shown_from_both(club: KnowledgeBase) -> None:
    answer = club.ask("By how much did the yearly adult membership go up from 2025 to 2026?")
    assert kind_of(answer) == "versions" and "80 | 88 (+8)" in answer.text
    assert {Path(citation.document).name for citation in answer.citations} == {"fees-2025.md", "fees-2026.md"}
    whole = club.ask("What changed in the fees of 2026?").text
    assert "80 | 88 (+8)" in whole and "9 | 10 (+1)" in whole and "20 euros" in whole and "22:00" not in whole


def test_a_thing_that_a_clause_describes_is_found_first(club: KnowledgeBase) -> None:
    answer = club.ask("Who is the steward of the town where the Pawns have their home town?")
    assert kind_of(answer) == "hops" and "Mia Lund" in answer.text and "Seeberg" in quotes(answer)


def test_a_step_that_cannot_be_made_is_not_guessed(club: KnowledgeBase) -> None:
    answer = club.ask("Who is the steward of the town where the Queens have their home town?")
    assert kind_of(answer) != "hops"


def test_a_summary_quotes_what_tells_most_in_its_order(club: KnowledgeBase) -> None:
    answer = club.ask("Summarise what went wrong at the spring open.")
    assert kind_of(answer) == "summary" and 2 <= len(answer.citations) <= 7
    assert "clocks of eleven boards failed" in quotes(answer)
    starts = [citation.span.start for citation in answer.citations]
    assert starts == sorted(starts)
    assert club.ask("Summarise the story of the winter camp in Norway.").refused


def test_a_single_word_shows_what_there_is_on_it(club: KnowledgeBase) -> None:
    answer = club.ask("batteries")
    assert kind_of(answer) == "keyword" and "batteries" in quotes(answer)
    assert club.ask("submarines").refused
