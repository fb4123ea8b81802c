"""Files of questions: what is read, what is a fault, and that a file is written whole."""

import csv
import json
import operator
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import UsageError
from wellread.questions import file as questions
from wellread.questions.file import QuestionEntry
from wellread.types import Evidence, Question

HARBOUR = Path(__file__).resolve().parents[2] / "samples" / "harbour" / "questions.jsonl"


def file(folder: Path, *rows: object, name: str = "q.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def test_the_questions_of_the_sample_load_as_they_are() -> None:
    found = questions.read(HARBOUR)
    assert len(found) == 216
    assert Counter(q.kind for q in found)["unanswerable"] == sum(not q.answerable for q in found) == 34
    first = found[0]
    assert (first.id, first.answers, first.groups) == ("h001", ("9 May 1921",), frozenset({"staff"}))
    assert first.evidence[0].document == "handbook/welcome.md"


def test_keys_that_nobody_knows_survive_being_written(tmp_path: Path) -> None:
    rows = questions.entries(HARBOUR)
    questions.write(tmp_path / "again.jsonl", rows)
    assert questions.entries(tmp_path / "again.jsonl") == rows
    assert {"who_needed"} == {key for row in rows for key in row.extra}


def test_a_csv_with_columns_of_another_tool_is_read(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerow(["question", "ground_truth", "document", "quote", "type"])
        writer.writerow(["What does a dog pay?", "4.50 | 4,50", "fares.md", "A dog pays 4.50; no more.", "fact"])
        writer.writerow(["Who owns the moon?", "", "", "", "unanswerable"])
    dog, moon = questions.read(path)
    assert dog.answers == ("4.50", "4,50")
    assert dog.evidence == (Evidence("fares.md", "A dog pays 4.50; no more."),)
    assert (moon.answerable, moon.answers, moon.kind) == (False, (), "unanswerable")


def test_every_fault_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        {"text": "One?", "answers": ["1"], "id": "a"},
        "not json",
        {"text": "Two?", "anwsers": ["2"]},
        {"text": "Three?"},
        {"text": "one", "answers": ["1"], "id": "b"},
        {"text": "Four?", "answers": ["4"], "id": "a"},
        {"text": "Five?", "answers": ["5"], "answerable": False},
        {"text": "Six?", "answers": ["6"], "variant_of": "nobody"},
        {"text": "Seven?", "evidence": [{"document": "x"}]},
        {"answers": ["8"]},
    )
    with pytest.raises(UsageError) as fault:
        questions.read(path)
    lines = str(fault.value).splitlines()
    for number, words in [
        (2, "not JSON"),
        (3, "did you mean 'answers'"),
        (4, "neither answers nor evidence"),
        (5, "the same question as in line 1"),
        (6, "id 'a': is used in line 1"),
        (7, "not answerable and has answers"),
        (8, "variant_of 'nobody'"),
        (9, "'document' and a 'quote'"),
        (10, "has no question"),
    ]:
        assert any(f"q.jsonl: line {number}: " in line and words in line for line in lines), (number, words, lines)


def test_a_file_that_is_no_text_or_not_there_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_bytes(b"\xff\xfe\x00")
    for name in ("q.jsonl", "nowhere.jsonl"):
        with pytest.raises(UsageError, match=name):
            questions.read(tmp_path / name)


def test_a_question_of_the_set_is_not_overwritten_unasked() -> None:
    old = QuestionEntry(Question("a", "One?", ("1",)))
    new = QuestionEntry(Question("a", "One?", ("2",)))
    with pytest.raises(UsageError, match="a: is in the set"):
        questions.merged([old], [new])
    rows, added, changed, same = questions.merged(
        [old], [new, QuestionEntry(Question("b", "Two?", ("2",)))], replace=True
    )
    assert (rows[0], added, changed, same) == (new, 1, 1, 0)
    assert questions.merged([old], [QuestionEntry(Question("c", "one", ("1",)))])[1:] == (0, 0, 1)


def asks(id: str, text: str, variant_of: str | None = None, split: str = "") -> QuestionEntry:
    return QuestionEntry(Question(id, text, ("1",), variant_of=variant_of, split=split))


def test_other_wordings_of_a_question_that_the_set_has_become_wordings_of_that_one() -> None:
    old = [asks("a", "How much is it?"), asks("a2", "What is the price?", "a")]
    new = [asks("c", "What do I pay?", "b"), asks("b", "how much is it"), asks("d", "How dear?", "e")]
    new.append(asks("e", "What is the price?"))
    rows, *counts = questions.merged(old, new)
    assert [(row.question.id, row.question.variant_of) for row in rows[2:]] == [("c", "a"), ("d", "a")]
    assert counts == [2, 0, 2]
    assert questions.merged(rows, new) == (rows, 0, 0, 4)  # loaded once more


def test_a_replaced_question_may_not_take_the_words_of_another() -> None:
    old = [asks("a", "One?", split="test"), asks("b", "Two?", split="train")]
    with pytest.raises(UsageError, match="b: is the same question as in a; remove one"):
        questions.merged(old, [asks("b", "one")], replace=True)
    rows, *counts = questions.merged(old, [asks("b", "One?"), asks("a", "Two?")], replace=True)  # they change places
    assert [(row.question.id, row.question.text, row.question.split) for row in rows] == [
        ("a", "Two?", "test"),
        ("b", "One?", "train"),
    ]
    assert counts == [0, 2, 0]
    rows, *counts = questions.merged(old, [asks("a", "Three?"), asks("c", "One?")], replace=True)
    assert [row.question.text for row in rows] == ["Three?", "Two?", "One?"]


def test_a_wording_that_was_edited_into_another_of_its_group_is_asked_once() -> None:
    rows, *counts = questions.merged([], [asks("a", "Two?"), asks("a2", "Two?", "a"), asks("a3", "Three?", "a2")])
    assert [(row.question.id, row.question.variant_of) for row in rows] == [("a", None), ("a3", "a")]
    assert counts == [2, 0, 1]


IDS = ("a", "b", "c", "d")


@st.composite
def question_sets(draw: st.DrawFn, texts: tuple[str, ...]) -> list[QuestionEntry]:
    """Rows that stand in a file together."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=len(texts)))
    words = draw(st.permutations(texts))
    return [
        asks(id, words[n], draw(st.sampled_from([None, *(other for other in ids[:n])]))) for n, id in enumerate(ids)
    ]


@settings(max_examples=200, deadline=None)
@given(question_sets(("1?", "2?", "3?", "4?")), question_sets(("1?", "2?", "5?", "6?")), st.booleans())
def test_what_comes_together_is_a_set_that_can_be_read_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, old: list[QuestionEntry], new: list[QuestionEntry], replace: bool
) -> None:
    path = tmp_path_factory.mktemp("q") / questions.FILE
    try:
        rows, added, changed, same = questions.merged(old, new, replace=replace)
    except UsageError:
        return
    questions.write(path, rows)
    assert list(questions.entries(path)) == rows
    assert len(rows) == len(old) + added and added + changed + same == len(new)
    assert {e.question.text for e in new} <= {e.question.text for e in rows}


@pytest.mark.parametrize("mark", ["\u0085", "\u2028", "\u2029"])
def test_a_question_pasted_with_a_line_separator_can_be_read_again(tmp_path: Path, mark: str) -> None:
    row = {"id": "a", "text": f"What does{mark}a dog pay?", "answers": [f"4.50{mark}crowns"]}
    loaded = questions.entries(file(tmp_path, row))  # JSON of another tool writes the mark escaped
    questions.write(tmp_path / questions.FILE, loaded)
    assert questions.entries(tmp_path / questions.FILE) == loaded
    assert loaded[0].question.text == row["text"]


SEPARATORS = "\u0085\u2028\u2029"  # ends of lines to Python, letters of a text to JSON
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters=SEPARATORS),
    min_size=1,
    max_size=20,
)
WORDS = TEXT.map(lambda text: f"w {text} w")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Question,
            id=st.uuids().map(str),
            text=st.uuids().map(lambda u: f"What is {u}?"),
            answers=st.lists(WORDS.map(lambda t: t.replace("|", "/")), min_size=1, max_size=3).map(tuple),
            evidence=st.lists(st.builds(Evidence, WORDS, WORDS), max_size=2).map(tuple),
            kind=st.sampled_from(["fact", "table"]),
            groups=st.frozensets(st.sampled_from(["hr", "staff"])),
            split=st.sampled_from(["", "test"]),
            all_of=st.sampled_from([(), ("75",), ("75", "Line 4")]),
            wrong=st.sampled_from([(), ("free of charge",)]),
        ),
        max_size=5,
    ),
    st.sampled_from([".jsonl", ".csv"]),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, made: list[Question], end: str
) -> None:
    path = tmp_path_factory.mktemp("q") / f"set{end}"
    rows = [QuestionEntry(q) for q in made]
    if end == ".csv":
        questions.put(path, questions.as_csv(rows))
    else:
        questions.write(path, rows)
    read = questions.read(path)
    assert [q.answers for q in read] == [tuple(" ".join(a.split(" ")).strip() for a in q.answers) for q in made]
    same = operator.attrgetter("id", "text", "evidence", "kind", "groups", "split", "all_of", "wrong")
    assert [same(q) for q in read] == [same(q) for q in made]
