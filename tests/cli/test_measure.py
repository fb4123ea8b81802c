"""``eval`` and ``compare`` as they are typed: what they print, what they write, how they end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.evaluate.small_base import QUESTIONS, Reader, make, reading, reply
from tests.models.loopback import Canned
from typer.testing import Result

from wellread.evaluate import ways
from wellread.questions.file import QuestionEntry, write
from wellread.tune.ship.export import Exported
from wellread.tune.ship.registry import training

On = Callable[..., Result]
CHEAP = ("--ways", "closed-book,retrieval")


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def folder(tmp_path: Path, reader: Reader) -> Iterator[Path]:
    """A base with four questions; its chat model answers from its prompt alone."""
    with reading(reader) as server:
        make(tmp_path, server.url).close()
        write(tmp_path / "base" / "questions.jsonl", [QuestionEntry(question) for question in QUESTIONS])
        yield tmp_path / "base"


@pytest.fixture
def on(wellread, folder: Path) -> On:
    return lambda *words: wellread("--base", str(folder), *words)


def told(done: Result) -> dict:
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


# eval


def test_eval_prints_every_metric_with_its_interval_and_number(on: On) -> None:
    done = on("eval")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "retrieval: 4 questions, 4 asked"
    assert lines[1].split() == ["metric", "mean", "95", "%", "interval", "n"]
    assert lines[2].split() == ["right", "answers", "right", "75", "%", "30", "to", "95", "4"]
    assert any(line.split()[:2] == ["fact", "2"] for line in lines)
    assert "4 questions tell right only to ± 33 points" in done.stderr


def test_eval_asks_nothing_twice_and_says_so(on: On, reader: Reader) -> None:
    on("eval", "--way", "closed-book", "--limit", "2")
    done = on("eval", "--way", "closed-book")
    assert "closed-book: 4 questions, 2 asked, 2 known from before" in done.stdout
    assert len(reader.prompts) == 4
    assert "4 asked" in on("eval", "--way", "closed-book", "--again").stdout


def test_a_limit_that_is_broken_ends_with_code_1_and_says_by_how_much(on: On) -> None:
    assert on("eval", "--fail-under", "right=0.75", "--fail-over", "refused_wrongly=0").exit_code == 0
    done = on("eval", "--fail-under", "right=0.76", "--fail-under", "f1=1", "--fail-over", "answered_wrongly=0.5")
    assert done.exit_code == 1
    assert "error: retrieval: right = 0.750 is under 0.76 (n = 4)" in done.stderr
    assert "error: retrieval: f1 = " in done.stderr
    assert "error: retrieval: answered_wrongly = 1.000 is over 0.5 (n = 1)" in done.stderr
    as_json = on("eval", "--fail-under", "right=0.76", "--json")
    assert as_json.exit_code == 1 and told(as_json)["missed"] == ["retrieval: right = 0.750 is under 0.76 (n = 4)"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--fail-under", "right"), "--fail-under right: is written METRIC=VALUE"),
        (("--fail-under", "right=60"), "with a value from 0 to 1"),
        (("--fail-under", "rihgt=0.6"), "metric 'rihgt': is unknown; did you mean 'right'?"),
        (("--metric", "recall"), "metric 'recall': is unknown"),
        (("--way", "retreival"), "way 'retreival': no such way; did you mean 'retrieval'?"),
        (("--way", "tuned"), "way 'tuned': needs a tuned model"),
        (("--against", "9"), "run '9': there is no such run"),
        (("--questions", "none.jsonl"), "none.jsonl: cannot be read"),
        (("--split", "test"), "holds no question of part 'test'"),
    ],
)
def test_a_mistake_in_the_call_is_told_before_anything_is_asked(on: On, reader: Reader, words, fault: str) -> None:
    done = on("eval", *words)
    assert done.exit_code == 2
    assert fault in done.stderr and done.stderr.startswith("error: ")
    assert not reader.prompts


def test_a_metric_that_does_not_apply_is_no_gate(on: On) -> None:
    done = on("eval", "--way", "closed-book", "--fail-under", "recall@5=0.5")
    assert done.exit_code == 2 and "metric 'recall@5': does not apply" in done.stderr


def test_eval_against_an_earlier_run_shows_what_changed(on: On, folder: Path) -> None:
    on("eval")
    fares = folder.parent / "documents" / "fares.md"
    fares.write_text(fares.read_text("utf-8").replace("12", "15"), "utf-8")
    on("sync")
    done = on("eval", "--against", "last")
    assert "Since run 1 of " in done.stdout and "0 better, 1 other, 3 as before" in done.stdout
    assert "dog What does a dog cost?" in done.stdout and "retrieval: right → " in done.stdout
    assert "evidence of 1 question is not in the documents now (dog)" in done.stderr
    since = told(on("eval", "--against", "1", "--json"))["against"]
    assert since["shared"] == 4 and [change["question"] for change in since["changes"]] == ["dog"]


def test_what_was_asked_again_is_compared_with_what_was_answered_before(on: On, reader: Reader) -> None:
    broken = Canned({"error": {"message": "overloaded thing"}}, status=400)
    reader.fails = lambda question: broken if "dog" in question else None
    on("eval", "--way", "closed-book")
    reader.fails = lambda question: reply("It is 12 crowns.", streamed=False) if "dog" in question else None
    [change] = told(on("eval", "--way", "closed-book", "--retry-failed", "--against", "last", "--json"))["against"][
        "changes"
    ]
    assert (change["before"], change["now"]) == ("failed", "right")
    assert (change["text_before"], change["text_now"]) == ("", "It is 12 crowns.")
    reader.fails = lambda question: reply("It is 13 crowns.", streamed=False) if "dog" in question else None
    for run, words in (("last", ("--again",)), ("2", ())):
        [change] = told(on("eval", "--way", "closed-book", *words, "--against", run, "--json"))["against"]["changes"]
        assert (change["before"], change["now"]) == ("right", "wrong")
        assert (change["text_before"], change["text_now"]) == ("It is 12 crowns.", "It is 13 crowns.")


def test_eval_writes_its_files_and_lists_its_runs(on: On, tmp_path: Path) -> None:
    assert "nothing was measured yet" in on("eval", "list").stdout
    on("eval", "--out", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "asked.jsonl",
        "comparison.json",
        "outcomes.csv",
    ]
    listed = on("eval", "list").stdout.splitlines()
    assert listed[1].split()[0] == "1" and listed[1].endswith("right: retrieval 75 %")
    [run] = told(on("eval", "list", "--json"))["runs"]
    assert (run["state"], run["n_questions"], run["kind"]) == ("done", 4, "eval")


# a model as judge


def labelled(folder: Path, n: int, header: str = "question_id,answer,human") -> Path:
    """A file of answers that somebody judged: every second one is right."""
    rows = [f"dog,It costs {12 + n % 2} crowns.,{'no' if n % 2 else 'yes'}" for n in range(n)]
    path = folder / "labels.csv"
    path.write_text("\n".join([header, *rows, "dog,not labelled,"]), "utf-8")
    return path


def test_a_judge_is_shown_beside_its_agreement_with_people(on: On, reader: Reader, tmp_path: Path) -> None:
    reader.judges = lambda prompt: (
        "Yes." if "It costs 12" in prompt or "30 crowns" in prompt.split("<<<")[-1] else "No."
    )
    labels = str(labelled(tmp_path, 32))
    done = on("eval", "--judge", "openai:judge", "--labels", labels)
    assert done.exit_code == 0, done.output
    assert "retrieval, right by openai:judge: 25 % (" in done.stdout
    assert "agreement with people: kappa 1.00 (" in done.stdout and "n = 32)" in done.stdout
    n_prompts = len(reader.prompts)
    assert n_prompts < 10  # the same answer is judged once
    judged = told(on("eval", "--judge", "openai:judge", "--labels", labels, "--json"))["judged"]
    assert judged["retrieval"]["score"]["value"] == 0.25 and len(reader.prompts) == n_prompts


@pytest.mark.parametrize(
    ("n", "header", "fault"),
    [
        (3, "question_id,answer,human", "has 3 labels; a judge's figure is shown only beside"),
        (40, "question_id,answer,humane", "has no column 'human'; did you mean 'humane'?"),
    ],
)
def test_a_judge_without_enough_labels_says_nothing(on: On, tmp_path: Path, n: int, header: str, fault: str) -> None:
    done = on("eval", "--judge", "openai:judge", "--labels", str(labelled(tmp_path, n, header)))
    assert done.exit_code == 2 and fault in done.stderr
    alone = on("eval", "--judge", "openai:judge")
    assert alone.exit_code == 2 and "--judge and --labels: go together" in alone.stderr


# compare


def test_compare_says_first_what_to_do_and_writes_the_report(on: On, folder: Path) -> None:
    done = on("compare")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Not enough questions to say anything")
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
    for way in ("closed-book", "long-context", "retrieval", "retrieval-written"):
        assert any(row[0] == way for row in rows)
    assert "Differences of right in points" in done.stdout and "not distinguishable (p " in done.stdout
    assert "few-shot was left out: every question is asked" in done.stderr
    assert "no tuned model was compared" in done.stderr
    names = sorted(path.name for path in (folder / "comparison").iterdir())
    assert names == ["asked.jsonl", "comparison.json", "outcomes.csv", "report.html"]
    assert "<html" in (folder / "comparison" / "report.html").read_text("utf-8")


def test_compare_as_json_is_one_object_with_the_advice(on: On, tmp_path: Path) -> None:
    found = told(on("compare", *CHEAP, "--limit", "2", "--out", str(tmp_path / "out"), "--json"))
    assert found["advice"]["verdict"] == "not-enough-questions"
    assert [entry["way"]["name"] for entry in found["comparison"]["ways"]] == ["closed-book", "retrieval"]
    assert found["files"][0] == str(tmp_path / "out" / "outcomes.csv") and found["run"] == 1


def test_the_report_on_questions_of_a_file_is_written_anew_from_those(on: On, folder: Path) -> None:
    file, report = folder.parent / "other.jsonl", folder / "comparison" / "report.html"
    other = [replace(QUESTIONS[0], id="canine", text="How dear is a dog?", variant_of="dog", kind="freshness")]
    write(file, [QuestionEntry(question) for question in (*QUESTIONS[:1], *other)])
    for limit in ((), ("--limit", "1")):  # of two: a wording without its question
        assert on("compare", *CHEAP, "--questions", str(file), *limit).exit_code == 0
        as_compared = report.read_text("utf-8")
        done = on("advise", "--report")
        assert done.exit_code == 0, done.output
        pages = (as_compared, report.read_text("utf-8"))
        assert all("Facts that changed" in page and "How dear is a dog?" in page for page in pages)
        first, second = (re.findall(r"<h[23]\b.*?</h[23]>", page) for page in pages)
        assert len(first) > 5 and first == second


def test_compare_takes_a_tuned_model_and_a_second_one(on: On, reader: Reader) -> None:
    names = "tuned,tuned+retrieval,closed-book@openai:other"
    done = on("compare", "--tuned", "openai:mine", "--model", "openai:other", "--ways", names, "--limit", "2", "--json")
    by_name = {entry["way"]["name"]: entry["way"] for entry in told(done)["comparison"]["ways"]}
    assert list(by_name) == names.split(",")
    assert by_name["tuned"]["trained"] and not by_name["closed-book@openai:other"]["trained"]
    assert "What does a bicycle cost?" in reader.prompts  # alone, as it was trained


def test_what_training_took_is_found_beside_the_exported_model(tmp_path: Path) -> None:
    out, run = tmp_path / "out", tmp_path / "base" / ".wellread" / "tune" / "runs" / "first"
    for folder in (out, run):
        folder.mkdir(parents=True)
    card = Exported("first", "gguf-adapter", out, {}, 1, (), "", "smollm2-135m", "2026-11-21")
    (out / "export.json").write_text(json.dumps({**asdict(card), "folder": str(out)}), "utf-8")
    (run / "result.json").write_text('{"seconds": 90.5}', "utf-8")
    chosen = [*ways.tuned(f"llama:smollm2-135m+{out / 'adapter.gguf'}"), ways.BUILT_IN[0], ways.tuned("other")[0]]
    found = training(tmp_path / "base", chosen)
    assert {name: spent.seconds for name, spent in found.items()} == {"tuned": 90.5, "tuned+retrieval": 90.5}


def test_questions_that_are_left_become_examples(on: On) -> None:
    done = on("compare", "--ways", "few-shot", "--limit", "2")
    assert done.exit_code == 0 and "few-shot was left out" not in done.stderr


def test_a_model_that_fails_is_counted_and_named(on: On, reader: Reader) -> None:
    broken = Canned({"error": {"message": "overloaded thing"}}, status=400)
    reader.fails = lambda question: broken if "dog" in question else None
    done = on("compare", *CHEAP)
    assert "closed-book: the model failed on 1 question" in done.stderr and "overloaded thing" in done.stderr
    assert "--retry-failed" in done.stderr
    reader.fails = lambda question: None
    assert "the model failed" in on("compare", *CHEAP).stderr
    assert "the model failed" not in on("compare", *CHEAP, "--retry-failed").stderr


def test_a_chat_model_that_is_not_there_is_told_before_anything_is_asked(on: On) -> None:
    done = on("--set", "chat.model=llama:nowhere", "compare", "--ways", "closed-book")
    assert done.exit_code == 1 and "no such model" in done.stderr
