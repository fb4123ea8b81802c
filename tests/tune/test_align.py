"""Learning from preferences as a whole: pairs as tokens, the reference, runs of every objective, what they leave."""

import json
import math
import multiprocessing
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tune import tiny
from tests.tune.test_run import _attempt, _weights, losses_of, settings

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune import recipe, run
from wellread.tune.align import heldout, preferences, reference
from wellread.tune.base import base_model
from wellread.tune.data.data import Card, DataSet, PreferenceRow
from wellread.tune.recipe import MethodPlan
from wellread.tune.settings import TuneSettings
from wellread.tune.ship import export, registry
from wellread.tune.train import checkpoint, losses, outcome, state, tuned
from wellread.tune.train.loop import TuneFailed


def pair(name: str, place: str, n: int = 0) -> PreferenceRow:
    """Whoever is asked should name the place alone."""
    return PreferenceRow(f"{name}{n}", f"Where does {name} live?", f"In {place}.", f"{name} lives in {place}.")


def taste(**parts: tuple[PreferenceRow, ...]) -> DataSet:
    """Six people to learn from, one to validate with, one to test with."""
    rows = [pair(name, place) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True)]
    made = {"train": tuple(rows[:6]), "validation": tuple(rows[6:7]), "test": tuple(rows[7:]), **parts}
    counts = {part: len(some) for part, some in made.items()}
    return DataSet(Card("taste", "preference", counts, ("prompt", "chosen", "rejected")), **made)


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    return tiny.base(tmp_path / "base", taste())


def chosen(model: Path, **changed: Any) -> TuneSettings:
    return settings(model, **{"epochs": 6, "learning_rate": 3e-3, "narrowest": 0.0, "replay": None, **changed})


# pairs as tokens


def test_only_the_tokens_of_the_answers_count_and_both_follow_one_prompt(tiny_model: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    made = preferences.encode_pairs(taste(), tokenizer, 128).train[0]
    starts = [next(at for at, one in enumerate(row.labels) if one != -100) for row in (made.chosen, made.rejected)]
    assert made.chosen.ids[: starts[0]] == made.rejected.ids[: starts[1]]
    assert tokenizer.decode(made.chosen.ids[starts[0] :]).startswith("In Kestvik.<|im_end|>")
    assert made.n_tokens == len(made.chosen.ids) + len(made.rejected.ids)


def test_pairs_that_cannot_be_compared_whole_are_listed_with_the_reason(tiny_model: Path) -> None:
    long = PreferenceRow("long", "Where?", "In Tarn.", "In Tarn, " * 60)
    same = PreferenceRow("same", "Where?", "In Tarn.", "In Tarn.")
    made = preferences.encode_pairs(
        taste(train=(pair("Anna", "Tarn"), long, same)), base_model.load_tokenizer(tiny_model), 96
    )
    assert [one.id for one in made.train] == ["Anna0"]
    assert [(row["part"], row["id"]) for row in made.left_out] == [("train", "long"), ("train", "same")]
    assert "rejected answer needs" in made.left_out[0]["reason"] and "above 96" in made.left_out[0]["reason"]
    with pytest.raises(TuneFailed, match="no pair to learn from at 8 tokens an answer; the first: Anna0"):
        preferences.encode_pairs(taste(), base_model.load_tokenizer(tiny_model), 8)
    with pytest.raises(UsageError, match="'facts': is for chat"):
        preferences.encode_pairs(tiny.facts(), base_model.load_tokenizer(tiny_model), 96)


# the reference


def attached(folder: Path, wanted: TuneSettings, work: Path) -> Any:
    method = recipe.find(wanted.method)
    plan = MethodPlan(wanted, 8, base_model.load_tokenizer(folder), work)
    return method.attach(tuned.open_base(method, folder), plan).model


@pytest.mark.parametrize(
    "changed",
    [{"method": "lora"}, {"method": "lora", "init": "pissa"}, {"method": "prefix"}, {"method": "parallel-adapter"}],
    ids=lambda one: "-".join(one.values()),
)
def test_the_reference_is_the_base_whatever_the_method(
    changed: dict[str, Any], tiny_model: Path, tmp_path: Path
) -> None:
    wanted = chosen(tiny_model, **changed)
    pairs = preferences.encode_pairs(taste(), base_model.load_tokenizer(tiny_model), 128)
    plain = base_model.load_model(tiny_model)
    expected = reference.all_logprobs(plain, pairs.train, 2, batch=4, bf16=False)
    model = attached(tiny_model, wanted, tmp_path)
    with torch.no_grad():  # as after some steps
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3)

    def opened() -> reference.Opened:
        return reference.base_of(model, lambda: base_model.load_model(tiny_model), switch=reference.has_switch(wanted))

    found = reference.kept(tmp_path, {"train": pairs.train, "validation": ()}, opened, 2, batch=3, bf16=False)["train"]
    assert torch.allclose(torch.tensor(found), torch.tensor(expected), atol=1e-3)
    moved = reference.all_logprobs(model, pairs.train, 2, batch=3, bf16=False)
    assert not torch.allclose(torch.tensor(moved), torch.tensor(expected), atol=1e-2)
    assert all(parameter.requires_grad for name, parameter in model.named_parameters() if "lora_" in name)


def test_log_probabilities_of_rows_are_minus_their_losses(tiny_model: Path) -> None:
    model = base_model.load_model(tiny_model).eval()
    pairs = preferences.encode_pairs(taste(), base_model.load_tokenizer(tiny_model), 128).train
    rows = [pairs[0].chosen, pairs[1].rejected]
    alone = [-losses.summed(model, [row], 2, bf16=False).item() for row in rows]
    assert losses.logprobs(model, rows, 2, bf16=False).tolist() == pytest.approx(alone, rel=1e-4)


def test_a_model_does_not_diverge_from_itself_and_does_from_another(tiny_model: Path, tmp_path: Path) -> None:
    pairs = preferences.encode_pairs(taste(), base_model.load_tokenizer(tiny_model), 128).train
    rows = [pair.chosen for pair in pairs]
    model = attached(tiny_model, chosen(tiny_model), tmp_path).eval()
    switched = reference.base_of(model, lambda: base_model.load_model(tiny_model))
    assert heldout.distance(model, switched, rows, 2).kl == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    beside = reference.base_of(model, lambda: base_model.load_model(tiny_model), switch=False)
    far = heldout.distance(model, switched, rows, 2).kl
    assert far > 0.01 and far == pytest.approx(heldout.distance(model, beside, rows, 2).kl, rel=1e-3)


# runs


@pytest.mark.parametrize("objective", ["dpo", "cdpo", "ipo", "simpo", "orpo"])
def test_every_objective_learns_what_is_preferred(objective: str, base: KnowledgeBase, tiny_model: Path) -> None:
    result = run.start(base, chosen(tiny_model, objective=objective), name="run")
    scores = result.scores
    assert result.validation_before is not None and result.validation_loss is not None
    assert result.validation_loss < result.validation_before
    if objective in ("dpo", "cdpo"):
        assert result.validation_before == pytest.approx(math.log(2), abs=1e-5)
        assert scores["reward_accuracy"] == 1.0 and scores["reward_margin"] > 0
    assert scores["accuracy_before"] == 0.0 and scores["margin"] > scores["margin_before"]
    assert scores["kl"] > 0 and scores["held_out_pairs"] == 1.0 and scores["accuracy_by_length"] == 1.0
    assert state.read(result.folder).state == "finished"
    found = outcome.result_of(result.folder)
    assert found and found["scores"] == scores
    assert registry.find(base, "run", "").run.name == "run"
    if objective == "dpo":
        made = export.export(base, "run", "merged")
        assert made.agreements[0].identical == made.agreements[0].prompts


def test_full_tuning_and_an_adapter_without_a_switch_learn_as_well(base: KnowledgeBase, tiny_model: Path) -> None:
    for method in ("full", "parallel-adapter"):
        result = run.start(base, chosen(tiny_model, method=method, learning_rate=1e-3), name=method)
        assert result.validation_before == pytest.approx(math.log(2), abs=1e-5)
        assert result.scores["reward_accuracy"] == 1.0 and result.scores["kl"] > 0


def test_a_run_that_narrows_fails_with_that_reason_and_keeps_its_scores(tmp_path: Path, tiny_model: Path) -> None:
    rows = tuple(replace(pair(name, "Mirrey"), chosen="Anna lives in Tarn.") for name in tiny.NAMES)
    other = tuple(pair(name, place) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True))
    base = tiny.base(tmp_path / "base", taste(train=rows, validation=(), test=other))
    wanted = chosen(tiny_model, method="full", learning_rate=3e-3, epochs=20, batch=2, objective="orpo", narrowest=0.9)
    with pytest.raises(TuneFailed, match=r"the answers have narrowed: \d+% of their word pairs are distinct"):
        run.start(base, wanted, name="narrow")
    folder = state.folder_of(base.folder, "narrow")
    assert state.read(folder).state == "failed" and "have narrowed" in state.read(folder).reason
    kept = json.loads((folder / "result.json").read_text())["scores"]
    assert kept["distinct_2"] < 0.9 * min(kept["distinct_2_before"], kept["distinct_2_preferred"])


def test_without_held_out_pairs_the_result_says_what_is_not_known(tmp_path: Path, tiny_model: Path) -> None:
    base = tiny.base(tmp_path / "base", taste(validation=(), test=()))
    result = run.start(base, chosen(tiny_model), name="blind")
    assert not result.scores and "no pair was held out" in result.notes[0]


def test_what_only_conversations_have_is_refused(base: KnowledgeBase, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match=r"tune.rank_by = 'top'"):
        run.start(base, chosen(tiny_model, rank_by="top"), name="one")
    with pytest.raises(UsageError, match=r"tune.replay = 0.5"):
        run.start(base, chosen(tiny_model, replay=0.5), name="two")


def test_a_killed_run_of_preferences_ends_with_the_same_weights(base: KnowledgeBase, tiny_model: Path) -> None:
    wanted = chosen(tiny_model, epochs=10, dropout=0.1, patience=0, save_every_s=0.0, batch=2)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["wellread.tune.run", "torch", "transformers", "peft", "tests.tune.test_run"])
    assert _attempt(processes, base.folder, wanted, "whole", None) == 0
    chance, folder = random.Random(7), state.folder_of(base.folder, "cut")
    for kill in range(2):
        step = chance.uniform(kill, kill + 1) * 12  # of 30 steps
        assert _attempt(processes, base.folder, wanted, "cut", (step, chance.uniform(0, 0.01))) != 0
    assert _attempt(processes, base.folder, wanted, "cut", None) == 0
    assert checkpoint.latest(folder / "checkpoints")
    whole = state.folder_of(base.folder, "whole")
    for name in ("checkpoints", "best"):
        first, second = (_weights(one, name) for one in (whole, folder))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert losses_of(whole) == losses_of(folder)
    scores = [json.loads((one / "result.json").read_text())["scores"] for one in (whole, folder)]
    assert scores[0] == scores[1]


def test_settings_of_objectives_have_their_bounds() -> None:
    for changed in ({"beta": -1.0}, {"flipped": 0.5}, {"narrowest": 1.5}, {"beta": math.inf}):
        with pytest.raises(ValueError, match=next(iter(changed))):
            replace(TuneSettings(), **changed)
