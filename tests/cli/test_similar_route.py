"""``wellread similar``, ``wellread route`` and what ``search --explain`` tells, on a small base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RULES = "You must wear a vest. You must not smoke. Dogs shall stay on a lead. You must report every fault at once. "


@pytest.fixture
def base(wellread, tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "rules.md").write_text(f"# Rules\n\n{RULES * 3}", "utf-8")
    (folder / "safety.md").write_text(f"# Safety\n\n{RULES.replace('Dogs', 'Cats') * 3}", "utf-8")
    (folder / "blog.md").write_text("# Blog\n\nWe loved it! Isn't it nice? The lunch cost nine euros.\n", "utf-8")
    (folder / "mob.md").write_text("# Drills\n\nThe man over board (MOB) drill is monthly.\n", "utf-8")
    assert wellread("init", "base").exit_code == 0
    assert wellread("add", str(folder), "--base", "base").exit_code == 0
    return tmp_path / "base"


def test_similar_shows_the_nearest_first_and_names_the_measures_of_tone(wellread, base: Path) -> None:
    done = wellread("similar", "rules.md", "--base", str(base), "--explain", "--k", "2")
    assert done.exit_code == 0
    first, second = (line for line in done.stdout.splitlines() if line.startswith("["))
    assert first.startswith("[1] Safety") and second.startswith("[2]")
    assert "topic" in done.stdout and "words in a sentence" in done.stdout
    found = json.loads(wellread("similar", "rules.md", "--base", str(base), "--json").stdout)
    assert found["alike"][0]["document"]["title"] == "Safety"
    assert 0 < found["alike"][0]["tone"] <= 1


def test_similar_says_what_is_wrong_with_the_call(wellread, base: Path) -> None:
    unknown = wellread("similar", "nothing.md", "--base", str(base))
    assert unknown.exit_code == 2 and "no such document in the base, and no such file" in unknown.stderr
    by = wellread("similar", "rules.md", "--by", "colour", "--base", str(base))
    assert by.exit_code == 2 and "both, topic or tone" in by.stderr


def test_a_route_is_shown_trained_and_then_used(wellread, base: Path, tmp_path: Path) -> None:
    shown = wellread("route", "show", "thanks a lot", "--base", str(base))
    assert shown.stdout.startswith("chitchat, by rules") and "nothing is searched for" in shown.stdout
    rows = [
        {"id": f"f{n}", "question": f"which vest number {n} is worn", "answers": ["x"], "kind": "fact"}
        for n in range(6)
    ]
    rows += [
        {"id": f"s{n}", "question": f"broad picture of rules {n}", "answers": ["x"], "kind": "summary"}
        for n in range(6)
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    trained = json.loads(wellread("route", "train", str(questions), "--base", str(base), "--json").stdout)
    assert trained["questions"] == 12 and trained["right"] > trained["rules_right"]
    told = wellread(
        "route", "show", "broad picture of rules", "--base", str(base), "--set", "route.mode=trained", "--json"
    )
    assert json.loads(told.stdout)["kind"] == "summary" and json.loads(told.stdout)["by"] == "trained"
    searched = wellread(
        "search", "broad picture of rules", "--base", str(base), "--set", "route.mode=trained", "--json"
    )
    first = json.loads(searched.stdout)["stages"][0]
    assert (first["name"], first["detail"]["kind"], first["detail"]["by"]) == ("route", "summary", "trained")


def test_explain_says_of_every_stage_what_it_did_and_how_many_model_calls_it_cost(wellread, base: Path) -> None:
    done = wellread(
        *("search", "How often is the MOB drill and what did lunhc cost in euros?", "--base", str(base), "--explain"),
        *("--set", "rewrite.sub_questions=model", "--set", "rewrite.glossary=true", "--set", "chat.model="),
    )
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    for said in (
        "lunhc → lunch",
        "MOB → man over board",
        "sub-questions by rules (no chat model)",
        "calls 0",
        "rerank",
        "join",
    ):
        assert said in text, said
