"""Which blocks matter, by gradients and by a forest: by hand, by property, and as a choice of a run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tune import tiny
from tests.tune.test_recipes import chosen

from wellread.errors import UsageError
from wellread.tune import recipe, run
from wellread.tune.layers import choose, forest, importance
from wellread.tune.train import state

SCORES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(0, 10), min_size=1, max_size=12)


class Two(torch.nn.Module):
    """y = a x + b x with a = 2 in one block and b = -3 in another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(1, 1, bias=False)
        self.second = torch.nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            self.first.weight.fill_(2.0)
            self.second.weight.fill_(-3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.first(x) + self.second(x)
        return made


def test_importances_by_gradient_are_those_worked_on_paper() -> None:
    model = Two()
    x = torch.tensor([[2.0]])
    losses = [lambda: model(x).square().sum()] * 2  # y = -2, dloss/dw = 2 y x = -8 for both weights
    found = {kind: importance.by_gradient(model, ["first", "second"], kind, losses) for kind in ("taylor", "fisher")}
    assert found["taylor"] == {"first": 16.0, "second": 24.0}
    assert found["fisher"] == {"first": 64.0, "second": 64.0}
    assert importance.by_gradient(model, ["first", "second"], "magnitude", losses) == {"first": 2.0, "second": 3.0}
    assert model.first.weight.grad is None


@given(SCORES, st.floats(0.1, 1.0), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_what_is_kept_stays_within_the_budget_unless_it_is_a_single_block(
    scores: dict[str, float], share: float, cost: int
) -> None:
    costs = {name: cost + len(name) for name in scores}
    budget = share * sum(costs.values())
    kept = importance.best_within(scores, costs, budget)
    assert kept
    assert len(kept) == 1 or sum(costs[name] for name in kept) <= budget
    assert len(set(kept)) == len(kept)
    assert scores[kept[0]] == max(scores.values())


@given(SCORES, st.floats(0.2, 1.0), st.integers(1, 16))
@settings(max_examples=60, deadline=None)
def test_ranks_cost_no_more_than_the_budget_and_follow_the_scores(
    scores: dict[str, float], share: float, rank: int
) -> None:
    costs = dict.fromkeys(scores, 10)
    budget = share * rank * sum(costs.values())
    given_out = importance.ranks(scores, costs, budget, rank)
    assert sum(costs[name] * value for name, value in given_out.items()) <= budget + 1e-9
    assert all(0 <= value <= importance.MOST_RANK * rank for value in given_out.values())
    best, worst = max(scores, key=lambda n: scores[n]), min(scores, key=lambda n: scores[n])
    assert given_out[best] >= given_out[worst] - 1


def test_top_means_nearest_to_the_output() -> None:
    costs = dict.fromkeys("abcd", 1)
    assert importance.top("abcd", costs, 2) == ["d", "c"]


def test_the_forest_finds_the_blocks_that_make_the_loss_fall() -> None:
    blocks = [f"b{n}" for n in range(10)]
    costs = dict.fromkeys(blocks, 1)

    def fall(trained: Any) -> float:
        return 3.0 * ("b7" in trained) + 2.0 * ("b2" in trained) + 0.01 * len(trained)

    scores = forest.rank(blocks, costs, 5, 60, fall, seed=0)
    assert sorted(scores, key=lambda name: -scores[name])[:2] == ["b7", "b2"]


def test_each_block_is_drawn_about_as_often_as_the_others() -> None:
    blocks = [f"b{n}" for n in range(12)]
    masks = forest.masks(blocks, dict.fromkeys(blocks, 1), 6, 24, seed=1)
    assert (masks.sum(1) == 6).all()
    assert masks.sum(0).min() >= 8
    assert len(np.unique(masks, axis=0)) > 12


@pytest.mark.parametrize("rank_by", ["top", "random", "taylor", "fisher", "magnitude", "forest"])
def test_each_ranking_ends_in_blocks_that_are_trained_and_in_frozen_ones(
    rank_by: str, tiny_model: Path, tmp_path: Path
) -> None:
    base = tiny.base(tmp_path / "base")
    result = run.start(base, chosen(tiny_model, "lora", rank_by=rank_by, budget=0.5, probes=6, learning_rate=2e-2))
    kept = json.loads((result.folder / choose.FILE).read_text())
    assert {"top", "random", rank_by} == set(kept["losses"])
    assert 0 < len(kept["kept"]) < len(kept["scores"]) == 4
    assert sum(kept["costs"][name] for name in kept["kept"]) <= 0.5 * sum(kept["costs"].values())
    config = json.loads((result.folder / "best" / "adapter_config.json").read_text())
    inside = {name.rpartition(".")[0] for name in config["target_modules"]}
    assert inside == set(kept["kept"])
    if rank_by == "top":
        assert "model.layers.1.mlp" in kept["kept"]


def test_ranks_are_shared_out_by_importance_within_the_budget(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    wanted = chosen(tiny_model, "lora", rank_by="taylor", spend="ranks", budget=0.5, rank=8, learning_rate=2e-2)
    result = run.start(base, wanted)
    ranks = json.loads((result.folder / choose.FILE).read_text())["ranks"]
    assert len(set(ranks.values())) > 1
    whole = run.start(base, replace(wanted, rank_by="all"), name="whole")
    assert 0.3 * whole.trained < result.trained <= 0.5 * whole.trained


def test_a_choice_is_made_once_for_a_run_and_kept(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    wanted = chosen(tiny_model, "lora", rank_by="random", learning_rate=2e-2)
    result = run.start(base, wanted)
    other = json.loads((result.folder / choose.FILE).read_text())
    other["kept"] = ["model.layers.0.mlp"]
    (result.folder / choose.FILE).write_text(json.dumps(other))
    again = choose.choice(result.folder, wanted, tiny_model, None, None, None)  # type: ignore[arg-type]
    assert again.blocks == ("model.layers.0.mlp",)


def test_a_ranking_of_a_method_without_blocks_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    with pytest.raises(UsageError, match="prompt trains no blocks"):
        run.start(base, chosen(tiny_model, "prompt", rank_by="taylor"))
    with pytest.raises(UsageError, match="full has no ranks to share out"):
        run.start(base, chosen(tiny_model, "full", rank_by="taylor", spend="ranks"), name="second")
    assert state.read(state.folder_of(base.folder, "second")).state == "failed"
    assert recipe.find("prompt").blocks == ()
