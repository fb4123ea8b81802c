from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready
from tests.retrieve.test_rewrite import ScriptedChat

from wellread.errors import ModelError
from wellread.index.open import IndexReader
from wellread.retrieve.parts import SearchParts, SearchResult, SearchSettings
from wellread.retrieve.search import search
from wellread.retrieve.settings import RewriteSettings, RouteSettings
from wellread.retrieve.understand import route as routing
from wellread.store.engine.api import Store

EVERY_PART = RewriteSettings(variants="model", hyde="model", sub_questions="model", step_back="model")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path) as store:
        filled(
            store,
            WordEmbedder(),
            ready("/docs/pets.md", "a dog pays three euros", "a cat pays two euros"),
            ready("/docs/bikes.md", "a bicycle pays nothing at all"),
        )
        yield IndexReader(store)


def asked(reader: IndexReader, question: str, route: RouteSettings, chat: ScriptedChat) -> SearchResult:
    parts = SearchParts(reader, WordEmbedder(), chat=lambda: chat)
    return search(question, parts, SearchSettings(rewrite=EVERY_PART, route=route), who=EVERYONE)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who chairs the board?", "fact"),
        ("Summarise the minutes of May", "summary"),
        ("Which ship is faster, Little Auk or Sandpiper?", "comparison"),
        ("How much does a dog cost?", "table"),
        ("What are the opening hours now?", "freshness"),
        ("What does a family pay together?", "hops"),
    ],
)
def test_rules_tell_the_kind_of_a_question(question: str, kind: str) -> None:
    assert routing.by_rules(question) == kind


def test_a_greeting_is_not_searched_for_and_costs_no_model_call(reader: IndexReader) -> None:
    chat = ScriptedChat("a dog pays")
    result = asked(reader, "Thank you very much!", RouteSettings(mode="rules"), chat)
    assert result.hits == () and not chat.prompts
    assert result.stages[0].detail["kind"] == "chitchat"
    assert result.generation == reader.store.generation()


def test_words_that_stand_nowhere_are_outside_but_a_slip_of_the_pen_is_not(reader: IndexReader) -> None:
    chat = ScriptedChat("")
    rules = RouteSettings(mode="rules")
    assert asked(reader, "quantum chromodynamics", rules, chat).stages[0].detail["kind"] == "outside"
    assert asked(reader, "bicylce", rules, chat).hits


def test_a_fact_asks_no_model_where_a_comparison_asks_once_and_no_route_asks_four_times(reader: IndexReader) -> None:
    calls = {}
    for name, question, mode in (
        ("fact", "who pays for a dog", "rules"),
        ("comparison", "is a dog or a cat cheaper than a bicycle", "rules"),
        ("all", "who pays for a dog", "off"),
    ):
        chat = ScriptedChat("what does a dog pay\nwhat does a cat pay")
        result = asked(reader, question, RouteSettings(mode=mode), chat)  # type: ignore[arg-type]
        assert result.usage.calls == len(chat.prompts)
        calls[name] = result.usage.calls
    assert calls == {"fact": 0, "comparison": 1, "all": 4}


def test_a_kind_runs_the_parts_that_the_settings_name_for_it() -> None:
    settings = SearchSettings(rewrite=RewriteSettings(hyde="model"))
    hops = routing.applied("hops", RouteSettings(hops=("hyde", "sub_questions", "expand")), settings)
    assert (hops.rewrite.hyde, hops.rewrite.sub_questions, hops.rewrite.step_back) == ("model", "rules", "off")
    assert hops.expand.mode == "merge"
    fact = routing.applied("fact", RouteSettings(), settings)
    assert fact.rewrite.hyde == "off" and fact.expand.mode == "none"


def test_a_part_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"fact: no such part 'rernk'; known are rerank"):
        RouteSettings(fact=("rernk",))


QUESTIONS = [
    *((f"which animal eats {food}", "fact") for food in ("hay", "fish", "bread", "meat", "corn", "oats")),
    *((f"zebra overview of the {topic}", "summary") for topic in ("year", "board", "ship", "crew", "line", "dock")),
    ("hi", "chitchat"),
]


def test_training_beats_rules_on_the_users_own_kinds_and_says_what_was_left_out(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    trained = routing.train(QUESTIONS, embedder, lambda _: "fact", seed=0)
    assert trained.n == 12 and trained.right >= 0.9 > trained.rules_right == 0.5
    assert trained.left_out == {"chitchat": 1}
    routing.save(trained.classifier, tmp_path)
    found = routing.load(tmp_path)
    assert found is not None
    kind, sure = found.kind("zebra overview of the harbour", embedder)
    assert kind == "summary" and 0.5 < sure <= 1
    with pytest.raises(ModelError, match="wellread route train"):
        found.kind("zebra", WordEmbedder("test:other"))


def test_a_file_that_is_no_classifier_is_named_and_none_is_none(tmp_path: Path) -> None:
    assert routing.load(tmp_path) is None
    (tmp_path / routing.FILE).write_text('{"kinds": ["fact"], "weights": [[1, 2]]}', "utf-8")
    with pytest.raises(ModelError, match=r"route\.json"):
        routing.load(tmp_path)


def test_too_few_questions_or_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two kinds"):
        routing.train(QUESTIONS[:6], WordEmbedder(), lambda _: "fact", seed=0)
    with pytest.raises(ValueError, match="no such kind of question: gossip"):
        routing.train([("a", "gossip")], WordEmbedder(), lambda _: "fact", seed=0)


def test_the_fit_is_where_the_gradient_vanishes() -> None:
    rng = np.random.default_rng(0)
    x = np.hstack([rng.standard_normal((60, 4)), np.ones((60, 1))])
    labels = [("a", "b", "c")[int(v > 0) + int(v > 1)] for v in x[:, 0] + 0.3 * rng.standard_normal(60)]
    kinds = ("a", "b", "c")
    weights = routing.fit(x, labels, kinds, ridge=1.0)
    y = np.array([[label == kind for kind in kinds] for label in labels], float)
    penalty = weights.copy()
    penalty[-1] = 0
    gradient = x.T @ (routing.softmax(x @ weights) - y) + penalty
    assert np.abs(gradient).max() < 1e-3
