"""The verb of the room: every pair is asked once, survives a kill, and is asked again only where it must be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.evaluate.small_base import PAY, QUESTIONS, Reader
from tests.models.loopback import Canned

from wellread import KnowledgeBase
from wellread.errors import ModelError
from wellread.evaluate import whole
from wellread.evaluate.asking import Asker, WayReading, identity
from wellread.evaluate.run import GIVES_UP, RunOptions, run
from wellread.evaluate.ways import BUILT_IN
from wellread.metrics.results import Outcome, Way
from wellread.models.api import Chat
from wellread.models.settings import ChatSettings
from wellread.types import Document, Principal, Question

CLOSED, FEW, LONG, FOUND, WRITTEN = BUILT_IN
ROOT = Path(__file__).resolve().parents[2]


def asked(
    base: KnowledgeBase, ways: Sequence[Way], questions: Sequence[Question] = QUESTIONS, plan: RunOptions = RunOptions()
) -> list[Outcome]:
    return list(run(base, ways, questions, seed=0, plan=plan))


def right(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {outcome.question_id: outcome.metrics["right"] for outcome in outcomes}


# what each way answers


def test_every_way_is_asked_every_question_in_order(base: KnowledgeBase) -> None:
    outcomes = asked(base, [CLOSED, WRITTEN])
    expected = [(way, question.id) for way in ("closed-book", "retrieval-written") for question in QUESTIONS]
    assert [(outcome.way, outcome.question_id) for outcome in outcomes] == expected


def test_a_model_that_is_shown_nothing_knows_nothing(base: KnowledgeBase, reader: Reader) -> None:
    outcomes = asked(base, [CLOSED])
    assert right(outcomes) == {"dog": 0.0, "bike": 0.0, "cars": 0.0, "king": 1.0}
    assert all(outcome.refused and not outcome.passages and not outcome.citations for outcome in outcomes)
    assert not any("crowns" in prompt for prompt in reader.prompts)


def test_passages_and_whole_documents_let_it_answer(base: KnowledgeBase) -> None:
    outcomes = asked(base, [LONG, FOUND, WRITTEN], QUESTIONS[:3])
    assert {(o.way, o.metrics["right"]) for o in outcomes} == {(way.name, 1.0) for way in (LONG, FOUND, WRITTEN)}
    written = [outcome for outcome in outcomes if outcome.way == "retrieval-written"]
    assert all(outcome.citations and outcome.metrics["right_and_cited"] == 1 for outcome in written)
    assert written[0].route == "written"


def test_a_way_that_quotes_asks_no_model(base: KnowledgeBase, reader: Reader) -> None:
    outcomes = asked(base, [FOUND])
    assert not reader.prompts
    assert all(outcome.usage.calls == 0 and outcome.seconds > 0 for outcome in outcomes)


def test_whole_documents_are_all_shown_where_they_fit(base: KnowledgeBase, reader: Reader) -> None:
    [outcome] = asked(base, [LONG], QUESTIONS[:1])
    assert outcome.route == "3 of 3 documents"  # the fourth is for the crew
    assert [Path(p.document).name for p in outcome.passages] == ["bicycles.md", "fares.md", "ships.md"]
    assert "The Auk carries 96 cars" in reader.prompts[0] and "185" not in reader.prompts[0]


def test_worked_examples_are_shown_as_turns_and_never_the_question_itself(base: KnowledgeBase, reader: Reader) -> None:
    other = Question("dog2", "And a dog, what is the price?", ("12 crowns",), variant_of="dog")
    shown = Question("tea", "What does tea cost?", ("3 crowns",))
    nobody = Question("pope", "Who is the pope?", answerable=False)
    asked(base, [FEW], QUESTIONS[:1], RunOptions(examples=(QUESTIONS[0], other, shown, nobody), shots=3))
    [prompt] = reader.prompts
    turns = ["What does tea cost?", "3 crowns", "Who is the pope?", "Not in the documents.", "What does a dog cost?"]
    assert prompt.endswith("\n".join(turns))
    assert prompt.count("dog") == 1


def test_the_number_of_examples_is_as_set(base: KnowledgeBase, reader: Reader) -> None:
    examples = tuple(Question(f"e{n}", f"Example {n}?", ("yes",)) for n in range(5))
    asked(base, [FEW], QUESTIONS[:1], RunOptions(examples=examples, shots=2))
    assert reader.prompts[0].count("Example") == 2


def test_a_tuned_model_is_asked_as_it_was_trained(base: KnowledgeBase, reader: Reader) -> None:
    asked(base, [Way("tuned", "nothing", ("chat.model=openai:mine",), True)], QUESTIONS[:1])
    assert reader.prompts == ["What does a dog cost?"] and not reader.systems


# the principal


CREW = Principal(groups=frozenset({"crew", "deck"}))


def test_a_question_is_asked_with_those_groups_of_the_caller_that_it_names(base: KnowledgeBase) -> None:
    outsider = replace(PAY, id="outsider", groups=frozenset({"deck"}))
    for way in (LONG, FOUND, WRITTEN):
        insider, outside = asked(base.as_user(CREW), [way], [PAY, outsider])
        assert insider.metrics["right"] == 1.0 and any("pay.md" in p.document for p in insider.passages)
        assert outside.metrics["right"] == 0.0
        assert "185" not in outside.text and not any("pay.md" in p.document for p in outside.passages)


def test_a_question_file_gives_nobody_more_rights_than_he_has(base: KnowledgeBase) -> None:
    for way in (LONG, FOUND, WRITTEN):
        [outcome] = asked(base, [way], [PAY])
        assert outcome.metrics["right"] == 0.0 and "185" not in outcome.text
        assert not any("pay.md" in passage.document for passage in outcome.passages)


def test_a_question_that_passages_answer_is_searched_once(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    searched, real = [], KnowledgeBase.search
    monkeypatch.setattr(
        KnowledgeBase, "search", lambda self, text, **how: searched.append(text) or real(self, text, **how)
    )
    asked(base, [FOUND])
    assert searched == [question.text for question in QUESTIONS]
    asked(base, [FOUND, WRITTEN])  # WRITTEN searches alike: what one found, the other reads
    assert len(searched) == 2 * len(QUESTIONS)


def test_a_question_without_groups_is_asked_with_those_of_the_caller(base: KnowledgeBase) -> None:
    crew = base.as_user(Principal(groups=frozenset({"crew"})))
    [outcome] = asked(crew, [FOUND], [replace(PAY, groups=frozenset())])
    assert outcome.metrics["right"] == 1.0


def test_an_example_is_shown_to_those_alone_who_may_see_it(base: KnowledgeBase, reader: Reader) -> None:
    crew = replace(QUESTIONS[0], groups=frozenset({"crew"}))
    asked(base.as_user(CREW), [FEW], [QUESTIONS[0], crew], RunOptions(examples=(PAY,)))
    assert ["185 crowns" in prompt for prompt in reader.prompts] == [False, True]
    asked(base, [FEW], [crew], RunOptions(examples=(PAY,), again=True))
    assert "185 crowns" not in reader.prompts[-1]


def test_what_is_measured_stays_out_of_the_log(base: KnowledgeBase) -> None:
    asked(base, [FOUND, WRITTEN])
    assert base.log() == []
    base.ask("What does a dog cost?")
    assert len(base.log()) == 1


# nothing is asked twice


def test_the_second_run_asks_nothing_and_says_the_same(base: KnowledgeBase, reader: Reader) -> None:
    ways, plan = BUILT_IN, RunOptions(examples=(PAY, Question("tea", "What does tea cost?", ("3 crowns",))))
    first = asked(base, ways, plan=plan)
    n_prompts = len(reader.prompts)
    assert n_prompts == 4 * len(QUESTIONS)
    second = asked(base, ways, plan=plan)
    assert len(reader.prompts) == n_prompts
    assert all(outcome.kept for outcome in second) and not any(outcome.kept for outcome in first)
    assert [replace(outcome, kept=False) for outcome in second] == first


def test_again_asks_everything_again(base: KnowledgeBase, reader: Reader) -> None:
    for _ in range(2):
        outcomes = asked(base, [CLOSED], plan=RunOptions(again=True))
    assert len(reader.prompts) == 2 * len(QUESTIONS) and not any(outcome.kept for outcome in outcomes)


def test_after_one_document_changed_only_what_read_it_is_asked(
    base: KnowledgeBase, reader: Reader, tmp_path: Path
) -> None:
    ways = [CLOSED, FOUND, WRITTEN]
    asked(base, ways)
    reader.prompts.clear()
    fares = tmp_path / "documents" / "fares.md"
    fares.write_text(fares.read_text("utf-8").replace("12", "15"), "utf-8")
    base.sync()
    outcomes = asked(base, ways)
    again = {(outcome.way, outcome.question_id) for outcome in outcomes if not outcome.kept}
    assert {("retrieval", "dog"), ("retrieval-written", "dog")} <= again
    assert not again & {(way.name, id) for way in ways for id in ("bike", "cars")}
    assert not any(way == "closed-book" for way, _ in again)
    changed = {outcome.way: outcome for outcome in outcomes if outcome.question_id == "dog"}
    assert "15 crowns" in changed["retrieval-written"].text and changed["retrieval-written"].metrics["right"] == 0.0


def test_a_change_taken_back_finds_the_answers_of_before(base: KnowledgeBase, reader: Reader, tmp_path: Path) -> None:
    fares = tmp_path / "documents" / "fares.md"
    before = fares.read_text("utf-8")
    for text in (before, before.replace("12", "15"), before):
        fares.write_text(text, "utf-8")
        base.sync()
        outcomes = asked(base, [WRITTEN])
    assert all(outcome.kept for outcome in outcomes)


def test_another_model_is_asked_and_the_first_is_not_asked_again(base: KnowledgeBase, reader: Reader) -> None:
    asked(base, [CLOSED])
    other = Way("other", "nothing", ("chat.model=openai:other",))
    assert not any(outcome.kept for outcome in asked(base, [other]))
    assert all(outcome.kept for outcome in asked(base, [CLOSED, other]))


def test_ways_with_the_same_settings_share_their_answers(base: KnowledgeBase, reader: Reader) -> None:
    asked(base, [CLOSED])
    [outcome, *_] = asked(base, [Way("mine", "nothing", ("retrieve.alpha=0.9", "chat.timeout_s=7"))])
    assert outcome.kept and outcome.way == "mine"
    assert len(reader.prompts) == len(QUESTIONS)


def test_a_corrected_reference_answer_is_judged_anew_without_asking(base: KnowledgeBase, reader: Reader) -> None:
    assert right(asked(base, [LONG], QUESTIONS[:1])) == {"dog": 1.0}
    corrected: dict[str, tuple[str, ...]]
    for corrected in ({"answers": ("13 crowns",)}, {"all_of": ("13 crowns",)}, {"wrong": QUESTIONS[0].answers}):
        [outcome] = asked(base, [LONG], [replace(QUESTIONS[0], **corrected)])  # type: ignore[arg-type]  # all are texts
        assert outcome.kept and outcome.metrics["right"] == 0.0
    assert right(asked(base, [LONG], QUESTIONS[:1])) == {"dog": 1.0}
    assert len(reader.prompts) == 1


def test_money_follows_the_prices_of_today(base: KnowledgeBase, reader: Reader) -> None:
    [outcome] = asked(base, [CLOSED], QUESTIONS[:1])
    assert outcome.usage.cost == pytest.approx((100 * 1.0 + 10 * 10.0) / 1e6)
    dearer = base.configured(["chat.price_in=2.0", "chat.currency=NOK"])
    [outcome] = asked(dearer, [CLOSED], QUESTIONS[:1])
    assert outcome.kept and len(reader.prompts) == 1
    assert (outcome.usage.cost, outcome.usage.currency) == (pytest.approx(3e-4), "NOK")


# failures


def test_a_model_that_fails_is_an_outcome_and_asked_again_on_request_alone(base: KnowledgeBase, reader: Reader) -> None:
    broken = Canned({"error": {"message": "no such thing"}}, status=400)
    reader.fails = lambda question: broken if "dog" in question else None
    outcomes = asked(base, [LONG], QUESTIONS[:2])
    assert [bool(outcome.error) for outcome in outcomes] == [True, False]
    assert "no such thing" in outcomes[0].error and outcomes[0].metrics["right"] == 0.0 and outcomes[0].text == ""
    reader.fails = lambda question: None
    n_prompts = len(reader.prompts)
    assert asked(base, [LONG], QUESTIONS[:2])[0].error and len(reader.prompts) == n_prompts
    assert right(asked(base, [LONG], QUESTIONS[:2], RunOptions(retry_failed=True))) == {"dog": 1.0, "bike": 1.0}
    assert len(reader.prompts) == n_prompts + 1


def test_a_service_that_is_down_is_not_asked_for_ever(base: KnowledgeBase, reader: Reader) -> None:
    reader.fails = lambda question: Canned(b"", status=503)
    many = [replace(QUESTIONS[0], id=f"q{n}", text=f"Question number {n}?") for n in range(GIVES_UP + 3)]
    outcomes = asked(base, [CLOSED], many)
    assert len(reader.prompts) == GIVES_UP and len(outcomes) == len(many)
    assert all(outcome.error for outcome in outcomes)
    assert outcomes[-1].error.startswith("not asked: the model did not answer")
    reader.fails = lambda question: None
    later = asked(base, [CLOSED], many)  # what was not asked is asked now, what failed waits for the request
    assert [bool(outcome.error) for outcome in later] == [True] * GIVES_UP + [False] * 3


def test_a_window_with_no_room_for_a_document_shows_none_and_says_so(base: KnowledgeBase) -> None:
    [outcome] = asked(base, [Way("tight", "documents", ("chat.context_tokens=150",))], QUESTIONS[:1])
    assert not outcome.passages and outcome.route == "0 of 3 documents"


def test_peak_memory_is_told_where_the_system_tells_it(base: KnowledgeBase) -> None:
    [outcome] = asked(base, [CLOSED], QUESTIONS[:1])
    if sys.platform == "linux":
        assert outcome.peak_memory_mb is not None and 20 < outcome.peak_memory_mb < 20_000
    else:
        assert outcome.peak_memory_mb is None


# killed


KILLED = """
    import sys
    from tests.evaluate.small_base import QUESTIONS
    from wellread import KnowledgeBase
    from wellread.evaluate.run import run
    from wellread.evaluate.ways import BUILT_IN
    with KnowledgeBase.open(sys.argv[1]) as base:
        for outcome in run(base, BUILT_IN[:1], QUESTIONS, seed=0):
            print(outcome.question_id, flush=True)
"""


def test_a_run_that_is_killed_goes_on_where_it_was(base: KnowledgeBase, reader: Reader, tmp_path: Path) -> None:
    reader.fails = lambda question: Canned(b"", delay_s=60) if "Auk" in question else None
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(base.folder)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert child.stdout is not None
    assert [child.stdout.readline().strip() for _ in range(2)] == ["dog", "bike"]
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    reader.fails = lambda question: None
    reader.prompts.clear()
    outcomes = asked(base, [CLOSED])
    assert [outcome.kept for outcome in outcomes] == [True, True, False, False]
    assert len(reader.prompts) == 2


# whole documents, by hand


def test_a_document_that_is_too_long_is_cut_at_the_room_there_is() -> None:
    document = Document("a", "a", 1, "A", "text/plain", " ".join(["word"] * 500), "")
    [shown] = whole._cut(document, lambda text: len(text.split()), 100)
    assert 90 <= len(whole.block("A", shown.text).split()) <= 100
    assert shown.cut and document.text.startswith(shown.text)
    assert whole.note([shown], 7) == "the beginning of 1 of 7 documents"
    assert whole._cut(document, lambda text: len(text.split()), whole.LEAST_TOKENS - 1) == []


def test_where_not_all_fit_the_best_come_first_and_whole(base: KnowledgeBase) -> None:
    tight = Way("tight", "documents", ("chat.context_tokens=200", "answer.max_tokens=16"))
    laid = base.configured(tight.overrides)
    asker = Asker(tight, laid, 0)
    readings = {question.id: asker.read(question) for question in QUESTIONS[:3]}
    for id, name in (("dog", "fares.md"), ("bike", "bicycles.md"), ("cars", "ships.md")):
        passages = readings[id].passages
        assert 0 < len(passages) < 3, readings[id].note
        assert Path(passages[0].document).name == name
        assert readings[id].note == f"{len(passages)} of 3 documents"
    assert len({reading.depends for reading in readings.values()}) == 3


# what names a model


def test_a_model_is_named_by_the_content_of_its_files(tmp_path: Path) -> None:
    first, second, adapter = (tmp_path / name for name in ("one.gguf", "two.gguf", "adapter.gguf"))
    for path, content in ((first, b"same"), (second, b"same"), (adapter, b"learned")):
        path.write_bytes(content)
    named = [identity(ChatSettings(model=f"llama:{name}")) for name in (first, second, f"{first}+{adapter}")]
    assert named[0] == named[1] and named[2].startswith(named[0]) and named[2] != named[0]
    first.write_bytes(b"another")
    assert identity(ChatSettings(model=f"llama:{first}")) != named[0]
    here, there = (ChatSettings(model="openai:x", base_url=url) for url in ("http://a/v1", "http://b/v1"))
    assert identity(here) != identity(there)
    with pytest.raises(ModelError, match="there is no such file"):
        identity(ChatSettings(model="llama:/nowhere.gguf"))


def test_ways_that_search_alike_share_what_was_found(base: KnowledgeBase) -> None:
    found: dict[str, WayReading] = {}
    first, second = (Asker(way, base.configured(way.overrides), 0, found=found) for way in (FOUND, WRITTEN))
    assert second.read(QUESTIONS[0]) is first.read(QUESTIONS[0])
    other = Asker(FOUND, base.configured(["retrieve.mode=bm25"]), 0, found=found)
    assert other.read(QUESTIONS[0]) is not first.read(QUESTIONS[0])
    insider = Asker(FOUND, base.as_user(CREW), 0, found=found)
    assert insider.read(QUESTIONS[0]) is not first.read(QUESTIONS[0])


def test_the_seconds_of_an_answer_hold_those_of_reading(base: KnowledgeBase) -> None:
    asker = Asker(FOUND, base, 0)
    reading = replace(asker.read(QUESTIONS[0]), seconds=100.0)
    assert 100 < asker.ask(QUESTIONS[0], reading).seconds < 110


def test_the_search_within_an_answer_is_not_charged_a_second_time(base: KnowledgeBase) -> None:
    class Late:
        """A reranker that takes its time."""

        id, remote = "late", None

        def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
            time.sleep(0.3)
            return np.ones(len(passages), np.float32)

    late = base.configured(["rerank.model=onnx:minilm", "answer.scorer="]).with_models(reranker=Late())
    asker = Asker(FOUND, late, 0)
    asker.open()
    reading = asker.read(QUESTIONS[0])
    assert reading.seconds > 0.3
    assert asker.ask(QUESTIONS[0], reading).seconds < reading.seconds + 0.25


def test_hosts_that_get_texts_are_told_with_every_answer_kept_ones_too(base: KnowledgeBase) -> None:
    class Away:
        """A reader's client that says its service is on another machine."""

        def __init__(self, chat: Chat) -> None:
            self.chat, self.remote = chat, "api.example.org"

        def __getattr__(self, name: str) -> object:
            return getattr(self.chat, name)

    assert {outcome.sent_to for outcome in asked(base, [CLOSED, FOUND])} == {()}
    assert base.chat is not None
    base = base.with_models(chat=Away(base.chat))  # type: ignore[arg-type]  # every method is handed on
    asked(base, [WRITTEN, FOUND], QUESTIONS[1:3])
    for again in (False, True):  # what was kept is told by what is set now
        outcomes = asked(base, [CLOSED, WRITTEN, FOUND], QUESTIONS[1:3], RunOptions(again=again))
        told = {outcome.way: outcome.sent_to for outcome in outcomes}
        assert told == {"closed-book": ("api.example.org",), WRITTEN.name: ("api.example.org",), FOUND.name: ()}
    base = base.with_models(scorer=Away(base.scorer))  # type: ignore[arg-type]  # every method is handed on
    assert {o.sent_to for o in asked(base, [FOUND], QUESTIONS[1:3])} == {("api.example.org",)}


def test_what_a_way_opens_is_open_for_every_reader(base: KnowledgeBase) -> None:
    for way in (LONG, FOUND, WRITTEN):
        asker = Asker(way, base.configured(way.overrides), 0)
        asker.open()
        one, other = asker.visible(QUESTIONS[0]), asker.visible(PAY)
        assert one.reranker is other.reranker and one.embedder is other.embedder and one.cheap is other.cheap
        assert one.chat is other.chat or not asker.writes
