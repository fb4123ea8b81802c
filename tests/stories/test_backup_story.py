"""A base that was copied and laid elsewhere answers as it did, with all that was trained, asked and compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from wellread import KnowledgeBase, UsageError
from wellread.tune.data import data
from wellread.tune.train import state

KEPT = {
    "questions.jsonl": '{"id": "q1", "question": "What does the ferry cost?"}\n',
    "comparison/report.html": "<p>quote</p>",
    ".wellread/route.json": "{}",
    ".wellread/plugins/other/own.bin": "bytes of another package",
    ".wellread/tune/data/facts/card.json": "{}",
    ".wellread/tune/runs/first/best/model.gguf": "weights",
}
SCRATCH = ("optimise/copy/x", "draft-replies.jsonl", "tune/.estimate/x", "tune/runs/first/.run.json.part")


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_restored_base_answers_and_lacks_nothing_that_was_made(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "base"
    with KnowledgeBase.create(folder) as base:
        base.add("note", text="The ferry to Saaremaa costs twelve crowns. Children under six travel free.")
        for path, content in KEPT.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        model = f"llama:{folder}/.wellread/tune/runs/first/best/model.gguf"
        (folder / ".wellread/tune/runs/first/card.json").write_text(json.dumps({"setting": model}))
        (folder / "wellread.toml").write_text(f'[chat]\nmodel = "{model}"\n[answer]\nstyle = "quote"\n')
        for path in SCRATCH:
            (folder / ".wellread" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / ".wellread" / path).write_text("made again when it is needed")
        made = base.backup(tmp_path / name)
    shutil.rmtree(folder)
    again = KnowledgeBase.restore(made, tmp_path / "elsewhere")
    assert {path: (again / path).read_text() for path in KEPT} == KEPT
    assert not [path for path in SCRATCH if (again / ".wellread" / path).exists()]
    moved = f"llama:{again}/.wellread/tune/runs/first/best/model.gguf"
    assert json.loads((again / ".wellread/tune/runs/first/card.json").read_text()) == {"setting": moved}
    with KnowledgeBase.open(again) as base:
        assert base.settings["chat"].model == moved and Path(moved.removeprefix("llama:")).is_file()
        assert base.check() == []
        assert "twelve crowns" in base.ask("What does the ferry to Saaremaa cost?").text


@pytest.mark.parametrize("name", ["../../elsewhere", "a/b", "..", ".hidden", "", "/etc"])
def test_a_name_that_would_leave_the_base_is_refused_by_the_library(tmp_path: Path, name: str) -> None:
    for folder_of in (state.folder_of, data.folder_of):
        with pytest.raises(UsageError, match="letters, digits, dots, dashes and underscores"):
            folder_of(tmp_path, name)


def test_a_data_set_replaces_a_data_set_and_nothing_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    card = data.Card("mine", "chat", {}, ())
    with pytest.raises(UsageError, match="holds no data set"):
        data.freeze(data.DataSet(card, (), (), ()), mine, replace_old=True)
    assert (mine / "thesis.txt").read_text() == "years of work"
