"""Frozen sets: no part asks what another learned, the shares are near, and no change goes unseen."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import UsageError
from wellread.questions import file as questions
from wellread.questions import freeze
from wellread.questions.file import QuestionEntry
from wellread.types import Evidence, Question

HARBOUR = Path(__file__).resolve().parents[2] / "samples" / "harbour" / "questions.jsonl"
SHARES = (0.4, 0.2, 0.4)


def question(name: str, *documents: str, kind: str = "fact", variant_of: str | None = None) -> Question:
    evidence = tuple(Evidence(document, "some words") for document in documents)
    return Question(
        name, f"{name}?", ("yes",) if documents else (), evidence, kind, bool(documents), variant_of=variant_of
    )


def apart(parted: tuple[Question, ...]) -> bool:
    """Whether no document and no question with its phrasings is in two parts."""
    seen: dict[str, set[str]] = {}
    for q in parted:
        for key in [*(e.document for e in q.evidence), f"?{q.variant_of or q.id}"]:
            if q.split:
                seen.setdefault(key, set()).add(q.split)
    return all(len(parts) == 1 for parts in seen.values())


@st.composite
def sets(draw: st.DrawFn) -> list[Question]:
    made = []
    for n in range(draw(st.integers(1, 25))):
        documents = draw(st.lists(st.sampled_from([f"d{i}" for i in range(12)]), max_size=2, unique=True))
        first = draw(st.sampled_from([None, None, *[q.id for q in made if q.variant_of is None]]))
        made.append(question(f"q{n}", *documents, kind=draw(st.sampled_from("ab")), variant_of=first))
    return made


@settings(max_examples=100, deadline=None)
@given(sets(), st.integers(0, 9))
def test_no_document_and_no_question_is_in_two_parts(made: list[Question], seed: int) -> None:
    parted = freeze.split(made, SHARES, seed=seed)
    assert all(q.split in freeze.PARTS for q in parted)
    assert apart(parted)
    assert parted == freeze.split(made, SHARES, seed=seed)


@settings(max_examples=60, deadline=None)
@given(sets(), st.integers(1, 25), st.integers(0, 9))
def test_questions_keep_their_part_when_others_come(made: list[Question], n: int, seed: int) -> None:
    old = [q for q in made[:n] if q.variant_of is None]
    before = {q.id: q.split for q in freeze.split(old, SHARES, seed=seed)}
    parted = freeze.split(made, SHARES, seed=seed + 1, before=before)
    assert {q.id: q.split for q in parted if q.id in before} == before
    assert apart(parted)


@settings(max_examples=100, deadline=None)
@given(sets(), st.data(), st.integers(0, 9))
def test_a_question_that_changed_keeps_its_part_or_is_left_out(made: list[Question], data: st.DataObject, seed: int):
    before = {q.id: q.split for q in freeze.split(made, SHARES, seed=seed)}
    changed = data.draw(st.sets(st.sampled_from([q.id for q in made])))
    others = [Evidence(data.draw(st.sampled_from([f"d{i}" for i in range(12)])), "some words") for _ in changed]
    now = [replace(q, evidence=(others.pop(),)) if q.id in changed else q for q in made]
    parted = freeze.split(now, SHARES, seed=seed, before=before, changed=changed)
    assert apart(parted)
    assert all(q.split in ({before[q.id], ""} if q.id in changed else {before[q.id]}) for q in parted)


def test_a_changed_question_leaves_a_part_whose_documents_it_no_longer_keeps_to() -> None:
    before = {"a": "train", "a2": "train", "b": "test", "b2": "test"}
    now = [question("a", "y"), question("a2", "x"), question("b", "y"), question("b2", "y"), question("new", "x")]
    parted = freeze.split(now, SHARES, seed=0, before=before, changed={"a", "b2"})
    assert [q.split for q in parted] == ["", "train", "test", "test", "train"]


def test_a_question_that_joins_two_parts_is_left_out() -> None:
    before = {"a": "train", "b": "test"}
    parted = freeze.split(
        [question("a", "x"), question("b", "y"), question("c", "x", "y")], SHARES, seed=0, before=before
    )
    assert [q.split for q in parted] == ["train", "test", ""]


def test_a_document_under_two_names_is_one_document() -> None:
    names = ["leave.md", "handbook/leave.md", "/home/me/handbook/leave.md"]
    for seed in range(8):
        assert len({q.split for q in freeze.split([question(n, n) for n in names], SHARES, seed=seed)}) == 1


def test_the_sample_is_split_near_its_shares_in_every_kind() -> None:
    made = questions.read(HARBOUR)
    parted = freeze.split(made, SHARES, seed=0)
    for part, share in zip(freeze.PARTS, SHARES, strict=True):
        assert sum(q.split == part for q in parted) / len(made) == pytest.approx(share, abs=0.06)
    of_test = Counter(q.kind for q in parted if q.split == "test")
    for kind, n in Counter(q.kind for q in made).items():
        assert abs(of_test[kind] - 0.4 * n) <= max(2, 0.2 * n), kind


def test_a_share_of_nothing_gets_no_question() -> None:
    parted = freeze.split([question(str(n), f"d{n}") for n in range(20)], (0, 0.5, 0.5), seed=0)
    assert Counter(q.split for q in parted) == {"validation": 10, "test": 10}


def base(folder: Path) -> Path:
    rows = [QuestionEntry(question(f"q{n}", f"d{n}")) for n in range(10)]
    questions.write(folder / questions.FILE, rows)
    return folder


def test_a_frozen_set_refuses_every_change_and_names_it(tmp_path: Path) -> None:
    frozen = freeze.freeze(base(tmp_path), SHARES, seed=0)
    assert freeze.read(tmp_path) == frozen
    path = tmp_path / questions.FILE
    good = path.read_text("utf-8")
    rows = [json.loads(line) for line in good.splitlines()]
    for changed, words in [
        ([rows[0] | {"answers": ["no"]}, *rows[1:]], "q0: has another text, answer or evidence"),
        ([rows[0] | {"split": "elsewhere"}, *rows[1:]], "q0: is in part 'elsewhere'"),
        (rows[1:], "q0: is gone"),
        ([*rows, {"id": "new", "text": "New?", "answers": ["1"]}], "new: is new"),
    ]:
        path.write_text("".join(json.dumps(row) + "\n" for row in changed), "utf-8")
        with pytest.raises(UsageError, match=words):
            freeze.read(tmp_path)
        with pytest.raises(UsageError, match="freeze --again"):
            freeze.freeze(tmp_path, SHARES, seed=0)
    path.write_text("\n".join(reversed(good.splitlines())) + "\n", "utf-8")
    assert freeze.read(tmp_path).hash == frozen.hash  # the order of the lines is nothing


def test_freezing_again_takes_the_change_over(tmp_path: Path) -> None:
    frozen = freeze.freeze(base(tmp_path), SHARES, seed=0)
    path = tmp_path / questions.FILE
    questions.write(path, [*questions.entries(path), QuestionEntry(question("new", "d0"))])
    again = freeze.freeze(tmp_path, SHARES, seed=5, again=True)
    assert again.hash != frozen.hash
    assert again.questions[:10] == frozen.questions
    assert again.questions[10].split == frozen.questions[0].split


def test_a_question_of_train_that_is_mended_with_a_document_of_test_is_in_no_part(tmp_path: Path) -> None:
    frozen = freeze.freeze(base(tmp_path), SHARES, seed=0)
    train, test = frozen.part("train")[0], frozen.part("test")[0]
    path = tmp_path / questions.FILE
    rows = questions.entries(path)

    def mended(evidence: tuple[Evidence, ...]) -> freeze.Frozen:
        changed = [replace(e, question=replace(e.question, evidence=evidence)) if e.question.id == train.id else e
                   for e in questions.entries(path)]  # fmt: skip
        questions.write(path, changed)
        return freeze.freeze(tmp_path, SHARES, seed=0, again=True)

    again = mended(test.evidence)
    assert apart(again.questions) and test in again.questions
    assert [q.id for q in again.part("")] == [train.id] and again.was == {train.id: "train"}
    assert freeze.read(tmp_path) == again
    assert freeze.freeze(tmp_path, SHARES, seed=0, again=True) == again  # it does not slip into test the next time
    back = mended(train.evidence)
    assert back == frozen and questions.entries(path) == rows


def test_without_questions_there_is_nothing_to_freeze(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="questions load"):
        freeze.freeze(tmp_path, SHARES, seed=0)
    with pytest.raises(UsageError, match="questions freeze"):
        freeze.read(tmp_path)
    (tmp_path / freeze.LOCK).write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="no lock file"):
        freeze.read(tmp_path)
