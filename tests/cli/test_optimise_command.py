"""``wellread optimise`` as it is typed: what is shown, what is written and when."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

NAMES = [
    *("Auk", "Bay", "Cob", "Dab", "Eel", "Fin", "Gull", "Hake", "Ibis", "Jay"),
    *("Kite", "Loon", "Merlin", "Noddy", "Owl", "Plover", "Quail", "Rook", "Skua", "Tern"),
]
FILL = (
    "The harbour was dug by hand in the year of the great storm. Sheep graze on the slope behind the church. Bread is "
    "baked before dawn and sold at the corner. The school has a red door and a bell. Rain falls often in autumn. "
)
WORDS = ("optimise", "--minutes", "2", "--only", "answer.passages")

On = Callable[..., Result]


@pytest.fixture
def on(wellread, tmp_path: Path) -> On:
    (tmp_path / "documents").mkdir()
    rows = []
    for n, name in enumerate(NAMES):
        fact = f"{FILL}The ship {name} has {n + 11} lamps. {FILL}\n"
        decoy = (
            f"How many lamps does the ship {name} have? Lamps of the ship {name}: ask the mate of the ship {name}.\n"
        )
        (tmp_path / "documents" / f"fact-{n}.txt").write_text(fact, "utf-8")
        (tmp_path / "documents" / f"page-{n}.txt").write_text(decoy, "utf-8")
        rows.append({"question": f"How many lamps does the ship {name} have?", "answer": f"{n + 11} lamps"})
    (tmp_path / "q.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    wellread("init", "base")
    wellread("--base", "base", "add", "documents")
    for key, value in {
        "answer.scorer": "",
        "rerank.model": "",
        "answer.refuse_below": "0.0",
        "retrieve.scope": "false",
        "answer.passages": "1",
        "evaluate.draws": "500",
    }.items():
        assert wellread("--base", "base", "config", "set", key, value).exit_code == 0
    assert wellread("--base", "base", "questions", "load", "q.jsonl").exit_code == 0
    return lambda *words, **given: wellread("--base", "base", *words, **given)


def test_better_settings_are_shown_and_written_when_accepted(on: On) -> None:
    path = Path("base/wellread.toml")
    before = path.read_text("utf-8")
    done = on(*WORDS)
    assert done.exit_code == 0
    assert "-passages = 1\n" in done.stdout
    assert "the set is not frozen" in done.stdout
    assert "nothing was changed; --yes writes it" in done.stdout
    assert path.read_text("utf-8") == before
    assert on("questions", "freeze", "--train", "0", "--validation", "0.5").exit_code == 0
    done = on(*WORDS, "--yes")
    assert "1 setting written" in done.stdout
    assert "not frozen" not in done.stdout
    after = path.read_text("utf-8")
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        line for line in after.splitlines() if line.startswith("passages = ") and line != "passages = 1"
    ]
    trials = json.loads(Path("base/optimise.json").read_text("utf-8"))["trials"]
    assert {"choice", "quality", "p50_s"} <= set(trials[0])
    assert "<svg" in Path("base/optimise.html").read_text("utf-8")
    told = json.loads(on(*WORDS, "--json").stdout)
    assert told["proposal"] == {}
    assert told["frozen"] is True


def test_the_threshold_for_a_wanted_risk_is_shown_and_written(on: On) -> None:
    assert on("config", "set", "answer.passages", "20").exit_code == 0
    done = on("optimise", "--answers", "--risk", "0.5")
    assert done.exit_code == 0
    assert "of these wrong" in done.stdout
    assert "it takes 20 right and 20 wrong answers to fit it" in done.stdout
    assert "nothing was changed; --yes writes it" in done.stdout
    assert "<svg" in Path("base/answers.html").read_text("utf-8")
    told = json.loads(on("optimise", "--answers", "--risk", "0.5", "--json", "--yes").stdout)
    assert told["wanted"] == 0.5
    written = Path("base/wellread.toml").read_text("utf-8")
    assert f"refuse_below = {told['settings']['answer.refuse_below']}" in written


def test_without_questions_there_is_nothing_to_search_with(wellread) -> None:
    wellread("init", "base")
    done = wellread("--base", "base", "optimise")
    assert done.exit_code == 2
    assert "wellread questions load FILE" in done.stderr
