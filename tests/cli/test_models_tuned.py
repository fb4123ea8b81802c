"""``wellread models show|use|export|lineage|remove`` on a model that the base has taught: a journey through them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tune import tiny
from typer.testing import CliRunner, Result

from wellread.knowledge_base import KnowledgeBase
from wellread.tune.base import gguf_fresh

ASK = ("ask", "Where does Anna live?", "--set", "answer.style=auto", "--set", "answer.passages=1", "--json")
On = Callable[..., Result]
QUICK = {
    "epochs": "4",
    "learning_rate": "1e-2",
    "probe": "false",
    "dtype": "float32",
    "threads": "1",
    "replay": "0.0",
}


def run_in(folder: Path) -> On:
    from wellread.cli.main import app

    runner = CliRunner()

    def typed(*words: str, text: str | None = None) -> Result:
        done = runner.invoke(app, [words[0], *words[1:], "--base", str(folder)], input=text, prog_name="wellread")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return typed


def told(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with two documents, and a small model that has learned from examples made of them."""
    place = tmp_path_factory.mktemp("taught")
    documents = place / "documents"
    documents.mkdir()
    for n, (name, where) in enumerate(zip(tiny.NAMES, tiny.PLACES, strict=True)):
        boat = f"The boat of {name} to {where} leaves at {n + 7}:30 on every Monday."
        text = f"# {name}\n\n{name} lives in {where}. {boat}\n"
        (documents / f"{name.lower()}.md").write_text(text)
    gguf_fresh.write(tiny.make(place / "model"), place / "tiny.gguf")
    on = run_in(place / "base")
    KnowledgeBase.create(place / "base").close()
    for key, value in QUICK.items():
        assert on("config", "set", f"tune.{key}", value).exit_code == 0
    on("config", "set", "tune.base", f"llama:{place / 'tiny.gguf'}")
    assert on("add", str(documents)).exit_code == 0
    done = on("tune", "prepare", "--kind", "statements", "--kind", "qa", "--name", "pay")
    assert done.exit_code in (0, 3), done.output
    done = on("tune", "run", "--data", "pay", "--yes", "--name", "pay-lora")
    assert done.exit_code == 0, done.output
    return place


@pytest.fixture(autouse=True)
def models_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WELLREAD_BASE", raising=False)


@pytest.fixture
def place(taught: Path, tmp_path: Path) -> Path:
    """A copy of its own."""
    shutil.copytree(taught / "base", tmp_path / "base")
    return tmp_path / "base"


def test_a_tuned_model_is_listed_and_shown_with_base_data_and_scores(place: Path) -> None:
    on = run_in(place)
    listed = told(on("models", "list", "--json"))["tuned"]
    assert [one["name"] for one in listed] == ["pay-lora"]
    assert "pay-lora  lora on llama:" in on("models", "list").stdout
    found = told(on("models", "show", "pay-lora", "--json"))
    assert found["data"]["name"] == "pay" and found["settings"]["epochs"] == 4
    assert found["result"]["validation_loss"] < found["result"]["validation_before"]
    assert len(found["documents"]) == 8
    shown = on("models", "show", "pay-lora").stdout
    assert "validation loss" in shown and "8 documents" in shown
    assert on("models", "show", "pay-lara").exit_code == 2


def test_a_promoted_model_answers_the_next_question_and_can_be_taken_back(place: Path, taught: Path) -> None:
    on = run_in(place)
    before = (place / "wellread.toml").read_text()
    done = on("models", "use", "pay-lora")
    assert done.exit_code == 0, done.output
    assert "was" in done.stdout and "answers the same as the trained model's" in done.stdout
    setting = told(on("config", "show", "chat.model", "--json"))["settings"]["chat"]["model"]["value"]
    assert setting.startswith("llama:/") and setting.endswith("pay-lora.gguf")
    asked = told(
        on("ask", "Where does Anna live?", "--set", "answer.style=auto", "--set", "answer.passages=1", "--json")
    )
    assert asked["usage"]["calls"] == 1  # the promoted model wrote
    assert told(on("models", "list", "--json"))["tuned"][0]["in_use"]
    refused = on("models", "remove", "pay-lora", "--yes")
    assert refused.exit_code == 2 and "first: wellread models use base" in refused.stderr
    assert on("models", "use", "base").exit_code == 0
    after = (place / "wellread.toml").read_text()
    assert told(on("config", "show", "chat.model", "--json"))["settings"]["chat"]["model"]["value"] in before
    assert 'model = "llama:smollm2-135m"' in after


def test_a_model_serves_as_an_adapter_on_its_base(place: Path, taught: Path) -> None:
    on = run_in(place)
    made = told(on("models", "use", "pay-lora", "--as", "adapter", "--json"))
    assert made["value"].startswith(f"llama:{taught / 'tiny.gguf'}+")
    asked = told(
        on("ask", "Where does Anna live?", "--set", "answer.style=auto", "--set", "answer.passages=1", "--json")
    )
    assert asked["usage"]["calls"] == 1


def test_an_export_that_was_changed_is_not_promoted(place: Path) -> None:
    on = run_in(place)
    assert on("models", "export", "pay-lora", "--to", "gguf-f16").exit_code == 0
    file = next(place.rglob("exports/gguf-f16/*.gguf"))
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    done = on("models", "use", "pay-lora")
    assert done.exit_code == 1
    assert "is not the file that was checked; export it again" in done.stderr


def test_an_export_goes_where_it_is_told_and_says_how_it_agreed(place: Path, tmp_path: Path) -> None:
    on = run_in(place)
    done = on("models", "export", "pay-lora", "--to", "ollama", "--out", str(tmp_path / "out"))
    assert "of 20 answers the same" in done.stdout and "ollama create pay-lora" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Modelfile", "export.json", "pay-lora.gguf"]
    again = on("models", "export", "pay-lora", "--to", "ollama", "--out", str(tmp_path / "out"))
    assert again.exit_code == 2 and "name a new folder" in again.stderr
    unknown = on("models", "export", "pay-lora", "--to", "gguf")
    assert unknown.exit_code == 2 and "there are adapter, merged, gguf-f16" in unknown.stderr


def test_lineage_answers_both_ways_and_removing_names_what_to_train_again(place: Path) -> None:
    on = run_in(place)
    documents = told(on("models", "lineage", "pay-lora", "--json"))["documents"]
    assert [Path(one["uri"]).name for one in documents] == [f"{name.lower()}.md" for name in tiny.NAMES]
    assert {one["state"] for one in documents} == {"as it was"}
    other = told(on("models", "lineage", "anna.md", "--json"))
    assert (other["data_sets"], other["models"]) == (["pay"], ["pay-lora"])
    assert on("models", "lineage", "nobody.md").exit_code == 2
    done = on("remove", documents[0]["uri"])
    assert "the tuned model pay-lora learned from" in done.stdout and "anna.md: train it again without" in done.stdout
    again = told(on("remove", documents[1]["uri"], "--json"))
    assert again == {"removed": 1, "retrain": {"pay-lora": [documents[1]["uri"]]}}  # not what was gone before
    states = [one["state"] for one in told(on("models", "lineage", "pay-lora", "--json"))["documents"]]
    assert sorted(states) == ["as it was"] * 6 + ["removed since"] * 2
    assert "removed since" in on("models", "show", "pay-lora").stdout


def test_a_tuned_model_is_deleted_only_when_somebody_agrees(place: Path) -> None:
    on = run_in(place)
    done = on("models", "remove", "pay-lora")
    assert done.exit_code == 2 and "--yes" in done.stderr
    assert on("models", "remove", "pay-lora", "--yes").exit_code == 0
    assert told(on("models", "list", "--json"))["tuned"] == []
