"""Training as a whole: what a run folder holds, what makes a run fail, stopping and going on."""

import json
import multiprocessing
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.tune import tiny

from wellread.errors import StoreError, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.store import lineage
from wellread.tune import run
from wellread.tune.base import base_model
from wellread.tune.base.template import encode
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, DataSet
from wellread.tune.settings import TuneSettings
from wellread.tune.train import checkpoint, losses, probe, state, tuned
from wellread.tune.train.loop import TuneFailed
from wellread.types import Principal


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    return tiny.base(tmp_path / "base")


def settings(model: Path, **changed: Any) -> TuneSettings:
    cheap = TuneSettings(
        base=f"transformers:{model}", epochs=3, learning_rate=1e-2, probe=False, dtype="float32", threads=1, replay=0.0
    )
    return replace(cheap, **changed)


def losses_of(folder: Path) -> list[tuple[int, float]]:
    return [(row["step"], row.get("loss", row.get("validation_loss"))) for row in state.rows(folder)]


# a run that ends well


def test_a_run_leaves_weights_that_do_better_than_the_base(base: KnowledgeBase, tiny_model: Path) -> None:
    result = run.start(base, settings(tiny_model, epochs=8, probe=True), name="first")
    assert result.validation_before and result.validation_loss
    assert result.validation_loss < 0.8 * result.validation_before
    assert result.test_before and result.test_loss and result.test_loss < result.test_before
    found = state.read(result.folder)
    assert found.state == "finished"
    assert found.data.hash and found.base.digest and found.environment["torch"] == torch.__version__
    for name in ("curves.png", "report.html", "metrics.jsonl", "result.json", "best/adapter_model.safetensors"):
        assert (result.folder / name).stat().st_size > 0
    assert json.loads((result.folder / "result.json").read_text())["forgotten"]["text_loss"] == pytest.approx(
        result.probe_after.text_loss / result.probe_before.text_loss - 1  # type: ignore[union-attr]
    )


def test_the_saved_weights_give_the_validation_loss_of_the_result(base: KnowledgeBase, tiny_model: Path) -> None:
    result = run.start(base, settings(tiny_model))
    tokenizer = base_model.load_tokenizer(tiny_model)
    model = tuned.load(result.folder / "best", tiny_model)
    rows = [encode(row.messages, tokenizer, 512) for row in tiny.facts().validation]  # type: ignore[union-attr]
    again = losses.mean(model, rows, probe.pad_of(tokenizer), batch=8, bf16=False)
    assert again == pytest.approx(result.validation_loss, abs=1e-5)


def test_the_best_weights_are_kept_and_not_the_last(base: KnowledgeBase, tiny_model: Path) -> None:
    result = run.start(base, settings(tiny_model, epochs=40, learning_rate=2e-2, patience=3))
    judged = {row["step"]: row["validation_loss"] for row in state.rows(result.folder) if "validation_loss" in row}
    assert result.stopped_early
    assert result.best_step == min(judged, key=lambda step: judged[step]) < result.steps
    assert result.validation_loss == judged[result.best_step]


def test_a_run_stands_in_the_lineage_with_its_data_set_as_input(base: KnowledgeBase, tiny_model: Path) -> None:
    result = run.start(base, settings(tiny_model))
    found = state.read(result.folder)
    with base.store.reading() as connection:
        up = lineage.upstream(connection, state.artifact_of(found), who=Principal())
    assert [one.kind for one in up] == ["artifact"]
    assert found.data.hash[:16] in up[0].id


def test_rows_with_nothing_to_learn_are_listed_and_the_others_are_trained_on(tmp_path: Path, tiny_model: Path) -> None:
    long = tiny.row("Where does Anna live? " * 60, "Anna lives in Kestvik.", id="too-long")
    data = replace(tiny.facts(), train=(*tiny.facts().train, long))
    base = tiny.base(tmp_path / "base", data)
    result = run.start(base, settings(tiny_model, max_length=128))
    left = state.read(result.folder).left_out
    assert [(row["part"], row["id"]) for row in left] == [("train", "too-long")]
    assert "128 tokens" in left[0]["reason"]


def test_a_run_keeps_the_limit_that_its_data_set_had_when_it_began(tmp_path: Path, tiny_model: Path) -> None:
    data = tiny.facts()
    base = tiny.base(tmp_path / "base", replace(data, card=replace(data.card, settings={"max_length": 96})))
    result = run.start(base, settings(tiny_model))
    assert run.settings_of(state.read(result.folder)).max_length == 96


# a run that must fail


def failed(base: KnowledgeBase, chosen: TuneSettings, why: str) -> None:
    with pytest.raises(TuneFailed, match=why):
        run.start(base, chosen, name="bad")
    found = state.read(state.folder_of(base.folder, "bad"))
    assert found.state == "failed" and found.reason


def test_a_run_without_a_token_to_learn_fails_and_names_a_row(tmp_path: Path, tiny_model: Path) -> None:
    base = tiny.base(tmp_path / "base")
    failed(
        base, settings(tiny_model, max_length=8), "no token to learn at 8 tokens an example; the first: [0-9a-f]{12}"
    )


def test_a_loss_that_is_no_number_fails_the_run(base: KnowledgeBase, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    tiny.make(broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    failed(base, settings(broken), "the loss is nan")


def test_an_exploding_loss_fails_the_run(base: KnowledgeBase, tiny_model: Path) -> None:
    chosen = settings(tiny_model, method="full", optimizer="sgd", learning_rate=300.0, clip=0.0, epochs=20, patience=0)
    failed(base, chosen, "the loss has risen to|is nan|is inf")


def test_a_model_that_is_no_better_than_its_base_fails_the_run(base: KnowledgeBase, tiny_model: Path) -> None:
    failed(
        base, settings(tiny_model, learning_rate=0.5, epochs=2, schedule="constant", explode=0.0), "never fell below"
    )


def test_a_data_set_for_another_task_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    rows = (datasets.PreferenceRow("a", "how?", "so", "not so"),)
    base = tiny.base(tmp_path / "base", DataSet(Card("moods", "preference", {"train": 1}, ("text",)), rows, (), ()))
    with pytest.raises(UsageError, match="'head': does not learn from a data set for preference"):
        run.start(base, settings(tiny_model, method="head"))


# stopping and going on


def _train(folder: Path, chosen: TuneSettings, name: str) -> None:
    """In a process of its own: begins or continues."""
    torch.set_num_threads(1)
    with KnowledgeBase.open(folder) as opened:
        if (state.folder_of(folder, name) / "run.json").exists():
            run.resume(opened, name)
        else:
            run.start(opened, chosen, name=name)


def test_a_run_killed_at_random_points_ends_with_the_same_weights(base: KnowledgeBase, tiny_model: Path) -> None:
    chosen = settings(tiny_model, epochs=12, dropout=0.1, patience=0, save_every_s=0.0, accumulate=2, replay=0.3)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["wellread.tune.run", "torch", "transformers", "peft", "tests.tune.test_run"])
    assert _attempt(processes, base.folder, chosen, "whole", None) == 0
    chance, folder, points = random.Random(4), state.folder_of(base.folder, "cut"), []
    for kill in range(5):  # `python -m bench.tune survive` kills ten times
        step = chance.uniform(kill, kill + 1) * 5  # of 24 steps; some kills fall into loading, some into saving
        assert _attempt(processes, base.folder, chosen, "cut", (step, chance.uniform(0, 0.01))) != 0
        done = checkpoint.latest(folder / "checkpoints")
        points.append(done.name if done else "none")
        assert state.read(folder).state == "stopped"
    assert _attempt(processes, base.folder, chosen, "cut", None) == 0
    assert len(set(points)) >= 3, points
    whole = state.folder_of(base.folder, "whole")
    for name in ("checkpoints", "best"):
        first, second = (_weights(one, name) for one in (whole, folder))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert losses_of(whole) == losses_of(folder)


def _attempt(processes: Any, folder: Path, chosen: TuneSettings, name: str, kill: tuple[float, float] | None) -> int:
    """The exit code of a process that trains, killed some moment after a step is in its metrics, or not at all."""
    process = processes.Process(target=_train, args=(folder, chosen, name))
    process.start()
    if kill is not None:
        step, moment_s = kill
        while process.is_alive() and len(losses_of(state.folder_of(folder, name))) <= step:
            time.sleep(0.001)
        time.sleep(moment_s)
        process.kill()
    process.join()
    return int(process.exitcode)


def _weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    where = checkpoint.latest(folder / name) if name == "checkpoints" else folder / name
    assert where
    return {key: tensor for path in sorted(where.glob("*.safetensors")) for key, tensor in load_file(path).items()}


class Interrupts:
    """Somebody who watches and presses Ctrl-C at a step."""

    def __init__(self, at: int) -> None:
        self._at = at

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        if stage == "train" and done == self._at:
            raise KeyboardInterrupt


def test_ctrl_c_leaves_a_stopped_run_that_goes_on_to_the_same_weights(base: KnowledgeBase, tiny_model: Path) -> None:
    chosen = settings(tiny_model, save_every_s=0.0, patience=0)
    run.start(base, chosen, name="whole")
    with pytest.raises(KeyboardInterrupt):
        run.start(base, chosen, name="cut", progress=Interrupts(4))
    folder = state.folder_of(base.folder, "cut")
    assert state.read(folder).state == "stopped" and "--resume" in state.read(folder).reason
    run.resume(base, "cut")
    whole = state.folder_of(base.folder, "whole")
    first, second = _weights(whole, "best"), _weights(folder, "best")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_run_that_goes_on_in_one_process_is_refused_to_another(base: KnowledgeBase, tiny_model: Path) -> None:
    run.start(base, settings(tiny_model), name="one")
    folder = state.folder_of(base.folder, "one")
    with state.alone(folder), pytest.raises(UsageError, match="'one': is running in another process"):
        run.resume(base, "one")


def test_a_kill_between_two_renames_leaves_the_old_best_weights(base: KnowledgeBase, tiny_model: Path) -> None:
    folder = run.start(base, settings(tiny_model), name="one").folder
    kept = _weights(folder, "best")
    (folder / "best").rename(folder / ".best.old")
    state.repair_best(folder)
    assert _weights(folder, "best").keys() == kept.keys()


def test_a_finished_run_is_not_gone_on_with(base: KnowledgeBase, tiny_model: Path) -> None:
    run.start(base, settings(tiny_model), name="done")
    with pytest.raises(UsageError, match="'done': is finished"):
        run.resume(base, "done")
    with pytest.raises(UsageError, match="is there already"):
        run.start(base, settings(tiny_model), name="done")


def test_a_run_whose_data_set_changed_is_not_gone_on_with(base: KnowledgeBase, tiny_model: Path) -> None:
    run.start(base, settings(tiny_model), name="one")
    folder = state.folder_of(base.folder, "one")
    state.write(folder, replace(state.read(folder), state="stopped"))
    other = replace(tiny.facts(), train=tiny.facts().train[1:])
    datasets.freeze(other, datasets.folder_of(base.folder, "facts"), replace_old=True)
    with pytest.raises(UsageError, match="its data set 'facts' has changed"):
        run.resume(base, "one")


def test_a_damaged_checkpoint_is_named_with_what_to_do(base: KnowledgeBase, tiny_model: Path) -> None:
    run.start(base, settings(tiny_model), name="one")
    folder = state.folder_of(base.folder, "one")
    state.write(folder, replace(state.read(folder), state="stopped"))
    last = checkpoint.latest(folder / "checkpoints")
    assert last
    (last / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(StoreError, match=f"{last.name}: is damaged .*delete this folder"):
        run.resume(base, "one")
