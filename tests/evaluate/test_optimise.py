"""The search for better settings: it finds what is planted, proposes no chance, touches nothing, does nothing twice."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread import KnowledgeBase
from wellread.errors import ConfigError, UsageError
from wellread.metrics import metrics
from wellread.models.api import Embedder, Vectors
from wellread.optimise import optimise, rechunk, space, tradeoff
from wellread.optimise.optimise import Budget
from wellread.optimise.recall import Recalled
from wellread.optimise.trial import TrialRunner, outcome_of
from wellread.store import documents
from wellread.types import Principal, Question

NAMES = [
    *("Auk", "Bay", "Cob", "Dab", "Eel", "Fin", "Gull", "Hake", "Ibis", "Jay"),
    *("Kite", "Loon", "Merlin", "Noddy", "Owl", "Plover", "Quail", "Rook", "Skua", "Tern"),
    *("Umber", "Vole", "Wren", "Xebec", "Yarrow", "Zander", "Avocet", "Brill", "Curlew", "Dunlin"),
]
FILL = (
    "The harbour was dug by hand in the year of the great storm. Sheep graze on the slope behind the church. Bread is "
    "baked before dawn and sold at the corner. The school has a red door and a bell. Rain falls often in autumn. "
)
QUICK = ["answer.scorer=", "rerank.model=", "answer.refuse_below=0.0", "retrieve.scope=false"]
PLANTED = [*QUICK, "answer.passages=1"]
BUDGET = Budget(minutes=2, draws=500, axes=("answer.passages",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty ships, each with its lamps and a page that has more of the question's words and no answer."""
    root = tmp_path_factory.mktemp("ships")
    (root / "documents").mkdir()
    for n, name in enumerate(NAMES):
        fact = f"{FILL}The ship {name} has {n + 11} lamps. {FILL}\n"
        decoy = (
            f"How many lamps does the ship {name} have? Lamps of the ship {name}: ask the mate of the ship {name}.\n"
        )
        (root / "documents" / f"fact-{n}.txt").write_text(fact, "utf-8")
        (root / "documents" / f"page-{n}.txt").write_text(decoy, "utf-8")
    made = KnowledgeBase.create(root / "base")
    made.add(str(root / "documents"))
    made.close()
    return root / "base"


def asked(start: int, end: int) -> list[Question]:
    rows = list(enumerate(NAMES))[start:end]
    return [Question(name, f"How many lamps does the ship {name} have?", (f"{n + 11} lamps",)) for n, name in rows]


VALIDATION, TEST = asked(0, 10), asked(10, 30)


@pytest.fixture
def opened(folder: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.open(folder, overrides=PLANTED, read_only=True) as base:
        yield base
        rechunk.removed(base)


def test_a_planted_setting_is_found_and_the_base_is_not_touched(opened: KnowledgeBase) -> None:
    before = (opened.folder / ".wellread" / "store.db").read_bytes(), opened.store.generation()
    found = optimise.optimise(opened, VALIDATION, TEST, BUDGET)
    assert set(found.proposal) == {"answer.passages"}
    old, new = found.proposal["answer.passages"]
    assert old == 1
    assert isinstance(new, int)
    assert new > 1
    assert found.difference is not None
    assert found.difference.low > 0
    assert found.test_winner is not None
    assert found.test_present is not None
    assert found.test_winner.quality.value > found.test_present.quality.value + 0.2
    assert before == ((opened.folder / ".wellread" / "store.db").read_bytes(), opened.store.generation())


def test_the_same_search_again_asks_nothing(opened: KnowledgeBase) -> None:
    first = optimise.optimise(opened, VALIDATION, TEST, BUDGET)
    again = optimise.optimise(opened, VALIDATION, TEST, BUDGET)
    assert first.asked > 0
    assert again.asked == 0
    assert [(t.choice, t.quality) for t in again.trials] == [(t.choice, t.quality) for t in first.trials]
    kept = rechunk.folder_of(opened) / "trials.jsonl"
    kept.write_text(kept.read_text("utf-8")[:-30], "utf-8")  # killed while it wrote
    assert optimise.optimise(opened, VALIDATION, TEST, BUDGET).asked == 1


def test_nothing_is_proposed_where_nothing_is_better(folder: Path) -> None:
    with KnowledgeBase.open(folder, overrides=[*QUICK, "answer.passages=20"], read_only=True) as base:
        found = optimise.optimise(base, VALIDATION, TEST, BUDGET)
        rechunk.removed(base)
    assert found.winner is None
    assert not found.proposal
    assert "nothing that was tried is better" in found.said
    assert found.test_winner is None  # the test questions were not spent


def test_a_winner_that_may_be_chance_is_not_proposed(opened: KnowledgeBase) -> None:
    easy = [Question(name, f"Ship {name}, lamps?", (f"ship {name}",)) for name in NAMES]
    found = optimise.optimise(opened, VALIDATION, easy, BUDGET)
    assert found.winner is not None
    assert found.difference is not None
    assert found.difference.low <= 0
    assert not found.proposal
    assert "may be chance" in found.said


def test_too_few_questions_are_refused(opened: KnowledgeBase) -> None:
    with pytest.raises(UsageError, match="test: 3 questions are too few"):
        optimise.optimise(opened, VALIDATION, TEST[:3], BUDGET)
    with pytest.raises(UsageError, match=r"answer\.passage: is not searched"):
        optimise.optimise(opened, VALIDATION, TEST, Budget(axes=("answer.passage",)))


def test_a_search_ends_in_its_time(opened: KnowledgeBase) -> None:
    started = time.monotonic()
    found = optimise.optimise(opened, VALIDATION, TEST, Budget(minutes=0.02, draws=200))
    assert time.monotonic() - started < 20
    assert found.trials


class Counting:
    """An embedder that says which passages it was given."""

    def __init__(self, model: Embedder) -> None:
        self.id, self.dim, self.max_tokens, self.remote = model.id, model.dim, model.max_tokens, model.remote
        self.model = model
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        self.seen += texts if kind == "passage" else ()
        return self.model.embed(texts, kind)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.model.count_tokens(texts)


def long_base(folder: Path) -> KnowledgeBase:
    (folder / "documents").mkdir(parents=True)
    for n in range(4):
        text = "\n\n".join(
            f"Ship {name} of fleet {n} carries {i * n} lamps and a mate on deck." for i, name in enumerate(NAMES)
        )
        (folder / "documents" / f"{n}.md").write_text(f"# Fleet {n}\n\n{text}\n", "utf-8")
    base = KnowledgeBase.create(folder / "base")
    base.add(str(folder / "documents"))
    return base


def test_no_chunk_is_embedded_twice_over_all_copies(tmp_path: Path) -> None:
    with long_base(tmp_path) as base:
        base = base.configured(QUICK, logs=False)
        counting = Counting(base.embedder)
        base = base.with_models(embedder=counting)
        with base.store.reading() as connection:
            known = {row.indexed_text for rows in documents.chunk_batches(connection) for row in rows}
        bench = TrialRunner(base, Principal())
        for size in (60, 100, 200):
            bench.observe({"chunk.size_tokens": size}, asked(0, 2))
        bench.close()
        assert max(Counter(counting.seen).values()) == 1  # chunks, and the sentences that answers are made of
        chunks = [text for text in counting.seen if re.match(r"Fleet \d+\n", text)]
        assert len(chunks) > 20
        assert not known & set(chunks)
        another = TrialRunner(base, Principal())
        another.observe({"chunk.size_tokens": 60}, asked(2, 3))
        another.close()
        assert [text for text in counting.seen if re.match(r"Fleet \d+\n", text)] == chunks


def test_a_copy_with_the_same_settings_has_the_chunks_of_the_base(tmp_path: Path) -> None:
    harbour = Path(__file__).resolve().parents[2] / "samples" / "harbour" / "documents"
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(harbour))
        everyone = Principal(groups=frozenset({"hr", "staff"}))
        copy = rechunk.copied(base, ["chunk.size_tokens=200"], base.embedder, [], who=everyone)
        held = []
        for each in (base, copy):
            with each.store.reading() as connection:
                rows = [row for rows in documents.chunk_batches(connection) for row in rows]
            held.append(sorted((row.header, row.text) for row in rows))
        assert held[0] == held[1]
        question = "What does a master with more than eight years of service earn?"
        base, copy = (each.configured(QUICK) for each in (base, copy))
        for who in (Principal(), everyone):
            hits = [
                [(h.document.uri, h.chunk.span) for h in each.as_user(who).search(question).hits]
                for each in (base, copy)
            ]
            assert hits[0] == hits[1]
        again = rechunk.copied(base, ["chunk.size_tokens=200"], base.embedder, [], who=everyone)
        assert again.folder == copy.folder
        copy.close()
        again.close()


def test_copies_of_earlier_states_of_the_base_are_gone(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    for name in ("first", "second"):
        (tmp_path / "documents" / f"{name}.txt").write_text(f"The {name} ship has {len(name)} lamps.\n", "utf-8")
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "documents"))
        old = rechunk.copied(base, ["chunk.size_tokens=100"], base.embedder, [], who=Principal())
        old.close()
        (tmp_path / "documents" / "third.txt").write_text("The third ship has 5 lamps.\n", "utf-8")
        base.sync()
        new = rechunk.copied(base, ["chunk.size_tokens=100"], base.embedder, [], who=Principal())
        assert len(new.documents()) == 3
        new.close()
        assert not old.folder.exists() and new.folder.exists()
        base.remove(str(tmp_path / "documents" / "first.txt"))
        assert not new.folder.exists()
    held = [file for file in (tmp_path / "base" / ".wellread").rglob("*") if file.is_file()]
    assert held and not any(b"The first ship" in file.read_bytes() for file in held)


def test_what_a_model_failed_on_is_told_and_asked_again_by_the_next_search(folder: Path) -> None:
    given = [*QUICK, "answer.scorer=onnx:minilm", "answer.style=write", "chat.model=openai:gone"]
    given += ["chat.base_url=http://127.0.0.1:9/v1"]
    with KnowledgeBase.open(folder, overrides=given, read_only=True) as base:
        rechunk.removed(base)
        for _ in range(2):
            bench = TrialRunner(base, Principal())
            [seen] = bench.observe({}, VALIDATION[:1])
            assert seen.error and bench.asked == 1
            assert len(bench.failed) == 1 and bench.failed[0].startswith(VALIDATION[0].id)
            bench.close()
        rechunk.removed(base)


def test_questions_that_do_not_say_what_is_right_are_left_out_and_counted(opened: KnowledgeBase) -> None:
    silent = [Question(f"s{n}", f"Who owns the ship {NAMES[n]}?") for n in range(3)]
    found = optimise.optimise(opened, [*VALIDATION, *silent[:2]], [*TEST, *silent[2:]], BUDGET)
    assert (found.unfit, found.n_validation, found.n_test) == (3, len(VALIDATION), len(TEST))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, 0.9])
def test_a_threshold_laid_over_what_was_seen_is_the_threshold_in_force(folder: Path, threshold: float) -> None:
    questions = [
        *asked(0, 6),
        *(Question(f"u{n}", f"Who painted the ship {NAMES[n]} red?", (), answerable=False) for n in range(6)),
    ]
    with KnowledgeBase.open(folder, overrides=[*QUICK, "answer.passages=20"], read_only=True) as base:
        bench = TrialRunner(base, Principal())
        seen = bench.observe({}, questions)
        real = base.configured([f"answer.refuse_below={threshold}"], logs=False)
        for question, observed in zip(questions, seen, strict=True):
            outcome = outcome_of(real.ask(question.text), question, 0.0)
            assert observed.score(question, threshold) == metrics.right(outcome, question)
        bench.close()
        rechunk.removed(base)


class Slow:
    """Takes 20 ms for a text."""

    id, dim, max_tokens, remote = "slow", 4, 100, None

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        time.sleep(0.02 * len(texts))
        return np.stack([np.full(4, 0.5, np.float32) * (1 if kind == "query" else -1) for _ in texts])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1 for _ in texts]


def test_what_other_settings_met_still_costs_its_time() -> None:
    model = Recalled(Slow())
    mine, others = set[tuple[str, str]](), set[tuple[str, str]]()
    model.begin(others)
    model.embed(["a", "b", "a"])
    assert model.saved_s == 0
    model.begin(mine)
    started = time.perf_counter()
    model.embed(["a", "b"])
    model.embed(["b"])
    assert time.perf_counter() - started < 0.02
    assert model.saved_s == pytest.approx(0.04, abs=0.02)
    model.begin(mine)
    model.embed(["a"])
    assert model.saved_s == 0  # an open base would remember it
    assert model.embed(["a"], "query")[0][0] == -model.embed(["a"])[0][0]


def test_old_vectors_make_room_for_new_ones() -> None:
    model = Recalled(Slow(), most=2)
    model.embed(["a", "b", "c"])
    model.begin(set())
    model.embed(["c"])
    assert model.saved_s > 0
    model.begin(set())
    model.embed(["a"])
    assert model.saved_s == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_every_choice_is_one_that_the_settings_take_and_that_has_an_effect(folder: Path, seed: int) -> None:
    with KnowledgeBase.open(folder, read_only=True) as base:
        axes = space.space(base.settings)
    assert axes.present["answer.passages"] == 20
    assert "answer.quotes" not in axes.axes
    assert "chat.model" not in axes.axes
    chance, choice = random.Random(seed), dict[str, object]()
    for _ in range(10):
        choice = axes.near(choice, chance)
        assert axes.valid(choice)
        assert all(choice[key] != axes.present[key] for key in choice)
        if "retrieve.alpha" in choice:
            assert choice.get("retrieve.mode", "hybrid") == "hybrid"


def test_a_further_value_is_searched_and_a_wrong_one_refused(folder: Path) -> None:
    with KnowledgeBase.open(folder, read_only=True) as base:
        axes = space.space(base.settings, ["embed.model=onnx:minilm", "answer.passages=60"])
        assert axes.axes["embed.model"] == ("static:minilm", "onnx:minilm")
        assert 60 in axes.axes["answer.passages"]
        for wrong in ("answer.passages=many", "answer.passage=3"):
            with pytest.raises(ConfigError):
                space.space(base.settings, [wrong])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=4, max_size=60), st.integers(0, 5))
def test_any_first_part_of_the_questions_has_the_kinds_in_proportion(kinds: list[str], seed: int) -> None:
    made = [Question(str(n), "?", ("x",), kind=kind) for n, kind in enumerate(kinds)]
    mixed = optimise._mixed(made, seed)
    assert sorted(q.id for q in mixed) == sorted(q.id for q in made)
    for n in range(1, len(mixed) + 1):
        first = Counter(q.kind for q in mixed[:n])
        for kind, total in Counter(kinds).items():
            assert abs(first[kind] - n * total / len(kinds)) <= 2


class Reader(HTMLParser):
    """Open elements, which must be closed in order, and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "circle"):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(opened: KnowledgeBase) -> None:
    found = optimise.optimise(opened, VALIDATION, TEST, BUDGET)
    page = tradeoff.page(found)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.fetched == []
    assert not re.search(r"https?://", page)
    assert "<script" not in page
    assert page.count("<circle") == len(found.trials) + 2
    assert "prefers-color-scheme: dark" in page
    assert "answer.passages" in page
