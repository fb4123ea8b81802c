"""Ranking measures agree with trec_eval, and a passage bears evidence when it says it in the same document."""

from __future__ import annotations

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from wellread.metrics import ranking
from wellread.types import Evidence

IDS = [f"d{n}" for n in range(30)]


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[str], dict[str, int]]:
    """A ranking of some documents and grades of some, at least one of them relevant."""
    ranked = draw(st.permutations(IDS))[: draw(st.integers(1, 30))]
    grades = draw(st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1, max_size=12))
    grades[draw(st.sampled_from(IDS))] = draw(st.integers(1, 3))
    return list(ranked), grades


def published(ranked: list[str], grades: dict[str, int]) -> dict[object, float]:
    """The same by ir_measures, which asks trec_eval."""
    qrels = [ir_measures.Qrel("q", name, grade) for name, grade in grades.items()]
    run = [ir_measures.ScoredDoc("q", name, float(-place)) for place, name in enumerate(ranked)]
    return ir_measures.calc_aggregate([nDCG @ 10, nDCG @ 5, RR, R @ 5, R @ 20], qrels, run)


@settings(deadline=None)
@given(judged())
def test_every_measure_agrees_with_trec_eval_to_a_millionth(case: tuple[list[str], dict[str, int]]) -> None:
    ranked, grades = case
    relevant = {name for name, grade in grades.items() if grade > 0}
    theirs = published(ranked, grades)
    ours = {
        nDCG @ 10: ranking.ndcg_at(ranked, grades, 10),
        nDCG @ 5: ranking.ndcg_at(ranked, grades, 5),
        RR: ranking.mrr(ranked, relevant),
        R @ 5: ranking.recall_at(ranked, relevant, 5),
        R @ 20: ranking.recall_at(ranked, relevant, 20),
    }
    for measure, value in ours.items():
        assert value == pytest.approx(theirs[measure], abs=1e-6), str(measure)


def test_ndcg_is_the_value_worked_on_paper() -> None:
    # gains 1, 0, 2 at ranks 1, 2, 3: 1/1 + 2/2 = 2; best 2/1 + 1/log2(3) = 2.6309
    assert ranking.ndcg_at(["b", "x", "a"], {"a": 2, "b": 1}, 10) == pytest.approx(2 / 2.6309297536)


def test_context_precision_is_the_value_worked_on_paper() -> None:
    assert ranking.context_precision([True, False, True]) == pytest.approx((1 + 2 / 3) / 2)
    assert ranking.context_precision([False, True]) == 0.5
    assert ranking.context_precision([False, False]) == ranking.context_precision([]) == 0.0


@settings(deadline=None)
@given(judged())
def test_moving_a_relevant_document_up_never_lowers_a_measure(case: tuple[list[str], dict[str, int]]) -> None:
    ranked, grades = case
    relevant = {name for name, grade in grades.items() if grade > 0}
    last = max((place for place, name in enumerate(ranked) if name in relevant), default=0)
    better = [ranked[last], *ranked[:last], *ranked[last + 1 :]]
    assert ranking.ndcg_at(better, dict.fromkeys(relevant, 1), 10) >= ranking.ndcg_at(
        ranked, dict.fromkeys(relevant, 1), 10
    )
    assert ranking.mrr(better, relevant) >= ranking.mrr(ranked, relevant)


@pytest.mark.parametrize(
    ("ranked", "relevant", "k", "fault"),
    [(["a"], [], 5, "nothing is relevant"), (["a"], ["a"], 0, "at least 1"), (["a", "a"], ["a"], 5, "twice")],
)
def test_what_has_no_meaning_is_refused(ranked: list[str], relevant: list[str], k: int, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ranking.recall_at(ranked, relevant, k)


# what bears evidence

SOUND = Evidence("fares/fares-2026.pdf", "1 Kestvik to Ollesay 38 free 22 30")


@pytest.mark.parametrize(
    ("text", "uri", "borne"),
    [
        (
            "Fares\n1 Kestvik to Ollesay 38 free 22 30\n2 Kestvik to Brannholm 52 free 31 40",
            "/d/fares/fares-2026.pdf",
            True,
        ),
        ("| 1 | Kestvik to Ollesay | 38 | free | 22 | 30 |", "/d/fares/fares-2026.pdf", True),
        (
            "line: 1; dog: 38; child: free; bicycle: 22; electric: 30; from Kestvik to Ollesay",
            "fares/fares-2026.pdf",
            True,
        ),
        ("1 Kestvik to Ollesay 38 free 22 30", "/d/fares/fares-2025.pdf", False),  # another year's table
        ("1 Kestvik to Ollesay 38 free 22 30", "/d/old-fares/fares-2026.pdf", False),  # ends alike
        ("1 Kestvik to Ollesay 84 42 63 67", "/d/fares/fares-2026.pdf", False),  # another row of the same line
        ("2 Kestvik to Brannholm 52 free 31 40", "/d/fares/fares-2026.pdf", False),
        ("30", "/d/fares/fares-2026.pdf", False),  # one cell is not the row
        ("", "/d/fares/fares-2026.pdf", False),
        ("– | –", "/d/fares/fares-2026.pdf", False),
    ],
)
def test_a_row_of_a_table_is_known_by_its_cells(text: str, uri: str, borne: bool) -> None:
    assert ranking.bears(text, uri, SOUND) is borne


FOUNDED = Evidence("welcome.md", "The company was founded on 9 May 1921 as the Kestvik Steam Packet Society")


@pytest.mark.parametrize(
    ("text", "borne"),
    [
        ("It began small. The company was founded on 9 May 1921 as the Kestvik Steam Packet Society, and grew.", True),
        ("the company was founded\non 9 May 1921 as the\nKestvik Steam Packet Society", True),  # lines of a PDF
        ("The company was founded on 9 May 1921 as the Kestvik", True),  # cut at the end of a chunk
        ("founded on 9 May 1921", True),  # a piece of the quotation
        ("The Kestvik Steam Packet Society ran two ships.", False),
        ("9 May", False),
        ("The company paid its first dividend in 1921.", False),
    ],
)
def test_a_sentence_is_known_whole_cut_or_in_pieces(text: str, borne: bool) -> None:
    assert ranking.bears(text, "/base/handbook/welcome.md", FOUNDED) is borne


def test_words_strewn_over_a_paragraph_are_not_a_row() -> None:
    prose = "The 30 rowers took 1 hour from Kestvik and 38 others went free to Ollesay with 22 dogs in all weathers. "
    assert not ranking.bears(prose * 3, "/d/fares/fares-2026.pdf", SOUND)


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_a_passage_bears_itself_when_it_has_words(text: str, other: str) -> None:
    borne = ranking.bears(text, "/a/b.md", Evidence("b.md", text))
    assert borne is bool(ranking.letters(text))
    assert not ranking.bears(text, "/a/b.md", Evidence("c.md", other))
