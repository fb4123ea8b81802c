"""Whole journeys through the command line, with the real models of a fresh installation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FARES = """# Fares of the Lantern Line

## Dogs

A dog travels for 4.50 crowns on every crossing of the Lantern Line.

## Bicycles

A bicycle travels for 3 crowns. Cargo bicycles need a booking.
"""
RULES = """# House rules

Smoking is forbidden on every deck. The purser of the Lantern Line is Odile Marchetti.
"""


def wellread(*arguments: str, base: Path, code: int | None = 0, text: str | None = None) -> str:
    """Standard output of one command that must end with ``code``, where one is given."""
    done = run(*arguments, base=base, text=text)
    assert code is None or done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def wellread_error(*arguments: str, base: Path) -> str:
    """What one command that was called wrongly says of it."""
    done = run(*arguments, base=base)
    assert done.returncode == 2 and done.stdout == "", f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr


def run(*arguments: str, base: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """One command, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "wellread", "--base", str(base), *arguments],
        input=text, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )  # fmt: skip


def ask(question: str, *, base: Path, code: int = 0, style: str = "quote") -> dict[str, Any]:
    answer = json.loads(wellread("--json", "--set", f"answer.style={style}", "ask", question, base=base, code=code))
    assert isinstance(answer, dict)
    return answer


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "fares.md").write_text(FARES, "utf-8")
    (folder / "rules.md").write_text(RULES, "utf-8")
    return folder


@pytest.fixture
def base(tmp_path: Path, documents: Path) -> Path:
    folder = tmp_path / "base"
    subprocess.run([sys.executable, "-m", "wellread", "init", str(folder)], check=True, capture_output=True)
    wellread("add", str(documents), base=folder)
    return folder


def test_add_ask_edit_sync_ask_gives_the_new_answer_and_delete_leaves_nothing(base: Path, documents: Path) -> None:
    question = "What does a dog cost on the Lantern Line?"
    first = ask(question, base=base)
    assert "4.50" in first["text"] and first["citations"][0]["document"].endswith("fares.md")

    (documents / "fares.md").write_text(FARES.replace("4.50 crowns", "6.25 crowns"), "utf-8")
    wellread("sync", base=base)
    second = ask(question, base=base)
    assert "6.25" in second["text"] and "4.50" not in json.dumps(second)
    citation = second["citations"][0]
    assert citation["version"] == 2
    start, end = citation["span"]
    assert (documents / "fares.md").read_text("utf-8")[start:end] == citation["quote"]

    (documents / "fares.md").unlink()
    wellread("sync", base=base)
    third = ask(question, base=base, code=4)
    assert third["refused"]
    everything = wellread("--json", "search", "dog crowns crossing 6.25", base=base) + json.dumps(third)
    assert "6.25" not in everything and "fares.md" not in everything
    data = b"".join(p.read_bytes() for p in (base / ".wellread").rglob("*") if p.is_file())
    assert b"6.25 crowns" not in data and b"4.50 crowns" not in data


def test_what_the_documents_do_not_say_is_refused_with_the_nearest_passages(base: Path) -> None:
    answer = ask("Who designed the engine of the submarine Neptune?", base=base, code=4)
    assert answer["refused"] and answer["citations"] == [] and len(answer["nearest"]) >= 1


def test_only_those_who_may_read_a_document_get_answers_from_it(base: Path, tmp_path: Path) -> None:
    secret = tmp_path / "pay.md"
    secret.write_text("# Pay\n\nThe master of the Lantern earns 5,100 crowns a month.\n", "utf-8")
    wellread("add", str(secret), "--label", "hr", base=base)
    question = "How much does the master of the Lantern earn?"
    assert "5,100" not in json.dumps(ask(question, base=base, code=4))
    told = json.loads(wellread("--group", "hr", "--json", "--set", "answer.style=quote", "ask", question, base=base))
    assert "5,100" in told["text"]


def test_a_broken_file_is_listed_with_its_reason_and_the_others_go_on(base: Path, documents: Path) -> None:
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 this is no document")
    (documents / "extra.txt").write_text("The winter store holds forty blankets.", "utf-8")
    wellread("sync", base=base, code=3)
    assert "broken.pdf" in wellread("status", "--failed", base=base)
    assert "forty" in ask("How many blankets does the winter store hold?", base=base)["text"]


def test_standard_input_is_a_document_too(base: Path) -> None:
    wellread("add", "-", "--name", "note.txt", base=base, text="The spare key hangs behind the clock.")
    assert "clock" in ask("Where does the spare key hang?", base=base)["text"]


def test_a_backup_is_restored_with_the_same_answers(base: Path, tmp_path: Path) -> None:
    wellread("backup", str(tmp_path / "copy.tar"), base=base)
    wellread("restore", str(tmp_path / "copy.tar"), str(tmp_path / "restored"), base=base)
    question = "Who is the purser of the Lantern Line?"
    assert ask(question, base=tmp_path / "restored")["text"] == ask(question, base=base)["text"]
    assert "Odile Marchetti" in ask(question, base=base)["text"]


@pytest.mark.model
def test_the_chat_model_writes_only_what_is_borne_out(base: Path) -> None:
    answer = ask("What does a dog cost on the Lantern Line?", base=base, style="auto")
    assert "4.50" in answer["text"]
    assert all(v["supported"] for v in answer["verdicts"] if v["citation"] is not None)
    assert answer["usage"]["completion_tokens"] > 0 and answer["left_machine"] == []


def test_the_demo_gives_four_cited_answers_that_are_right_by_the_questions_file(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    wanted = {}
    for line in (root / "samples" / "harbour" / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        wanted[row["text"]] = row.get("all_of") or row["answers"]
    base = tmp_path / "demo"
    subprocess.run([sys.executable, "-m", "wellread", "init", str(base)], check=True, capture_output=True)
    wellread("add", str(root / "samples" / "harbour" / "documents"), base=base)
    questions = re.findall(r'^    "(.+)",$', (root / "samples" / "demo.py").read_text("utf-8"), re.MULTILINE)
    assert len(questions) == 4
    for question in questions:
        answer = ask(question, base=base)
        assert all(part in answer["text"] for part in wanted[question]), answer["text"]
        assert answer["citations"]


def test_what_is_superseded_is_left_out_unless_the_question_names_its_year(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    old = "---\nvalid_from: 2020-01-01\nvalid_until: 2020-12-31\n---\n# Fares\n\nA bicycle costs 2 crowns in 2020.\n"
    (folder / "old.md").write_text(old, "utf-8")
    (folder / "new.md").write_text("---\nvalid_from: 2021-01-01\n---\n# Fares\n\nA bicycle costs 3 crowns.\n", "utf-8")
    base = tmp_path / "base"
    subprocess.run([sys.executable, "-m", "wellread", "init", str(base)], check=True, capture_output=True)
    wellread("add", str(folder), base=base)
    now = json.loads(wellread("--json", "search", "what does a bicycle cost", base=base))
    assert "3 crowns" in json.dumps(now) and "2 crowns" not in json.dumps(now)
    assert "2 crowns" in wellread("--json", "search", "what did a bicycle cost in 2020", base=base)


def test_a_reranker_of_the_settings_orders_the_hits(base: Path) -> None:
    asked = ("--json", "search", "who sells tickets and keeps the till on board?")
    plain = json.loads(wellread("--set", "rerank.model=", *asked, base=base))
    alone = ("--set", "rerank.model=onnx:minilm", "--set", "rerank.reads=passages", "--set", "rerank.weight=1")
    reranked = json.loads(wellread(*alone, *asked, base=base))
    scores = [hit["scores"]["rerank"] for hit in reranked["hits"]]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1
    assert {h["chunk"]["id"] for h in plain["hits"]} == {h["chunk"]["id"] for h in reranked["hits"]}
    assert all("rerank" not in hit["scores"] for hit in plain["hits"])


def test_what_somebody_corrects_becomes_an_example_to_learn_from(tmp_path: Path) -> None:
    base, file = tmp_path / "base", tmp_path / "fares.md"
    file.write_text(FARES, "utf-8")
    wellread("init", base=base)
    wellread("add", str(file), "--label", "crew", base=base)
    crew, question = ("--group", "crew"), "What does a dog cost on the Lantern Line?"
    quoted = (*crew, "--set", "answer.style=quote")
    trace = json.loads(wellread(*quoted, "ask", question, "--json", base=base))["trace_id"]
    right = "A dog travels for 4.50 crowns on every crossing."
    unknown = wellread_error("rate", "0000", "up", base=base)
    assert wellread_error("rate", trace, "up", base=base).replace(trace, "0000") == unknown  # somebody else's
    assert "say up or down" in wellread_error(*crew, "rate", trace, base=base)
    rated = json.loads(
        wellread(*crew, "--user", "ann", "rate", trace, "down", "--correction", right, "--json", base=base)
    )
    assert rated == {"trace_id": trace, "rating": -1, "comment": "", "correction": right}
    made = json.loads(wellread(*crew, "tune", "prepare", "--from-log", "--json", base=base, code=None))
    assert made["made"] == {"correction": 1}
    assert any(right in example and question in example for example in made["examples"])
    assert "nothing" in wellread("tune", "prepare", "--from-log", base=base, code=2)


def test_the_questions_of_a_chat_stand_in_the_log_as_one_conversation(tmp_path: Path) -> None:
    base, file = tmp_path / "base", tmp_path / "fares.md"
    file.write_text(FARES, "utf-8")
    wellread("init", base=base)
    wellread("add", str(file), base=base)
    quoted = ("--set", "answer.style=quote")
    wellread(*quoted, "ask", "What does a bicycle cost?", base=base)
    said = "What does a dog cost?\nAnd a bicycle?\n/new\nWhat needs a booking?\n"
    wellread(*quoted, "chat", "--json", base=base, text=said)
    rows = json.loads(wellread("log", "--json", base=base))["questions"]
    names = [row["conversation"] for row in reversed(rows)]
    assert names[0] is None and names[1] == names[2] != names[3] and names[3]
    one = json.loads(wellread("log", "--conversation", names[1], "--json", base=base))["questions"]
    assert [row["question"] for row in one] == ["What does a dog cost?", "And a bicycle?"]
