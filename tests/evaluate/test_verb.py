"""Compare → advise → report called as functions, as a server or a notebook calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.evaluate.small_base import QUESTIONS

from wellread.advise import verb
from wellread.advise.verb import WayRequest
from wellread.errors import UsageError
from wellread.evaluate.compare import Training
from wellread.evaluate.measured import MeasureRequest
from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.results import Way
from wellread.questions import file as question_files
from wellread.questions import routing

SETTINGS = EvaluateSettings(draws=200)
FOUND = WayRequest(("retrieval",))


@pytest.fixture
def asked(base: KnowledgeBase, tmp_path: Path) -> MeasureRequest:
    """The questions of the small base as a file."""
    entries = [question_files.QuestionEntry(question) for question in QUESTIONS]
    question_files.write(tmp_path / "mine.jsonl", entries)
    return MeasureRequest(tmp_path / "mine.jsonl")


def test_a_comparison_is_one_call_that_leaves_a_report_and_advice(
    base: KnowledgeBase, asked: MeasureRequest, tmp_path: Path
) -> None:
    told: list[str] = []

    def spent(chosen: Sequence[Way]) -> Mapping[str, Training]:
        told.extend(way.name for way in chosen)
        return {"retrieval": Training(90.0)}

    done = verb.compare(base, SETTINGS, asked, FOUND, spent=spent, out=tmp_path / "out")
    assert told == [result.way.name for result in done.asked.made.ways] == ["retrieval"]
    assert done.asked.made.ways[0].cost.once_s == 90.0
    assert [path.name for path in done.files] == ["outcomes.csv", "comparison.json", "report.html", "asked.jsonl"]
    assert done.advice.headline in (tmp_path / "out" / "report.html").read_text("utf-8").replace("&#x27;", "'")
    again = verb.again(base, run=tmp_path / "out")
    assert again.made is not None and again.made.questions_hash == done.asked.made.questions_hash
    assert (again.advice.verdict, again.advice.rule) == (done.advice.verdict, done.advice.rule)


def test_without_a_comparison_the_advice_is_a_prior_and_no_report_can_be_written(base: KnowledgeBase) -> None:
    given = verb.again(base)
    assert given.made is None and given.advice.prior
    with pytest.raises(UsageError, match="there is no comparison to report on"):
        verb.again(base, report=True)


def test_a_way_that_is_not_known_is_refused_before_anything_is_asked(
    base: KnowledgeBase, asked: MeasureRequest, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no such way"):
        verb.compare(base, SETTINGS, asked, WayRequest(("retreival",)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_routing_is_not_learned_from_too_few_questions(base: KnowledgeBase, asked: MeasureRequest) -> None:
    assert asked.questions is not None
    with pytest.raises(UsageError, match=r"mine\.jsonl: "):
        routing.train(base, asked.questions)
