"""One open base that many threads share, as a server does: opened once, asked by many, the same answers as alone."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import PluginError, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.models.opened import OpenModels
from wellread.models.settings import ChatSettings
from wellread.types import Answer, Principal

# A package with an embedder and a reranker that count how often they are opened; opening takes a while, as it does.
COUNTED = """
import threading
import time

from wellread.models.providers import static

opened = []
closed = []


def open_embedder(name, settings, folder, api_key):
    opened.append(f"embedder {name}")
    time.sleep(0.3)
    if name == "broken":
        raise RuntimeError("its weights are cut")
    model = static.open_embedder("minilm", settings, folder, api_key)
    model.close = lambda: closed.append(f"embedder {name}")
    return model


class Reranker:
    remote = None

    def __init__(self, name):
        self.id = f"counted:{name}"

    def score(self, question, passages):
        asked = set(question.lower().split())
        return [float(len(asked & set(passage.lower().split()))) for passage in passages]

    def close(self):
        closed.append(self.id)


def open_reranker(name, settings, folder, api_key):
    opened.append(f"reranker {name}")
    time.sleep(0.3)
    return Reranker(name)
"""
POINTS = """[wellread.embedders]
counted = counted_models:open_embedder
[wellread.rerankers]
counted = counted_models:open_reranker
"""
SETTINGS = (
    "embed.model=counted:words",
    "answer.scorer=counted:sentences",
    "rerank.model=counted:order",
    "answer.style=quote",
)
SHIPS = ("Amsel", "Bachstelze", "Dohle", "Elster", "Fink", "Gimpel", "Habicht", "Ibis", "Kiebitz", "Lerche")
DECKS = ("crew", "guests", "harbour", "kitchen")
PRINCIPALS = [Principal(groups=frozenset(DECKS[:n])) for n in range(4)] + [
    Principal(groups=frozenset({deck})) for deck in DECKS
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the package, installed for these tests."""
    package = tmp_path_factory.mktemp("package")
    info = package / "counted-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (package / "counted_models.py").write_text(COUNTED)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(package))
        yield import_module("counted_models")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, package: Any) -> Path:
    """A base with a document for everybody and one for each of four groups."""
    folder = tmp_path_factory.mktemp("base") / "base"
    KnowledgeBase.create(folder).close()
    with KnowledgeBase.open(folder, overrides=SETTINGS) as base:
        for n, deck in enumerate(("", *DECKS)):
            lines = "\n\n".join(
                f"The {ship} sails with {10 * n + i} lamps and the mate of its {deck or 'open'} deck counts them."
                for i, ship in enumerate(SHIPS)
            )
            base.add(f"{deck or 'open'}-deck", text=lines, labels=(deck,) if deck else ())
    return folder


@pytest.fixture
def counted(package: Any, folder: Path) -> Any:
    """The module with nothing counted yet."""
    package.opened.clear()
    package.closed.clear()
    return package


@pytest.fixture
def base(folder: Path, counted: Any) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.open(folder, overrides=SETTINGS) as base:
        yield base


def said(answer: Answer) -> tuple[object, ...]:
    return (
        answer.question,
        answer.text,
        answer.refused,
        round(answer.confidence, 5),
        tuple((c.document, c.span, c.quote) for c in (*answer.citations, *answer.nearest)),
    )


def test_eight_threads_ask_400_questions_through_eight_principals_as_one_thread_would(
    folder: Path, counted: Any
) -> None:
    pairs = [
        (f"How many lamps does the {ship} sail with on the {deck} deck?", who)
        for ship in SHIPS
        for deck in ("open", *DECKS)
        for who in PRINCIPALS
    ]
    assert len(pairs) == 400
    with KnowledgeBase.open(folder, overrides=SETTINGS) as alone:
        expected = [said(alone.as_user(who).ask(question)) for question, who in pairs]
    assert len(set(expected)) > 60  # what is seen differs
    counted.opened.clear()
    with KnowledgeBase.open(folder, overrides=SETTINGS) as base:
        start = threading.Barrier(8)

        def ask(part: int) -> list[tuple[object, ...]]:
            start.wait()
            mine = base.as_user(pairs[part][1])
            return [said((mine if who == mine.who else base.as_user(who)).ask(text)) for text, who in pairs[part::8]]

        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(ask, range(8)))
        found = [parts[n % 8][n // 8] for n in range(len(pairs))]
        everyone = Principal(groups=frozenset(DECKS))
        logged = {row.answer.trace_id for row in base.as_user(everyone).log(limit=10_000)}
    assert found == expected
    assert Counter(counted.opened) == {"embedder words": 1, "embedder sentences": 1, "reranker order": 1}
    assert set(base.models.openings.values()) == {1}
    assert len(logged) >= 800  # those of one thread and those of eight


def test_a_question_of_a_fresh_principal_costs_what_the_second_one_costs(base: KnowledgeBase, counted: Any) -> None:
    def seconds(who: Principal) -> float:
        started = time.perf_counter()
        base.as_user(who).ask("How many lamps does the Fink sail with?")
        return time.perf_counter() - started

    first = seconds(PRINCIPALS[0])
    fresh = [seconds(Principal(groups=frozenset({"crew", f"group {n}"}))) for n in range(9)]
    assert first > 0.9  # three models were opened, 0.3 s each
    assert sorted(fresh)[4] < 0.2 and len(counted.opened) == 3


def test_ways_of_asking_share_what_the_same_settings_open(base: KnowledgeBase, counted: Any) -> None:
    other = base.configured(["answer.passages=3", "retrieve.alpha=0.9"])
    assert other.embedder is base.embedder and other.reader is base.reader
    base.configured(["rerank.model="]).ask("How many lamps does the Fink sail with?")
    other.ask("How many lamps does the Fink sail with?")  # opened after both were made, and shared back
    base.ask("How many lamps does the Fink sail with?")
    assert Counter(counted.opened) == {"embedder words": 1, "embedder sentences": 1, "reranker order": 1}


def test_an_open_base_is_never_changed(base: KnowledgeBase) -> None:
    for name in ("who", "logs", "settings", "store", "models", "embedder", "reader", "anything"):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            setattr(base, name, None)
    seen = base.as_user(PRINCIPALS[3])
    assert (seen.who, base.who) == (PRINCIPALS[3], Principal())
    quiet = base.configured([], logs=False)
    assert base.logs and not quiet.logs and not quiet.as_user(seen.who).logs


def test_models_that_are_lent_serve_one_base_and_those_made_of_it(base: KnowledgeBase, counted: Any) -> None:
    class Backwards:
        id, remote = "backwards", None

        def score(self, question: str, passages: list[str]) -> list[float]:
            return [float(n) for n, _ in enumerate(passages)]

    lent = Backwards()
    other = base.with_models(reranker=lent)  # type: ignore[arg-type]  # a list of scores is enough here
    assert other.reranker is lent and other.as_user(PRINCIPALS[1]).reranker is lent
    assert other.configured(["answer.passages=3"]).reranker is lent
    assert other.configured(["rerank.model=counted:other"]).reranker is not lent
    assert base.reranker is not lent and other.embedder is base.embedder
    assert Counter(counted.opened) == {"reranker order": 1, "reranker other": 1, "embedder words": 1}


def test_closing_a_base_frees_its_models_once_and_what_comes_after_is_refused(folder: Path, counted: Any) -> None:
    base = KnowledgeBase.open(folder, overrides=SETTINGS)
    base.ask("How many lamps does the Fink sail with?")
    held = base.models.held()  # a second user, as a copy that is optimised on
    base.close()
    assert counted.closed == []
    held.close()
    assert "counted:order" in counted.closed
    held.close()
    assert Counter(counted.closed).most_common(1)[0][1] == 1
    with pytest.raises(UsageError, match="is closed; open it again"):
        base.models.chat(ChatSettings(model="openai:x"))


def test_a_model_that_cannot_be_opened_is_tried_again_and_delays_nobody_else(base: KnowledgeBase, counted: Any) -> None:
    broken = base.configured(["embed.model=counted:broken"])
    for _ in range(2):
        with pytest.raises(PluginError, match="its weights are cut"):
            _ = broken.embedder
    assert counted.opened == ["embedder broken"] * 2
    started = time.perf_counter()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda one: one(), [lambda: base.embedder, lambda: base.reranker, lambda: base.scorer]))
    assert time.perf_counter() - started < 0.75  # three openings of 0.3 s side by side


def test_openings_are_counted_by_what_opens_them(tmp_path: Path) -> None:
    models = OpenModels(tmp_path)
    first = models.chat(ChatSettings(model="openai:x"))
    assert models.chat(ChatSettings(model="openai:x")) is first
    assert models.chat(ChatSettings(model="openai:x", timeout_s=1.0)) is not first
    assert list(models.openings.values()) == [1, 1]
    models.close()
