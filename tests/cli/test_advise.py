"""``wellread advise`` as a person types it: a prior before anything was measured, the comparison afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluate.simulated import Lab, compare, questions
from typer.testing import Result

from wellread.advise.report import outputs
from wellread.advise.task import size
from wellread.questions import file as files
from wellread.questions import freeze

Wellread = Callable[..., Result]


@pytest.fixture
def base(wellread: Wellread, tmp_path: Path) -> Path:
    """A base of one document."""
    (tmp_path / "fares.md").write_text("# Fares\n\nA dog travels for 4.50 crowns.\n", "utf-8")
    assert wellread("init", "base").exit_code == 0
    assert wellread("--base", "base", "add", "fares.md").exit_code == 0
    return tmp_path / "base"


def keep(base: Path) -> None:
    """A simulated comparison where ``wellread compare`` would leave its own."""
    lab = Lab({"closed-book": 0.05, "retrieval": 0.8})
    asked = questions(lab)
    made = replace(compare(lab), questions_hash=freeze.content_hash(asked))
    outputs.write(base / "comparison", made, asked)
    files.keep_asked(base / "comparison", asked)


def test_before_any_run_the_advice_says_that_it_is_a_prior(wellread: Wellread, base: Path) -> None:
    done = wellread("--base", str(base), "advise")
    assert done.exit_code == 0
    assert "This is a prior" in done.output and "nothing was measured" in done.output
    assert "next: wellread questions draft" in done.output


def test_the_task_changes_the_prior_as_the_rules_say(wellread: Wellread, base: Path) -> None:
    def verdict(*words: str) -> tuple[str, str]:
        given = json.loads(wellread("--base", str(base), "--json", "advise", *words).stdout)["advice"]
        return given["verdict"], given["rule"]

    assert verdict() == ("long-context", "documents-fit")
    assert verdict("--sources") == ("retrieve", "rights-or-sources")
    assert verdict("--task", "style", "--examples", "400") == ("tune", "manner-from-examples")
    assert verdict("--task", "style", "--examples", "400", "--memory", "10") == ("few-shot", "few-examples")
    assert verdict("--task", "format", "--preferences", "300") == ("tune", "taste-from-preferences")


def test_after_a_run_the_advice_follows_the_comparison(wellread: Wellread, base: Path) -> None:
    keep(base)
    given = json.loads(wellread("--base", str(base), "--json", "advise").stdout)
    assert (given["advice"]["verdict"], given["advice"]["way"], given["advice"]["prior"]) == (
        "retrieve",
        "retrieval",
        False,
    )
    assert given["measured_at"].startswith("2026-11-21")
    still = json.loads(wellread("--base", str(base), "--json", "advise", "--prior").stdout)
    assert still["advice"]["prior"]
    strict = wellread("--base", str(base), "advise", "--good-enough", "95")
    assert strict.stdout.startswith("No way is good enough yet")


def test_documents_that_changed_since_the_run_are_told(wellread: Wellread, base: Path) -> None:
    keep(base)
    assert "documents have changed since the comparison of 2026-11-21" in wellread("--base", str(base), "advise").output


def test_the_report_can_be_written_anew_with_what_was_said(wellread: Wellread, base: Path) -> None:
    assert wellread("--base", str(base), "advise", "--report").exit_code == 2
    keep(base)
    done = wellread("--base", str(base), "advise", "--report", "--price-in", "2", "--price-out", "8")
    assert done.exit_code == 0 and "comparison/report.html" in done.output
    assert "USD" in (base / "comparison" / "report.html").read_text("utf-8")


def test_a_report_is_not_written_anew_over_questions_that_were_not_asked(wellread: Wellread, base: Path) -> None:
    keep(base)
    folder, report = base / "comparison", base / "comparison" / outputs.REPORT_NAME
    report.write_text("<p>as it was compared</p>", "utf-8")
    asked = files.entries(folder / files.ASKED)
    (folder / files.ASKED).unlink()
    edited = [replace(entry, question=replace(entry.question, text=f"{entry.question.text} Now?")) for entry in asked]
    for known in ([], asked[:-1], edited):
        files.write(base / files.FILE, known)
        done = wellread("--base", str(base), "advise", "--report")
        assert done.exit_code == 2
        assert "--report: " in done.stderr and "has no asked.jsonl with what was asked" in done.stderr
        told = wellread("--base", str(base), "advise")
        assert told.exit_code == 0 and "nothing is said by kind of question" in told.stdout
    assert report.read_text("utf-8") == "<p>as it was compared</p>"
    files.write(base / files.FILE, asked)  # a comparison of before this file was kept, and a set as it was then
    assert wellread("--base", str(base), "advise", "--report").exit_code == 0
    assert "fact question" in report.read_text("utf-8")


def test_a_folder_without_a_comparison_says_how_to_make_one(wellread: Wellread, base: Path) -> None:
    done = wellread("--base", str(base), "advise", "--run", "nowhere")
    assert done.exit_code == 2 and "make one: wellread compare" in done.output


def test_the_size_of_a_model_is_read_from_its_name() -> None:
    assert size("llama:smollm2-135m") == 135e6
    assert size("openai:Qwen2.5-1.5B-Instruct") == 1.5e9
    assert size("openai:gpt-large") is None
