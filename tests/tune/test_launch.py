"""A training for several processes comes to the weights of one; other trainers get settings that they know."""

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.tune import tiny
from tests.tune.test_tasks import classes, quick

from wellread.errors import UsageError
from wellread.tune.base import base_model
from wellread.tune.plan import launch
from wellread.tune.plan.launch import Launch
from wellread.tune.settings import TuneSettings
from wellread.tune.train import losses, probe, state, tuned
from wellread.tune.train.examples import encode_rows


def settings(model: Path, **changed: Any) -> TuneSettings:
    return quick(model, **{"epochs": 2, "batch": 4, "learning_rate": 1e-2, "replay": 0.0, "rehearse": 0, **changed})


def laid_out(place: Path, model: Path, wanted: Launch, **changed: Any) -> Path:
    base = tiny.base(place / "base")
    folder, _ = launch.write(base, settings(model, **changed), wanted, place / "out")
    return folder


def begun(folder: Path, processes: int) -> None:
    """Runs the training as run.sh does, in this environment."""
    words = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--master_port=29611"]
    words += ["-m", "wellread.tune.plan.distributed", "."]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_come_to_the_weights_of_one(tiny_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    found = {}
    for n in (1, 2):
        folder = laid_out(
            tmp_path / str(n), tiny_model, Launch(processes=n, cpu=True), optimizer="sgd", learning_rate=0.3
        )
        assert f"torchrun --nproc_per_node={n}" in (folder / "run.sh").read_text()
        begun(folder, n)
        found[n] = folder
    rows = {n: state.rows(at) for n, at in found.items()}
    assert [row["step"] for row in rows[2]] == list(range(1, 9))  # 16 rows in batches of 4, twice
    assert [row["loss"] for row in rows[2]] == pytest.approx([row["loss"] for row in rows[1]], rel=1e-4)
    one, two = (load_file(at / "best" / "adapter_model.safetensors") for at in found.values())
    assert all((one[name] - two[name]).abs().max() < 1e-4 for name in one)
    tokenizer = base_model.load_tokenizer(tiny_model)
    validation = encode_rows(tiny.facts(), tokenizer, 512).validation
    pad = probe.pad_of(tokenizer)
    before = losses.mean(base_model.load_model(tiny_model), validation, pad, batch=8, bf16=False)
    after = losses.mean(tuned.load(found[2] / "best", tiny_model), validation, pad, batch=8, bf16=False)
    assert before and after and after < before


def test_accelerate_reads_the_settings_that_are_written_for_it(tiny_model: Path, tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    for n, wanted in enumerate((Launch(8, zero=3), Launch(4, 2, zero=2), Launch(2, cpu=True), Launch(1))):
        folder = laid_out(tmp_path / str(n), tiny_model, wanted)
        found = load_config_from_file(str(folder / "accelerate.yaml"))
        assert found.num_processes == wanted.processes and found.num_machines == wanted.machines
        assert found.use_cpu is wanted.cpu
        assert found.distributed_type.value == ("DEEPSPEED" if wanted.zero else "MULTI_CPU" if wanted.cpu else "NO")
        if wanted.zero:
            file = folder / found.deepspeed_config["deepspeed_config_file"]
            assert json.loads(file.read_text())["zero_optimization"]["stage"] == wanted.zero


def test_rows_hold_exactly_what_is_learned(tiny_model: Path, tmp_path: Path) -> None:
    folder = laid_out(tmp_path, tiny_model, Launch())
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    wanted = encode_rows(tiny.facts(), base_model.load_tokenizer(tiny_model), 0).train
    assert [(tuple(row["ids"]), tuple(row["labels"])) for row in rows] == [(row.ids, row.labels) for row in wanted]


def test_trl_knows_every_setting_that_is_exported_for_it(tiny_model: Path, tmp_path: Path) -> None:
    from trl import ModelConfig, ScriptArguments, SFTConfig
    from trl.scripts.utils import DatasetMixtureConfig

    made = yaml.safe_load((laid_out(tmp_path, tiny_model, Launch(), dora=True) / "others" / "trl.yaml").read_text())
    known = {
        one.name
        for cls in (ModelConfig, ScriptArguments, SFTConfig, DatasetMixtureConfig)
        for one in dataclasses.fields(cls)
    }
    assert set(made) <= known
    assert made["use_dora"] is True and made["learning_rate"] == 1e-2


LLAMAFACTORY = """adam_beta1 bf16 cutoff_len dataset dataset_dir do_train finetuning_type gradient_accumulation_steps
learning_rate lora_alpha lora_dropout lora_rank lora_target lr_scheduler_type max_grad_norm model_name_or_path
num_train_epochs optim output_dir per_device_train_batch_size seed stage template use_dora use_rslora warmup_ratio
weight_decay"""
AXOLOTL = """adapter base_model bf16 chat_template datasets gradient_accumulation_steps learning_rate lora_alpha
lora_dropout lora_r lora_target_linear lora_target_modules lr_scheduler max_grad_norm micro_batch_size num_epochs
optimizer output_dir seed sequence_len test_datasets warmup_ratio weight_decay"""


@pytest.mark.parametrize(("file", "known"), [("llamafactory.yaml", LLAMAFACTORY), ("axolotl.yaml", AXOLOTL)])
def test_other_trainers_get_the_settings_under_their_own_names(
    tiny_model: Path, tmp_path: Path, file: str, known: str
) -> None:
    folder = laid_out(tmp_path, tiny_model, Launch(), targets=("q_proj", "v_proj")) / "others"
    made = yaml.safe_load((folder / file).read_text())
    assert set(made) <= set(known.split())
    assert made["weight_decay"] == 0.0 and made["learning_rate"] == 1e-2
    assert str(tiny_model) in (made.get("model_name_or_path"), made.get("base_model"))
    first = json.loads((folder / "train.jsonl").read_text().splitlines()[0])["messages"]
    assert [turn["role"] for turn in first] == ["user", "assistant"]
    about = json.loads((folder / "dataset_info.json").read_text())["wellread"]
    assert (folder / about["file_name"]).is_file()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"method": "adalora"}, "runs in one process"),
        ({"rank_by": "taylor"}, "is measured in one process"),
    ],
)
def test_what_processes_cannot_share_is_refused(
    tiny_model: Path, tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        laid_out(tmp_path, tiny_model, Launch(), **changed)
    assert not (tmp_path / "out").exists()


def test_a_launch_that_makes_no_sense_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--zero 1: is 0, 2 or 3"):
        Launch(zero=1)
    with pytest.raises(UsageError, match="leave out --cpu"):
        Launch(cpu=True, zero=2)
    base = tiny.base(tmp_path / "base", classes())
    with pytest.raises(UsageError, match="is for classify"):
        launch.write(base, replace(settings(tiny_model), method="lora"), Launch(), tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(UsageError, match="name a new folder"):
        launch.write(tiny.base(tmp_path / "b2"), settings(tiny_model), Launch(), tmp_path / "full")
