"""Every setting of ``[tune]`` does something, and a value that cannot be is refused with its name."""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from tests.tune import tiny
from tests.tune.test_recipes import attached, chosen
from tests.tune.test_run import losses_of, settings

from wellread import config
from wellread.errors import ConfigError
from wellread.tune import run
from wellread.tune.settings import TuneSettings
from wellread.tune.train import batches, optimise, schedule, state
from wellread.tune.train.loop import StepPlan

# keys whose effect another test of the room shows, by that test
ELSEWHERE = {
    "base": "test_run: every run names its base",
    "data": "test_an_unclear_data_set_is_refused_with_those_there_are",
    "method": "test_recipes",
    "rank": "test_recipes",
    "targets": "test_recipes",
    "adapter_width": "test_recipes",
    "virtual_tokens": "test_recipes",
    "prompt_text": "test_recipes",
    "dropout": "test_recipes",
    "dora": "test_the_kinds_of_lora_differ_in_what_they_learn",
    "rslora": "test_the_kinds_of_lora_differ_in_what_they_learn",
    "init": "test_the_kinds_of_lora_differ_in_what_they_learn",
    "alpha": "test_the_kinds_of_lora_differ_in_what_they_learn",
    "rank_by": "test_importance",
    "budget": "test_importance",
    "spend": "test_importance",
    "probes": "test_importance",
    "probe": "test_run",
    "dtype": "test_the_number_format_is_kept_with_the_run",
    "threads": "test_the_number_format_is_kept_with_the_run",
    "checkpointing": "test_recipes, test_checkpointing_keeps_fewer_activations",
    "save_every_s": "test_checkpoints_are_written_as_often_as_is_set",
    "explode": "test_run",
    "max_length": "test_run",
    "rehearse": "test_rehearse",
    "vocabulary": "the tests of training from nothing",
    "layers": "the tests of training from nothing",
    "width": "the tests of training from nothing",
    "patience": "test_run",
    "validate_every": "test_the_validation_loss_is_measured_as_often_as_is_set",
    "objective": "test_align",
    "narrowest": "test_align",
    "beta": "test_align_losses",
    "flipped": "test_align_losses",
    "rounds": "test_ppo",
    "answers": "test_ppo",
    "target_kl": "test_ppo",
    "target_margin": "test_align_losses",
    "most_minutes": "test_estimate",
    "most_memory_gb": "test_estimate",
}
# keys that change the course of the losses: key → another value
CHANGES: dict[str, Any] = {
    "seed": 7,
    "epochs": 5,
    "max_steps": 3,
    "batch": 4,
    "accumulate": 2,
    "by_length": False,
    "learning_rate": 2e-3,
    "optimizer": "sgd",
    "momentum": 0.5,
    "weight_decay": 0.5,
    "schedule": "constant",
    "warmup": 0.5,
    "clip": 0.01,
    "replay": 0.5,
}


def test_every_setting_is_shown_to_do_something() -> None:
    assert {field.name for field in fields(TuneSettings)} == set(ELSEWHERE) | set(CHANGES)


@pytest.fixture(scope="module")
def plain(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A base, and the losses of a run in it; a second one of the same settings has the same."""
    base = tiny.base(tmp_path_factory.mktemp("plain") / "base")
    found = [losses_of(run.start(base, settings(tiny_model), name=name).folder) for name in ("one", "two")]
    assert found[0] == found[1]
    return base, found[0]


@pytest.mark.parametrize("key", CHANGES)
def test_a_setting_of_the_course_changes_the_losses(key: str, tiny_model: Path, plain: Any) -> None:
    base, usual = plain
    changed = run.start(base, settings(tiny_model, **{key: CHANGES[key]}), name=key)
    assert losses_of(changed.folder) != usual


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "adafactor"])
def test_each_optimizer_goes_on_from_its_memory_as_if_nothing_had_been(optimizer: str) -> None:
    def made() -> tuple[Any, Any]:
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 3)
        wanted = TuneSettings(optimizer=optimizer, weight_decay=0.01)  # type: ignore[arg-type]
        return model, optimise.optimizer_of(wanted, [{"params": list(model.parameters())}], 0.1)

    def step(model: Any, optimizer: Any) -> None:
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    whole, whole_optimizer = made()
    for _ in range(4):
        step(whole, whole_optimizer)
    first, first_optimizer = made()
    for _ in range(2):
        step(first, first_optimizer)
    tensors, values = optimise.state_of(first_optimizer)
    second, second_optimizer = made()
    second.load_state_dict(first.state_dict())
    optimise.restore(second_optimizer, {key: one.clone() for key, one in tensors.items()}, values)
    for _ in range(2):
        step(second, second_optimizer)
    assert torch.equal(whole.weight, second.weight)


def test_the_kinds_of_lora_differ_in_what_they_learn(tiny_model: Path, tmp_path: Path) -> None:
    def learned(**changed: Any) -> list[tuple[str, tuple[int, ...], float]]:
        made, _ = attached(tiny_model, chosen(tiny_model, "lora", rank=4, **changed), tmp_path)
        scale = next(one.scaling["default"] for one in made.model.modules() if hasattr(one, "lora_A"))
        named = made.model.named_parameters()
        return [(n, (*p.shape, scale), float(p.detach().abs().sum())) for n, p in named if p.requires_grad]

    plain = learned()
    assert learned(rslora=True)[0][1][-1] == 2 * plain[0][1][-1]  # alpha / √4 against alpha / 4
    assert learned(alpha=64.0)[0][1][-1] == 2 * plain[0][1][-1]
    assert len(learned(dora=True)) > len(plain)
    values = {init: learned(init=init)[0][2] for init in ("zero", "gaussian", "pissa", "olora")}
    assert len(set(values.values())) == 4


def test_checkpoints_are_written_as_often_as_is_set(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    often = run.start(base, settings(tiny_model, save_every_s=0.0), name="often")
    seldom = run.start(base, settings(tiny_model, save_every_s=600.0), name="seldom")
    assert len(list((often.folder / "checkpoints").iterdir())) == 2
    assert len(list((seldom.folder / "checkpoints").iterdir())) == 1


def test_the_validation_loss_is_measured_as_often_as_is_set(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    result = run.start(base, settings(tiny_model, epochs=3, validate_every=1))
    judged = [row["step"] for row in state.rows(result.folder) if "validation_loss" in row]
    assert judged == list(range(result.steps + 1))


def test_the_number_format_is_kept_with_the_run(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    half = run.start(base, settings(tiny_model, dtype="bfloat16", threads=1), name="half")
    full = run.start(base, settings(tiny_model, dtype="float32", threads=2), name="full")
    assert (state.read(half.folder).dtype, state.read(half.folder).threads) == ("bfloat16", 1)
    assert (state.read(full.folder).dtype, state.read(full.folder).threads) == ("float32", 2)
    assert losses_of(half.folder) != losses_of(full.folder)
    measured = run.start(base, settings(tiny_model, dtype="auto"), name="auto")
    assert state.read(measured.folder).dtype in ("float32", "bfloat16")


def test_checkpointing_keeps_fewer_activations(tiny_model: Path, tmp_path: Path) -> None:
    kept = {}
    for on in (False, True):
        made, task = attached(tiny_model, chosen(tiny_model, "lora"), tmp_path)
        if on:
            made.model.activation_checkpointing_enable()
        made.model.train()
        seen: list[int] = []

        def pack(tensor: torch.Tensor, seen: list[int] = seen) -> torch.Tensor:
            seen.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            task.loss(range(8))
        kept[on] = sum(seen)
    assert kept[True] < 0.7 * kept[False]


def test_replay_is_on_where_facts_are_taught_and_off_elsewhere(tiny_model: Path, tmp_path: Path) -> None:
    facts = run.start(tiny.base(tmp_path / "facts"), settings(tiny_model, replay=None))
    plain = replace(tiny.facts(), train=tuple(replace(row, fact="") for row in tiny.facts().train))  # type: ignore[type-var]
    others = run.start(tiny.base(tmp_path / "others", plain), settings(tiny_model, replay=None))
    assert state.read(facts.folder).replay == 0.25
    assert state.read(others.folder).replay == 0.0


FAULTS = {
    "epochs": 0,
    "batch": 0,
    "rank": 0,
    "warmup": 1.0,
    "dropout": -0.1,
    "budget": 0.0,
    "replay": -1.0,
    "learning_rate": math.nan,
    "patience": -1,
    "optimizer": "lion",
    "method": "Lora",
}


@pytest.mark.parametrize("key", FAULTS)
def test_a_value_that_cannot_be_is_refused_with_its_name(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"tune\.{key}"):
        config.load(
            None, {"tune": TuneSettings}, environ={}, overrides=[f"tune.{key}={config.toml_value(FAULTS[key])}"]
        )


# the pure parts


@given(
    st.sampled_from(["constant", "linear", "cosine", "inverse-sqrt", "wsd", "slanted"]), st.integers(1, 300), st.data()
)
def test_the_learning_rate_stays_between_nothing_and_its_highest(name: str, total: int, data: st.DataObject) -> None:
    warmup = data.draw(st.floats(0, 0.9))
    found = [schedule.factor(name, step, total, warmup) for step in range(total)]
    assert all(0 <= one <= 1 for one in found)
    peak = found.index(max(found))
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)


def test_schedules_have_the_values_worked_on_paper() -> None:
    assert schedule.factor("constant", 5, 10, 0.0) == 1.0
    assert schedule.factor("linear", 5, 10, 0.0) == 0.5
    assert schedule.factor("cosine", 5, 10, 0.0) == pytest.approx(0.55)
    assert schedule.factor("wsd", 7, 10, 0.0) == 1.0
    assert schedule.factor("wsd", 9, 10, 0.0) == pytest.approx(0.55)
    assert schedule.factor("slanted", 0, 100, 0.1) == 1 / 32
    assert schedule.factor("slanted", 10, 100, 0.1) == 1.0
    assert schedule.factor("inverse-sqrt", 15, 100, 0.04) == 0.5
    with pytest.raises(ValueError, match="steep"):
        schedule.factor("steep", 0, 10, 0.0)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(1, 9), st.integers(0, 3), st.booleans())
@tries(max_examples=60)
def test_each_example_is_in_exactly_one_batch_of_an_epoch(
    lengths: list[int], batch: int, epoch: int, by_length: bool
) -> None:
    made = batches.plan(lengths, batch, epoch, seed=1, by_length=by_length)
    assert sorted(row for rows in made for row in rows) == list(range(len(lengths)))
    assert max(map(len, made)) <= batch
    assert made == batches.plan(lengths, batch, epoch, seed=1, by_length=by_length)


def test_batches_by_length_hold_far_less_padding() -> None:
    lengths = [(7 * n) % 97 + 3 for n in range(400)]

    def padding(by_length: bool) -> int:
        made = batches.plan(lengths, 8, 0, seed=0, by_length=by_length)
        return sum(max(lengths[row] for row in rows) * len(rows) for rows in made) - sum(lengths)

    assert padding(True) < 0.2 * padding(False)


@given(st.integers(1, 40), st.integers(0, 30), st.floats(0, 2), st.integers(0, 5))
def test_replay_takes_its_share_and_other_examples_in_each_epoch(
    own: int, general: int, share: float, epoch: int
) -> None:
    found = batches.rows_of(own, general, share, epoch, seed=0)
    assert found[:own] == list(range(own))
    replayed = found[own:]
    assert len(replayed) == min(general, round(share * own)) == len(set(replayed))
    assert all(own <= row < own + general for row in replayed)


def test_the_steps_of_a_run_are_counted_once_however_often_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    planned, real = [], batches.plan
    monkeypatch.setattr(batches, "plan", lambda *given, **named: planned.append(given[2]) or real(*given, **named))
    course = StepPlan([5] * 40, 40, TuneSettings(epochs=3, batch=4), 0.0)
    assert [course.total for _ in range(50)] == [30] * 50 and course.steps_per_epoch == 10
    assert planned == [0]
    assert len(list(course.steps(0))) == 30 and planned == [0, 0, 1, 2]


@given(st.integers(0, 60), st.integers(1, 4), st.integers(0, 25))
@tries(max_examples=40)
def test_going_on_from_any_step_gives_the_same_steps(start: int, accumulate: int, most: int) -> None:
    wanted = TuneSettings(epochs=4, batch=3, accumulate=accumulate, max_steps=most)
    course = StepPlan([5, 9, 2, 7, 7, 1, 3, 8, 4, 6, 2], 8, wanted, 0.5)
    whole = list(course.steps(0))
    assert len(whole) == course.total
    assert list(course.steps(start)) == whole[start:]
