"""Pairs of answers: drawn, kept, judged by hand, rules and a model, weighed by how raters agree, and prepared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wellread.cli.main import app
from wellread.errors import StoreError, UsageError
from wellread.evaluate import ways
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.results import Way
from wellread.models.api import Message, Reply, Sampling
from wellread.store import feedback, lineage
from wellread.tune.data import data as datasets
from wellread.tune.data import prepare
from wellread.tune.data.data import PreferenceRow, RatedRow
from wellread.tune.data.pairs import judge, kept, make, raters
from wellread.tune.data.pairs.kept import AnswerPair, DrawnAnswer, KeptPairs, PairVerdict
from wellread.tune.data.pairs.make import PairsRequest
from wellread.tune.data.prepare import PrepareRequest
from wellread.tune.data.settings import PrepareSettings
from wellread.types import Question, Usage

NOTES = "# Ferry\n\nThe ferry to Ollesay leaves at 9:15 from pier two.\n\nA dog costs 4 crowns on the ferry.\n"
ASKED = tuple(Question(f"q{n}", text, ("9:15",)) for n, text in enumerate(("When?", "From where?", "What for a dog?")))


class Talker:
    """A chat model that says something else with every seed; Ctrl-C comes after some replies."""

    name = "test:talker"
    context_tokens = 4096
    remote: str | None = None

    def __init__(self, stops: int = 0, says: str = "") -> None:
        self.sampled: list[Sampling] = []
        self.stops, self.says = stops, says

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        self.sampled.append(sampling)
        if self.stops and len(self.sampled) > self.stops:
            raise KeyboardInterrupt
        return Reply(self.says or f"It leaves at {sampling.seed % 24}:15.", Usage(10, 4, 1))

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        yield self.reply(messages, sampling)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ferry.md").write_text(NOTES, "utf-8")
    with KnowledgeBase.create(tmp_path / "base") as made:
        made.add(str(tmp_path / "docs"))
        yield made


def drawn(base: KnowledgeBase, chat: Talker, way: Way = ways.BUILT_IN[0], name: str = "tone") -> make.DrawnPairs:
    return make.make(base.with_models(chat=chat), ASKED, PairsRequest(name, way))


def test_a_way_draws_two_different_answers_and_goes_on_where_it_was_stopped(base: KnowledgeBase) -> None:
    chat = Talker()
    whole = drawn(base, chat)
    assert all(one.temperature == 1.0 for one in chat.sampled)
    assert whole.new == 3 and not whole.not_made
    for pair in whole.pairs.pairs:
        assert pair.first.text != pair.second.text and pair.prompt == pair.question  # as a tuned model is asked
        assert pair.first.right in (0.0, 1.0)
    with pytest.raises(KeyboardInterrupt):
        drawn(base, Talker(stops=3), name="cut")
    folder = kept.folder_of(base.folder, "cut")
    with (folder / "pairs.jsonl").open("a") as file:
        file.write('{"id": "half a li')  # what a kill leaves
    assert len(kept.read(folder).pairs) == 1
    assert drawn(base, Talker(), name="cut").pairs.pairs == whole.pairs.pairs
    again = Talker()
    assert drawn(base, again).new == 0 and not again.sampled
    with pytest.raises(UsageError, match=r"'tone': were begun with way closed-book, not few-shot"):
        drawn(base, Talker(), ways.BUILT_IN[1])


def test_what_gives_no_pair_is_counted_with_its_reason(base: KnowledgeBase) -> None:
    same = drawn(base, Talker(says="Always this."))
    assert same.new == 0 and same.not_made == {"both answers say the same": 3}
    held = [replace(one, split="test") for one in ASKED]
    found = make.make(base.with_models(chat=Talker()), held, PairsRequest("held", ways.BUILT_IN[0]))
    assert found.not_made == {"kept for evaluation": 3}
    quoting = Way("quoting", "passages", ("answer.style=quote",))
    with pytest.raises(UsageError, match="'quoting': no chat model writes its answers"):
        drawn(base, Talker(), quoting)
    with pytest.raises(UsageError, match="--temperature"):
        PairsRequest("t", quoting, temperature=0.0)


def test_pairs_over_documents_belong_to_who_may_read_them_and_keep_their_prompt(base: KnowledgeBase) -> None:
    way = next(one for one in ways.BUILT_IN if one.name == "long-context")
    found = drawn(base, Talker(), way).pairs
    (document,) = base.documents()
    assert found.card.documents == (document.id,) and "pier two" in found.pairs[0].prompt
    with base.store.reading() as connection:
        assert lineage.known(connection, "pairs-tone", who=base.who)
    assert kept.listing(base) == ["tone"]
    other = base.as_user(replace(base.who, tenant="other"))
    assert kept.listing(other) == []
    with pytest.raises(UsageError, match="'tone': are not in"):
        kept.find(other, "tone")


# verdicts


def some(folder: Path, n: int = 6) -> KeptPairs:
    """Pairs whose first answer is short and right, whose second one cites."""
    kept.write_card(folder, kept.PairsCard("tone", "retrieval-written", "test:talker", 1.0, 0))
    for at in range(n):
        first = DrawnAnswer(f"At {at}:15.", right=1.0)
        second = DrawnAnswer(f"It leaves at {at}:16 from pier two. [1]", citations=1, right=0.0)
        kept.add_pair(folder, AnswerPair(f"p{at}", f"When does ferry {at} leave?", f"ferry {at}?", first, second))
    return kept.read(folder)


def judged(pairs: KeptPairs, rater: str, by: kept.By, choices: Sequence[kept.Choice]) -> KeptPairs:
    for pair, choice in zip(pairs.pairs, choices, strict=False):
        kept.add_verdict(pairs.folder, PairVerdict(pair.id, rater, by, choice, judge.swapped(pair, rater)))
    return kept.read(pairs.folder)


def test_rules_are_asked_in_their_order(tmp_path: Path) -> None:
    pairs = some(tmp_path / "tone", 1)
    (pair,) = pairs.pairs
    assert judge.by_rules(pair, ("right", "cites")) == "first" and judge.by_rules(pair, ("cites", "right")) == "second"
    assert judge.by_rules(pair, ("shorter",)) == "first" and judge.by_rules(pair, ("longer",)) == "second"
    assert judge.by_rules(pair, ("answered",)) == "tie"
    assert len(judge.judge_by_rules(pairs, ("right",))) == 1
    assert not judge.judge_by_rules(kept.read(pairs.folder), ("right",))  # judged once
    with pytest.raises(UsageError, match="--rule rigth: no such rule; did you mean 'right'"):
        judge.rules_of(["rigth"])
    with pytest.raises(UsageError, match="shorter and longer"):
        judge.rules_of(["shorter", "longer"])


class Judge(Talker):
    """Prefers the answer that holds a text, or whatever stands first where none does."""

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        before, _, after = messages[-1].content.partition("Answer B:")
        assert messages[-1].content.count("<<<") == 2
        held = [self.says in part for part in (before, after)]
        return Reply("B" if held == [False, True] else "A", Usage(1, 1, 1))


def test_a_model_is_asked_both_ways_round_and_place_decides_nothing(tmp_path: Path) -> None:
    pairs = some(tmp_path / "tone")
    assert [one.choice for one in judge.judge_by_model(pairs, Judge(says="pier two"))] == ["second"] * 6
    second = some(tmp_path / "other")
    assert [one.choice for one in judge.judge_by_model(second, Judge(says="nowhere"))] == ["tie"] * 6


def test_the_keyboard_judges_resumes_takes_back_and_edits(tmp_path: Path, base: KnowledgeBase) -> None:
    pairs = some(kept.folder_of(base.folder, "tone"))

    def typed(keys: str, *more: str) -> str:
        line = ["--base", str(base.folder), "--user", "ann", "tune", "pairs", "judge", "tone", *more]
        done = CliRunner().invoke(app, line, prog_name="wellread", input=keys)
        assert done.exit_code == 0, done.output
        return done.output

    told = typed("1\n2\nx\nu\n0\nq\n")
    assert "1 of 6" in told and "x: write one of 1 first, 2 second" in told
    said = kept.of_rater(kept.read(pairs.folder).verdicts, "ann")
    first = pairs.pairs[0]
    assert said["p0"].choice == ("second" if judge.swapped(first, "ann") else "first") and said["p1"].choice == "tie"
    assert "1 of 4" in typed("c\ntoo wordy\ne\nAt 2:15 from pier two.\ns\nq\n")
    now = kept.of_rater(kept.read(pairs.folder).verdicts, "ann")
    assert (now["p2"].choice, now["p2"].text, now["p2"].comment) == ("edited", "At 2:15 from pier two.", "too wordy")
    left = Counter[str]()
    rows = [row for row, _ in raters.rows(kept.read(pairs.folder), left)]
    assert [row.chosen for row in rows][1:] == ["At 2:15 from pier two."] * 2 and {row.rater for row in rows} == {"ann"}
    assert left == {"neither answer is better": 1, "nobody has judged": 3}
    assert '"rows": 3' in typed("", "--json")


def test_half_of_all_pairs_stand_the_other_way_round(tmp_path: Path) -> None:
    pairs = [AnswerPair(f"p{n}", "", "", DrawnAnswer(""), DrawnAnswer("")) for n in range(400)]
    assert 160 < sum(judge.swapped(pair, "ann") for pair in pairs) < 240
    assert [judge.swapped(pair, "ann") for pair in pairs] != [judge.swapped(pair, "bob") for pair in pairs]


def test_fleiss_kappa_of_the_paper_by_hand() -> None:
    """Ten items, fourteen raters, five labels: a well-known worked example comes to 0.210."""
    rows = (
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    )  # fmt: skip
    tables = [{str(label): n for label, n in enumerate(row)} for row in rows]
    assert raters.fleiss(tables) == pytest.approx(0.210, abs=5e-4)
    assert raters.fleiss([{"a": 3}, {"b": 3}]) == 1.0
    with pytest.raises(ValueError, match="two raters"):
        raters.fleiss([{"a": 1}])


def test_people_count_before_a_model_and_raters_who_differ_decide_nothing(tmp_path: Path) -> None:
    pairs = some(tmp_path / "tone")
    judged(pairs, "rules:shorter", "rules", ["first"] * 6)
    judged(pairs, "m", "model", ["second"] * 5)
    judged(pairs, "ann", "hand", ["first", "first", "second", "tie"])
    now = judged(pairs, "bob", "hand", ["first", "second", "second"])
    decided = [raters.settle([one for one in now.verdicts if one.pair == pair.id]) for pair in now.pairs]
    assert decided == ["first", "disagreed", "second", "tie", "second", "first"]
    found = raters.figures(now, seed=0)
    assert (found.decided, found.ties, found.disagreed) == (4, 1, 1)
    assert found.cohen["ann", "bob"].kappa.n == 3 and found.cohen["ann", "bob"].equal.value == pytest.approx(2 / 3)
    people = found.model_with_people["m"]
    assert people.kappa.n == 3 and people.equal.value == pytest.approx(1 / 3)  # on p0, p2 and p3
    assert (found.raters[0].name, found.raters[0].verdicts) == ("rules:shorter", 6)
    assert found.raters[0].first_shown is None and found.raters[2].first_shown is not None
    rows = [row for row, _ in raters.rows(now, Counter())]
    assert [row.rater for row in rows] == ["ann+bob", "ann+bob", "m", "rules:shorter"]


def test_a_rater_who_takes_what_stands_first_is_found_out(tmp_path: Path) -> None:
    pairs = some(tmp_path / "tone", 12)
    lazy = ["second" if judge.swapped(pair, "lazy") else "first" for pair in pairs.pairs]
    (found,) = raters.figures(judged(pairs, "lazy", "hand", lazy), seed=0).raters  # type: ignore[arg-type]
    assert found.first_shown == 1.0 and found.p_place is not None and found.p_place < raters.PLACE


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    pairs = some(tmp_path / "tone", 2)
    path = pairs.folder / "pairs.jsonl"
    path.write_text(path.read_text().replace('{"id": "p0"', '{"id" "p0"'))
    with pytest.raises(StoreError, match=r"pairs.jsonl: line 1 cannot be read"):
        kept.read(pairs.folder)


# into data sets


def test_judged_pairs_become_a_data_set_that_knows_where_it_is_from(base: KnowledgeBase) -> None:
    way = next(one for one in ways.BUILT_IN if one.name == "long-context")
    pairs = drawn(base, Talker(), way).pairs
    judged(pairs, "ann", "hand", ["first", "second", "tie"])
    made = prepare.prepare(base, PrepareRequest("tone", pairs=("tone",)), PrepareSettings(), "transformers:nowhere")
    assert made.task == "preference" and made.made == {"judged by hand": 2}
    assert made.not_made == {"neither answer is better": 1}
    judged(pairs, "m", "model", ["first", "first", "first"])  # the tie of ann stays
    told = prepare.prepare(base, PrepareRequest("two", pairs=("tone",)), PrepareSettings(), "transformers:nowhere")
    assert not any("judged by m" in one for one in told.remarks)
    other = drawn(base, Talker(), way, name="other").pairs
    judged(other, "m", "model", ["first", "first", "first"])
    told = prepare.prepare(base, PrepareRequest("three", pairs=("other",)), PrepareSettings(), "transformers:nowhere")
    assert told.remarks[-1].startswith("3 rows were judged by m: its agreement with people is not known")
    data = datasets.load(datasets.find(base, "tone"))
    assert {row.rater for row in data.rows if isinstance(row, PreferenceRow)} == {"ann"}
    (document,) = base.documents()
    assert made.card is not None and made.card.documents == (document.id,)
    with base.store.reading() as connection:
        inputs = lineage.upstream(connection, datasets.artifact_id(made.card), who=base.who)
    assert {("artifact", "pairs-tone"), ("document", document.id)} <= {(one.kind, one.id) for one in inputs}


def test_thumbs_and_corrections_become_pairs_and_ratings(base: KnowledgeBase) -> None:
    quoted = base.configured(["answer.style=quote"])
    answers = [quoted.ask(text) for text in ("When does the ferry to Ollesay leave?", "What does a dog cost?")]
    with base.store.writing() as tx:
        feedback.put(tx, answers[0].trace_id, who=base.who, rating=1)
        feedback.put(tx, answers[1].trace_id, who=replace(base.who, user="ann"), correction="4 crowns a dog.")
    wanted = PrepareRequest("said", task="preference", from_log=True)
    made = prepare.prepare(quoted, wanted, PrepareSettings(), "transformers:nowhere")
    (row,) = datasets.load(datasets.find(base, "said")).rows
    assert isinstance(row, PreferenceRow) and row.chosen == "4 crowns a dog." and row.rater == "ann"
    assert "A dog costs 4 crowns" in row.prompt and "What does a dog cost?" in row.prompt
    assert made.card is not None and len(made.card.documents) == 1
    with base.store.reading() as connection:
        inputs = lineage.upstream(connection, datasets.artifact_id(made.card), who=base.who)
    assert ("question", answers[1].trace_id) in {(one.kind, one.id) for one in inputs}
    prepare.prepare(quoted, replace(wanted, name="thumbs", task="rating"), PrepareSettings(), "transformers:nowhere")
    rows = [row for row in datasets.load(datasets.find(base, "thumbs")).rows if isinstance(row, RatedRow)]
    assert sorted((row.score, row.rater) for row in rows) == [(-1.0, "ann"), (1.0, ""), (1.0, "ann")]


@pytest.mark.model
def test_the_embedded_model_draws_pairs_on_the_command_line(base: KnowledgeBase, tmp_path: Path) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text("\nName a colour.\n", "utf-8")
    line = ["--base", str(base.folder), "--json", "--set", "answer.max_tokens=12"]
    line += ["tune", "pairs", "make", str(asked), "--name", "colours", "--way", "closed-book"]
    done = CliRunner().invoke(app, line, prog_name="wellread")
    assert done.exit_code == 0 and json.loads(done.stdout)["new"] == 1, done.output
    (pair,) = kept.find(base, "colours").pairs
    assert pair.first.text and pair.second.text and pair.prompt == "Name a colour."
