"""Several ways side by side: scores by hand, why an answer is not right, what changed, which questions, which files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluate.small_base import QUESTIONS, Reader

from wellread import KnowledgeBase
from wellread.advise.report import outputs
from wellread.errors import ConfigError, UsageError
from wellread.evaluate import changes, compare
from wellread.evaluate import settings as sections
from wellread.evaluate.compare import Training
from wellread.evaluate.run import RunOptions
from wellread.evaluate.settings import EvaluateSettings
from wellread.evaluate.ways import BUILT_IN
from wellread.metrics.results import BaseFacts, Outcome, ReadPassage, Way
from wellread.questions import freeze, selection
from wellread.questions.file import QuestionEntry, write
from wellread.store import outcomes as outcome_rows
from wellread.types import Principal, Question, Usage

CLOSED, FEW, LONG, FOUND, WRITTEN = BUILT_IN
SETTINGS = EvaluateSettings(draws=200)
BASE = BaseFacts(3, 3, 30, 0.0, 1)


def outcome(way: Way, question: str, right: float, **more: object) -> Outcome:
    return Outcome(way.name, question, "text", False, metrics={"right": right}, **more)  # type: ignore[arg-type] # by name


def compared(*outcomes: Outcome, ways: tuple[Way, ...] = (CLOSED, FOUND), questions: tuple[Question, ...] = QUESTIONS):
    return compare.compare(ways, outcomes, questions, BASE, SETTINGS, trained={}, environment={})


# figures by hand


def test_scores_are_means_with_their_number_of_questions_by_way_and_by_kind() -> None:
    wrong, better = [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]
    pairs = [(CLOSED, q.id, value) for q, value in zip(QUESTIONS, wrong, strict=True)]
    pairs += [(FOUND, q.id, value) for q, value in zip(QUESTIONS, better, strict=True)]
    made = compared(*(outcome(*pair) for pair in pairs))
    closed, found = made.ways
    assert (closed.scores["right"].value, closed.scores["right"].n) == (0.0, 4)
    assert (found.scores["right"].value, found.scores["right"].n) == (0.75, 4)
    assert {kind: s["right"].value for kind, s in found.by_kind.items()} == {
        "fact": 1.0,
        "table": 0.0,
        "unanswerable": 1.0,
    }
    [pair] = made.differences
    assert (pair.first, pair.second, pair.value, pair.n) == ("closed-book", "retrieval", -0.75, 4)
    assert pair.p == pytest.approx(0.25)  # 3 of 3 discordant pairs one way: 2 / 2^3


def test_a_metric_that_some_outcomes_lack_counts_those_that_have_it() -> None:
    cited = replace(outcome(FOUND, "dog", 1.0), metrics={"right": 1.0, "citation_recall": 0.5})
    made = compared(cited, outcome(FOUND, "king", 1.0), ways=(FOUND,))
    assert made.ways[0].scores["citation_recall"].n == 1 and made.ways[0].scores["right"].n == 2


def test_cost_is_of_the_answers_that_came() -> None:
    paid = [Usage(100, 10, 1, 0.5, "NOK"), Usage(200, 20, 1, 1.5, "NOK"), Usage(300, 60, 1, None, "NOK")]
    rows = [
        outcome(CLOSED, q.id, 1.0, seconds=n + 1.0, usage=u)
        for n, (q, u) in enumerate(zip(QUESTIONS, paid, strict=False))
    ]
    rows.append(outcome(CLOSED, "king", 0.0, error="broken", seconds=99.0))
    rows[0] = replace(rows[0], peak_memory_mb=7.0)
    cost = compare.cost(rows, Training(60.0, 3.0))
    assert (cost.p50_s, cost.prompt_tokens, cost.completion_tokens) == (2.0, 200.0, 30.0)
    assert cost.money == pytest.approx(2.0 / 3) and cost.currency == "NOK"
    assert (cost.peak_memory_mb, cost.once_s, cost.once_money) == (7.0, 60.0, 3.0)
    assert compare.cost([outcome(CLOSED, "dog", 1.0)]).money is None


def test_wordings_of_one_question_are_alike_or_not() -> None:
    other = replace(QUESTIONS[0], id="dog2", text="And a dog?", variant_of="dog")
    rows = [replace(outcome(FOUND, id, 1.0), text="12 crowns") for id in ("dog", "dog2")]
    made = compared(*rows, ways=(FOUND,), questions=(*QUESTIONS, other))
    assert (made.ways[0].scores["consistency"].value, made.ways[0].scores["consistency"].n) == (1.0, 1)
    assert "consistency" not in compared(rows[0], ways=(FOUND,)).ways[0].scores


# measured


def test_what_was_measured_stands_in_the_store_with_its_figures(base: KnowledgeBase) -> None:
    made, run = compare.measure(base, [CLOSED, FOUND], QUESTIONS, SETTINGS, kind="compare")
    assert [result.scores["right"].value for result in made.ways] == [0.25, 0.75]
    with base.store.reading() as connection:
        kept = outcome_rows.get(connection, run, who=base.who)
        rows = list(outcome_rows.outcomes_of(connection, run, who=base.who))
    assert kept is not None and kept.state == "done" and kept.n_questions == 4
    assert kept.summary["ways"]["retrieval"]["scores"]["right"][0] == 0.75
    assert kept.settings["ways"][0]["name"] == "closed-book" and kept.settings["environment"]["chat"] == "openai:reader"
    assert len(rows) == 8 and made.environment["memory"].startswith("highest resident memory")
    assert (made.base.documents, made.base.generation) == (3, base.store.generation())


def test_facts_of_the_base_are_those_that_the_caller_may_see(base: KnowledgeBase) -> None:
    assert compare.facts(base.as_user(Principal())).documents == 3
    assert compare.facts(base.as_user(Principal(groups=frozenset({"crew"})))).documents == 4


# why, and what changed

EVIDENT = QUESTIONS[0]
NOBODY = QUESTIONS[3]


@pytest.mark.parametrize(
    ("metrics", "question", "refused", "failed", "expected"),
    [
        ({"right": 1.0}, EVIDENT, False, False, "right"),
        ({"right": 1.0, "right_and_cited": 1.0}, EVIDENT, False, False, "right"),
        ({"right": 1.0, "right_and_cited": 0.0}, EVIDENT, False, False, "cited wrong"),
        ({"right": 0.0, "recall@20": 0.0}, EVIDENT, True, False, "retrieval missed"),
        ({"right": 0.0, "recall@20": 1.0}, EVIDENT, True, False, "refused"),
        ({"right": 0.0, "recall@20": 0.5}, EVIDENT, False, False, "reader missed"),
        ({"right": 0.0}, EVIDENT, False, False, "wrong"),
        ({"right": 0.0}, EVIDENT, True, False, "refused"),
        ({"right": 0.0}, NOBODY, False, False, "answered what the documents do not"),
        ({"right": 1.0}, NOBODY, True, False, "right"),
        ({"right": 0.0}, EVIDENT, False, True, "failed"),
    ],
)
def test_why_an_answer_is_not_right(metrics, question, refused, failed, expected) -> None:
    assert changes.why(metrics, question, refused=refused, failed=failed) == expected


def test_a_run_against_an_earlier_one_lists_what_changed_and_why(base: KnowledgeBase, tmp_path: Path) -> None:
    _, first = compare.measure(base, [WRITTEN, FOUND], QUESTIONS, SETTINGS, kind="eval")
    fares = tmp_path / "documents" / "fares.md"
    fares.write_text(fares.read_text("utf-8").replace("12", "15"), "utf-8")
    base.sync()
    made, _ = compare.measure(base, [WRITTEN], QUESTIONS, SETTINGS, kind="eval")
    found, n_shared = changes.against(base, changes.find(base, str(first)), made.outcomes, QUESTIONS)
    assert n_shared == 4
    [change] = found
    assert (change.way, change.question, change.before) == ("retrieval-written", "dog", "right")
    assert change.now in ("retrieval missed", "reader missed") and not change.better
    assert "12 crowns" in change.text_before and "15 crowns" in change.text_now
    back, _ = changes.against(base, changes.find(base, "last"), made.outcomes, QUESTIONS)
    assert back == ()


def test_an_earlier_run_that_is_not_there_is_a_mistake_of_the_call(base: KnowledgeBase) -> None:
    for name in ("last", "7"):
        with pytest.raises(UsageError, match="wellread eval list"):
            changes.find(base, name)


def test_an_answer_whose_document_was_deleted_is_compared_by_its_figures(base: KnowledgeBase) -> None:
    _, first = compare.measure(base, [FOUND], QUESTIONS[:1], SETTINGS, kind="eval")
    base.remove("*fares.md")
    made, _ = compare.measure(base, [FOUND], QUESTIONS[:1], SETTINGS, kind="eval")
    [change], _ = changes.against(base, changes.find(base, str(first)), made.outcomes, QUESTIONS)
    assert (change.before, change.text_before) == ("right", "document deleted")


# which questions


def many(n: int = 40) -> list[Question]:
    return [
        Question(f"q{i:02}", f"Question {i}?", ("yes",), kind="fact" if i % 4 else "table", groups=frozenset())
        for i in range(n)
    ]


@given(st.integers(1, 60), st.integers(0, 5))
def test_a_sample_has_every_kind_in_its_share_and_keeps_the_order(n: int, seed: int) -> None:
    questions = many()
    chosen = selection.sample(questions, n, seed=seed)
    assert len(chosen) == min(n, 40)
    assert list(chosen) == [question for question in questions if question in chosen]
    tables = sum(question.kind == "table" for question in chosen)
    assert abs(tables - len(chosen) / 4) <= 1
    assert chosen == selection.sample(questions[::-1], n, seed=seed)[::-1]


def saved(folder: Path, questions: list[Question]) -> Path:
    write(folder / "questions.jsonl", [QuestionEntry(question) for question in questions])
    return folder


def test_examples_are_never_asked_in_any_wording(tmp_path: Path) -> None:
    questions = many()
    questions[1] = replace(questions[1], variant_of="q00")
    for seed in range(5):
        chosen = selection.select(saved(tmp_path, questions), limit=10, seed=seed)
        asked = {question.variant_of or question.id for question in chosen.questions}
        assert chosen.examples and not asked & {question.variant_of or question.id for question in chosen.examples}
    assert selection.select(tmp_path, seed=0).examples == ()


def test_of_a_set_with_parts_test_is_asked_and_train_is_shown(tmp_path: Path) -> None:
    parts = [replace(q, split=("train", "validation", "test")[n % 3]) for n, q in enumerate(many(30))]
    chosen = selection.select(saved(tmp_path, parts), seed=0)
    assert chosen.split == "test" and {question.split for question in chosen.questions} == {"test"}
    assert {question.split for question in chosen.examples} == {"train"}
    assert chosen.hash == freeze.content_hash(chosen.questions)
    assert len(selection.select(tmp_path, split="all", seed=0).questions) == 30
    assert {q.split for q in selection.select(tmp_path, split="train", limit=3, seed=0).examples} == {"train"}


def test_what_cannot_be_selected_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no questions yet"):
        selection.select(tmp_path, seed=0)
    saved(tmp_path, many(4))
    with pytest.raises(UsageError, match="--split tets: no such part; did you mean 'test'"):
        selection.select(tmp_path, split="tets", seed=0)
    with pytest.raises(UsageError, match="holds no question of part 'test'; the set has no parts yet"):
        selection.select(tmp_path, split="test", seed=0)
    with pytest.raises(UsageError, match="--limit 0"):
        selection.select(tmp_path, limit=0, seed=0)


# files


def test_the_files_hold_every_answer_and_no_text_of_passages(base: KnowledgeBase, tmp_path: Path) -> None:
    made, _ = compare.measure(base, [LONG, FOUND], QUESTIONS, SETTINGS, kind="compare")
    paths = outputs.write(tmp_path / "out" / "here", made, QUESTIONS, "<p>report</p>")
    assert [path.name for path in paths] == ["outcomes.csv", "comparison.json", "report.html"]
    rows = list(csv.DictReader(io.StringIO(paths[0].read_text("utf-8"))))
    assert len(rows) == 8 and rows[0]["question"] == "What does a dog cost?" and rows[0]["became"] == "right"
    assert rows[3]["right"] == "1.0" and rows[3]["recall@5"] == ""
    stored = json.loads(paths[1].read_text("utf-8"))
    assert stored["main_metric"] == "right" and len(stored["outcomes"]) == 8
    assert set(stored["outcomes"][0]["passages"][0]) == {"document", "start", "end"}
    assert paths[2].read_text("utf-8") == "<p>report</p>"


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    bad = replace(outcome(CLOSED, "dog", 0.0), text='=HYPERLINK("http://x")', passages=(ReadPassage("a", 0, 1, "x"),))
    [row] = csv.DictReader(io.StringIO(outputs.as_csv(compared(bad, ways=(CLOSED,)), QUESTIONS)))
    assert row["answer"] == '\'=HYPERLINK("http://x")'
    assert made_at_is_readable(outputs.as_json(compared(bad, ways=(CLOSED,))))


def made_at_is_readable(text: str) -> bool:
    return datetime.fromisoformat(json.loads(text)["made_at"]) <= datetime.now(UTC)


# the model that comes with the program


@pytest.mark.model
@pytest.mark.slow
def test_the_embedded_model_is_measured_and_not_asked_twice(base: KnowledgeBase, reader: Reader) -> None:
    settings = ["chat.model=llama:smollm2-135m", "chat.context_tokens=512", "answer.max_tokens=4"]
    embedded = base.configured(settings)
    plan = RunOptions(examples=(Question("tea", "What does tea cost?", ("3 crowns",)),))
    made, _ = compare.measure(embedded, [FEW, LONG], QUESTIONS[:1], SETTINGS, kind="compare", plan=plan)
    assert not reader.prompts and not any(o.error for o in made.outcomes)
    assert all(o.usage.prompt_tokens > 20 and o.usage.completion_tokens > 0 for o in made.outcomes)
    assert all(o.usage.completion_tokens <= 4 for o in made.outcomes)
    again, _ = compare.measure(embedded, [FEW, LONG], QUESTIONS[:1], SETTINGS, kind="compare", plan=plan)
    assert all(o.kept for o in again.outcomes)
    assert [o.text for o in again.outcomes] == [o.text for o in made.outcomes]


def test_an_answer_to_a_question_that_does_not_say_what_is_right_is_not_judged() -> None:
    silent = Question("owner", "Who owns the Auk?", evidence=QUESTIONS[0].evidence)
    assert changes.why({"recall@20": 1.0}, silent, refused=False, failed=False) == "not judged"
    assert changes.why({"recall@20": 0.0}, silent, refused=False, failed=False) == "retrieval missed"
    assert changes.why({}, silent, refused=True, failed=False) == "refused"


def test_a_metric_that_is_unknown_or_cannot_decide_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "wellread.toml").touch()
    with pytest.raises(ConfigError, match="'rigth' is unknown; did you mean 'right'"):
        sections.load(tmp_path, ["evaluate.metric=rigth"])
    given = sections.load(tmp_path, ["evaluate.metric=refused_wrongly"])
    with pytest.raises(ConfigError, match="'refused_wrongly' cannot decide: less of it is better"):
        sections.check_decides(given.metric)
    sections.check_decides("exact_match")


def test_a_way_names_every_host_that_got_texts_and_says_where_that_is_not_known() -> None:
    here, away = outcome(CLOSED, "dog", 1.0, sent_to=()), outcome(FOUND, "dog", 1.0, sent_to=("b.example",))
    also = outcome(FOUND, "bike", 1.0, sent_to=("a.example",))
    failed = outcome(CLOSED, "bike", 0.0, error="down")
    made = compared(here, failed, away, also)
    assert [way.sent_to for way in made.ways] == [(), ("a.example", "b.example")]
    older = compared(here, away, outcome(FOUND, "bike", 1.0))
    assert older.ways[1].sent_to is None
