"""What the base model writes itself is read again where general examples are mixed in, and only there."""

import json
from pathlib import Path

import pytest
import torch
from tests.tune import tiny
from tests.tune.test_run import settings

from wellread.progress import SILENT
from wellread.tune import run
from wellread.tune.base import base_model
from wellread.tune.train import rehearse


def test_texts_are_drawn_once_and_all_of_each_is_learned(tiny_model: Path, tmp_path: Path) -> None:
    model, tokenizer = base_model.load_model(tiny_model), base_model.load_tokenizer(tiny_model)
    made = rehearse.texts(tmp_path, model, tokenizer, 12, SILENT, seed=0)
    assert 6 <= len(made) <= 12
    assert all(row.ids == row.labels and 1 < len(row.ids) <= rehearse.TOKENS for row in made)
    with torch.no_grad():
        model.model.norm.weight.zero_()  # another model, whose texts would be others
    assert rehearse.texts(tmp_path, model, tokenizer, 12, SILENT, seed=0) == made


@pytest.mark.parametrize(("replay", "there"), [(0.0, False), (0.5, True)])
def test_a_run_rehearses_where_replay_is_on(replay: float, there: bool, tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    result = run.start(base, settings(tiny_model, replay=replay, rehearse=8))
    path = result.folder / rehearse.FILE
    assert path.is_file() is there
    if there:
        assert len(json.loads(path.read_text())["ids"]) >= 4
