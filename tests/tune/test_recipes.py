"""Every method trains, changes what it should and nothing else, and predicts the same when it is read back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.tune import tiny
from tests.tune.test_run import settings

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune import recipe, run
from wellread.tune.base import base_model
from wellread.tune.recipe import RECIPES, Attached, LayerChoice, MethodPlan
from wellread.tune.settings import TuneSettings
from wellread.tune.train import examples, probe, session, state, tuned

RATES = {"full": 3e-3, "ia3": 3e-2, "prefix": 3e-2, "prompt": 0.1, "p-tuning": 1e-2}
LORAS = [
    {"rslora": True},
    {"dora": True},
    {"init": "pissa", "learning_rate": 1e-3},
    {"init": "olora", "learning_rate": 1e-3},
    {"init": "gaussian"},
    {"rank": 4, "targets": ("q_proj", "v_proj")},
    {"checkpointing": True},
    {"method": "full", "targets": ("up_proj",)},
]


def chosen(model: Path, method: str, **changed: Any) -> TuneSettings:
    rate = RATES.get(method, 1e-2)
    return settings(model, **{"method": method, "learning_rate": rate, "epochs": 4, "virtual_tokens": 8, **changed})


def attached(folder: Path, wanted: TuneSettings, work: Path, choice: LayerChoice = recipe.ALL) -> tuple[Attached, Any]:
    """A model made trainable and the task that it is trained on."""
    method, tokenizer = recipe.find(wanted.method), base_model.load_tokenizer(folder)
    torch.manual_seed(0)
    made = method.attach(tuned.open_base(method, folder), MethodPlan(wanted, 8, tokenizer, work, choice))
    rows = examples.encode_rows(tiny.facts(), tokenizer, 256)
    return made, session.task_of(made.model, rows, wanted, tokenizer, bf16=False)


def step(made: Attached, task: Any, number: int = 0) -> None:
    """One step of plain gradient descent on all rows."""
    rows = range(len(task.lengths[:16]))
    loss = task.loss(rows) / task.weight(rows)
    if made.penalty:
        loss = loss + made.penalty()
    loss.backward()
    with torch.no_grad():
        for parameter in session.trainable(made.model).values():
            if parameter.grad is not None:
                parameter -= 0.5 * parameter.grad
    if made.after_step:
        made.after_step(number)
    made.model.zero_grad()


@pytest.mark.parametrize("method", RECIPES)
def test_each_method_trains_saves_reloads_and_predicts_the_same(
    method: str, base_folder: KnowledgeBase, tiny_model: Path
) -> None:
    result = run.start(base_folder, chosen(tiny_model, method))
    assert result.validation_before and result.validation_loss
    assert result.validation_loss < result.validation_before
    _reads_back_the_same(result.folder, tiny_model, result.validation_loss)


@pytest.mark.parametrize("changed", LORAS, ids=lambda changed: "-".join(f"{k}={v}" for k, v in changed.items()))
def test_each_kind_of_lora_and_of_choice_reads_back_the_same(
    changed: dict[str, Any], base_folder: KnowledgeBase, tiny_model: Path
) -> None:
    result = run.start(base_folder, chosen(tiny_model, **{"method": "lora", **changed}))
    assert result.validation_loss
    _reads_back_the_same(result.folder, tiny_model, result.validation_loss)


def _reads_back_the_same(folder: Path, model: Path, loss: float) -> None:
    tokenizer = base_model.load_tokenizer(model)
    again = tuned.load(folder / "best", model)
    wanted = TuneSettings()
    task = session.task_of(again, examples.encode_rows(tiny.facts(), tokenizer, 256), wanted, tokenizer, bf16=False)
    assert task.validate() == pytest.approx(loss, abs=2e-5)
    said = probe.answer(again, tokenizer, ["Where does Anna live?"], bf16=False, most_tokens=4)
    assert len(said) == 1


@pytest.fixture
def base_folder(tmp_path: Path) -> KnowledgeBase:
    return tiny.base(tmp_path / "base")


@pytest.mark.parametrize("method", RECIPES)
def test_what_is_frozen_stays_bit_equal_and_what_is_learned_moves(
    method: str, tiny_model: Path, tmp_path: Path
) -> None:
    made, task = attached(tiny_model, chosen(tiny_model, method), tmp_path)
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    learned = set(session.trainable(made.model))
    for number in range(2):  # the first step moves only what does not begin at 0 times something
        step(made, task, number)
    after = dict(made.model.named_parameters())
    for name, weight in before.items():
        if name in learned:
            assert not torch.equal(weight, after[name]), name
        else:
            assert torch.equal(weight, after[name]), name


def test_adapters_begin_as_no_change_at_all(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    ids = torch.tensor([tokenizer("Where does Anna live?")["input_ids"]])
    with torch.no_grad():
        plain = base_model.load_model(tiny_model)(input_ids=ids).logits
        for method in ("lora", "adalora", "ia3", "series-adapter", "pfeiffer-adapter", "parallel-adapter"):
            made, _ = attached(tiny_model, chosen(tiny_model, method), tmp_path)
            assert torch.allclose(made.model.eval()(input_ids=ids).logits, plain, atol=1e-5), method


def test_a_pissa_adapter_fits_the_untouched_base_at_twice_the_rank(
    tiny_model: Path, base_folder: KnowledgeBase
) -> None:
    result = run.start(base_folder, chosen(tiny_model, "lora", init="pissa", rank=4, learning_rate=1e-3))
    weights = load_file(result.folder / "best" / "adapter_model.safetensors")
    assert {min(tensor.shape) for tensor in weights.values()} == {8}


def test_adalora_takes_ranks_away_until_its_budget_is_kept(tiny_model: Path, tmp_path: Path) -> None:
    wanted = chosen(tiny_model, "adalora", rank=4)
    made, task = attached(tiny_model, wanted, tmp_path)
    alive = []
    for number in range(8):
        step(made, task, number)
        values = [p for name, p in made.model.named_parameters() if ".lora_E." in name]
        alive.append(sum(int((value != 0).sum()) for value in values))
    n_modules = 14
    assert 4 * n_modules < alive[0] <= 6 * n_modules  # half as many again
    assert alive == sorted(alive, reverse=True)
    assert alive[-1] == 4 * n_modules
    ranks = {name: sum(one) for name, one in made.model.peft_config["default"].rank_pattern.items()}
    assert len(set(ranks.values())) > 1, "every module kept the same rank: nothing was re-allocated"


def test_a_resumed_adalora_run_has_its_importances_and_its_pattern_again(tiny_model: Path, tmp_path: Path) -> None:
    made, task = attached(tiny_model, chosen(tiny_model, "adalora", rank=4), tmp_path)
    for number in range(4):
        step(made, task, number)
    assert made.extra and made.restore
    kept = {name: tensor.clone() for name, tensor in made.extra().items()}
    other, _ = attached(tiny_model, chosen(tiny_model, "adalora", rank=4), tmp_path)
    assert other.restore and other.extra
    other.restore(kept)
    again = other.extra()
    assert kept.keys() == again.keys() and len(kept) > 14
    assert all(torch.equal(kept[name], again[name]) for name in kept)


def test_dropout_and_width_and_virtual_tokens_change_the_model(tiny_model: Path, tmp_path: Path) -> None:
    def size(method: str, **changed: Any) -> int:
        return session.n_trained(attached(tiny_model, chosen(tiny_model, method, **changed), tmp_path)[0].model)

    assert size("series-adapter", adapter_width=8) * 1.8 < size("series-adapter", adapter_width=16)
    assert size("series-adapter") == 2 * size("pfeiffer-adapter") == 2 * size("parallel-adapter")
    assert size("prompt", virtual_tokens=5) == 5 * 64
    assert size("lora", rank=8) == 2 * size("lora", rank=4)
    made, task = attached(tiny_model, chosen(tiny_model, "pfeiffer-adapter", dropout=0.5), tmp_path)
    step(made, task)
    made.model.train()
    first, second = (task.loss([0]).item() for _ in range(2))
    assert first != second


def test_prompt_tuning_begins_with_the_text_that_was_given(tiny_model: Path, tmp_path: Path) -> None:
    made, _ = attached(tiny_model, chosen(tiny_model, "prompt", prompt_text="Anna", virtual_tokens=3), tmp_path)
    tokenizer = base_model.load_tokenizer(tiny_model)
    ids = tokenizer("Anna", add_special_tokens=False)["input_ids"]
    words = made.model.get_input_embeddings().weight
    learned = made.model.prompt_encoder["default"].embedding.weight
    assert torch.equal(learned[0], words[ids[0]])


def test_prefix_tuning_refuses_to_compute_activations_twice(tiny_model: Path, base_folder: KnowledgeBase) -> None:
    with pytest.raises(UsageError, match=r"tune\.checkpointing = true: prefix tuning"):
        run.start(base_folder, chosen(tiny_model, "prefix", checkpointing=True))


def test_targets_that_name_no_module_are_refused_with_those_there_are(
    tiny_model: Path, base_folder: KnowledgeBase
) -> None:
    with pytest.raises(UsageError, match="names no module; there are down_proj, gate_proj"):
        run.start(base_folder, chosen(tiny_model, "lora", targets=("query",)))
    found = state.read(state.folder_of(base_folder.folder, "facts-lora"))
    assert found.state == "failed"


def test_only_the_chosen_blocks_are_trained_by_every_method_that_has_blocks(tiny_model: Path, tmp_path: Path) -> None:
    block = "model.layers.1.mlp"
    for method in ("full", "lora", "adalora", "ia3", "series-adapter", "pfeiffer-adapter", "parallel-adapter"):
        made, _ = attached(tiny_model, chosen(tiny_model, method), tmp_path, LayerChoice(blocks=(block,)))
        names = list(session.trainable(made.model))
        assert names and all(block in name for name in names), method


def test_ranks_of_a_choice_are_those_of_the_modules(tiny_model: Path, tmp_path: Path) -> None:
    ranks = {"model.layers.0.mlp.up_proj": 3, "model.layers.1.mlp.up_proj": 9, "model.layers.1.mlp.gate_proj": 0}
    made, _ = attached(tiny_model, chosen(tiny_model, "lora"), tmp_path, LayerChoice(ranks=ranks))
    found = {name: len(weight) for name, weight in session.trainable(made.model).items() if "lora_A" in name}
    assert sorted(found.values()) == [3, 9]
    scales = {one.scaling["default"] for one in made.model.modules() if hasattr(one, "lora_A")}
    assert len(scales) == 1  # a module with more ranks is not louder for it
