"""``wellread questions`` as it is typed: from documents to a frozen set."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

FARES = (
    "# Fares of the Lantern Line\n\n## Dogs\n\nA dog travels for 4.50 crowns. The gate closes at 21:00 on every quay.\n"
)
RULES = "# House rules\n\nThe purser is Odile Marchetti. Boots are replaced every 18 months. The hold has 12 lamps.\n"
ROWS = [
    {"id": "a", "text": "When does the gate close?", "answers": ["21:00"],
     "evidence": [{"document": "fares.md", "quote": "The gate closes at 21:00"}]},
    {"id": "b", "text": "Who is the purser?", "answers": ["Odile Marchetti"],
     "evidence": [{"document": "rules.md", "quote": "The purser is Odile Marchetti."}]},
    {"id": "c", "text": "What does a cat pay?", "answerable": False},
]  # fmt: skip

On = Callable[..., Result]


@pytest.fixture
def on(wellread, tmp_path: Path) -> On:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "fares.md").write_text(FARES, "utf-8")
    (folder / "rules.md").write_text(RULES, "utf-8")
    (tmp_path / "mine.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS), "utf-8")
    wellread("init", "base")
    assert wellread("--base", "base", "add", "documents").exit_code == 0
    return lambda *words, **given: wellread("--base", "base", "questions", *words, **given)


def rows(name: str = "questions.jsonl") -> list[dict]:
    return [json.loads(line) for line in (Path("base") / name).read_text("utf-8").splitlines()]


def test_questions_are_loaded_checked_and_frozen(on: On) -> None:
    done = on("load", "mine.jsonl")
    assert done.stdout.startswith("3 questions added, 0 changed, 0 there already: 2 fact, 1 unanswerable")
    assert on("load", "mine.jsonl").stdout.startswith("0 questions added, 0 changed, 3 there")
    assert on("check").stdout == "3 questions with 2 pieces of evidence: nothing is stale\n"
    frozen = json.loads(on("freeze", "--train", "0", "--validation", "0.34", "--json").stdout)
    assert sum(sum(part.values()) for part in frozen["parts"].values()) == 3
    assert {row["split"] for row in rows()} == {"validation", "test"}
    assert json.loads(on("freeze", "--json").stdout)["hash"] == frozen["hash"]


def test_a_changed_document_makes_evidence_stale_with_code_3(on: On, wellread) -> None:
    on("load", "mine.jsonl")
    Path("documents/fares.md").write_text(FARES.replace("21:00", "22:00"), "utf-8")
    wellread("--base", "base", "sync")
    done = on("check")
    assert done.exit_code == 3
    assert done.stdout.startswith(
        "a  changed  fares.md\n    “The gate closes at 21:00”\n    nearest, in documents/fares.md"
    )
    assert "22:00" in done.stdout
    assert [s["state"] for s in json.loads(on("check", "--json").stdout)["stale"]] == ["changed"]


def test_a_frozen_set_that_was_edited_is_a_usage_error(on: On) -> None:
    on("load", "mine.jsonl")
    on("freeze")
    path = Path("base/questions.jsonl")
    path.write_text(path.read_text("utf-8").replace("21:00", "22:00"), "utf-8")
    done = on("freeze")
    assert done.exit_code == 2
    assert "error: questions.jsonl: a: has another text, answer or evidence\n" in done.stderr
    assert on("freeze", "--again").exit_code == 0


def test_a_question_that_is_mended_across_the_parts_is_named_and_left_out(on: On) -> None:
    on("load", "mine.jsonl")
    on("freeze", "--train", "0.5", "--validation", "0")
    part = {row["id"]: row["split"] for row in rows()}
    assert part["a"] != part["b"]
    path = Path("base/questions.jsonl")
    path.write_text(path.read_text("utf-8").replace("fares.md", "rules.md"), "utf-8")
    done = on("freeze", "--again")
    assert f"left out, in {part['a']} before: a; changed, and shared with another part now" in done.stdout
    assert "these join documents" not in done.stdout
    assert json.loads(on("freeze", "--json").stdout)["left_out"] == {"a": part["a"]}


def test_drafts_are_reviewed_over_a_pipe(on: On) -> None:
    done = on("draft", "--n", "20", "--kind", "fact", "--phrasings", "0")
    assert done.stdout.startswith("4 new drafts and 0 further phrasings from 2 documents: 4 fact")
    done = on("review", text="a\nr\ne\nHow many lamps are in the hold?\ntwelve | 12\nx\ns\nq\n")
    assert done.exit_code == 0
    assert done.stdout.startswith("2 accepted, 1 rejected, 1 left\n")
    assert "«" in done.stderr  # the quotation in its document
    assert "x: write one letter" in done.stderr
    assert len(rows()) == 2
    assert rows()[1]["text"] == "How many lamps are in the hold?"
    assert rows()[1]["answers"] == ["twelve", "12"]
    assert on("review", text="").stdout.startswith("0 accepted, 0 rejected, 1 left\n")  # input that ends is a pause
    assert on("review", "--accept-all").stdout.startswith("1 accepted, 0 rejected, 0 left\n")
    assert on("draft", "--n", "20", "--kind", "fact", "--phrasings", "0").stdout.startswith("0 new drafts")


def test_a_question_that_the_set_has_does_not_part_its_wordings_from_it(on: On) -> None:
    on("load", "mine.jsonl")
    more = [
        ROWS[0] | {"id": "gate", "text": "when does the gate close"},
        ROWS[0] | {"id": "gate-2", "text": "Until when is the gate open?", "variant_of": "gate"},
    ]
    Path("more.jsonl").write_text("\n".join(json.dumps(row) for row in more), "utf-8")
    assert on("load", "more.jsonl").stdout.startswith("1 question added, 0 changed, 1 there already")
    assert (rows()[3]["id"], rows()[3]["variant_of"]) == ("gate-2", "a")
    assert on("load", "more.jsonl").stdout.startswith("0 questions added, 0 changed, 2 there already")
    Path("other.jsonl").write_text(json.dumps(ROWS[1] | {"text": ROWS[0]["text"]}), "utf-8")
    done = on("load", "other.jsonl", "--replace")
    assert done.exit_code == 2
    assert "error: b: is the same question as in a" in done.stderr
    assert on("check").stdout.startswith("4 questions")


def test_a_draft_that_is_edited_into_a_question_of_the_set_leaves_its_wordings(on: On) -> None:
    on("load", "mine.jsonl")
    drafted = on("draft", "--n", "1", "--kind", "fact", "--phrasings", "1")
    assert drafted.stdout.startswith("1 new draft and 1 further phrasing")
    [_, wording] = rows("questions-draft.jsonl")
    assert on("review", text="e\nWho is the purser?\n\n").exit_code == 0
    assert [(row["id"], row.get("variant_of")) for row in rows()[3:]] == [(wording["id"], "b")]
    assert on("list").exit_code == 0


def test_the_set_is_listed_and_exported(on: On) -> None:
    on("load", "mine.jsonl")
    on("freeze")
    assert "Who is the purser?" in on("list", "--kind", "fact").stdout
    assert len(json.loads(on("list", "--kind", "unanswerable", "--json").stdout)["questions"]) == 1
    assert on("export", "out.csv").exit_code == 0
    assert on("export", "out.csv").exit_code == 2
    assert on("export", "out.txt").exit_code == 2
    assert on("load", "out.csv").stdout.startswith("0 questions added, 0 changed, 3 there")
    lines = [json.loads(line) for line in on("export", "-").stdout.splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "c"]


def test_what_is_missing_is_said_with_what_to_do(on: On) -> None:
    for words in (["check"], ["freeze"], ["export", "-"]):
        done = on(*words)
        assert done.exit_code == 2
        assert "wellread questions load FILE" in done.stderr
    assert on("draft", "--kind", "riddle").exit_code == 2
    assert on("load", "nowhere.csv").exit_code == 2
    assert on("review").stdout.startswith("0 accepted")
