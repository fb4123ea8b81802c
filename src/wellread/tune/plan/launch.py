"""The same training on more than this machine: a folder with all that ``accelerate launch`` or another trainer needs.

rows.jsonl        the examples as token ids with labels: exactly what is learned, whoever trains
recipe.json       settings, base, and how many steps
accelerate.yaml   processes, and DeepSpeed's ZeRO-2 or 3 (deepspeed-zero2.json, deepspeed-zero3.json) where asked
run.sh            the command
others/           the same settings for axolotl, LLaMA-Factory and TRL, with the conversations as JSON lines
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wellread import config
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune import recipe
from wellread.tune import run as training
from wellread.tune.base import base_model
from wellread.tune.data import data as datasets
from wellread.tune.data.data import ChatRow, DataSet, PairRow, Row
from wellread.tune.settings import TuneSettings
from wellread.tune.train import examples, session

ROWS, RECIPE = "rows.jsonl", "recipe.json"
SPREADABLE = ("full", "lora", "series-adapter", "pfeiffer-adapter", "parallel-adapter", "ia3")
SCHEDULES = {"inverse-sqrt": "inverse_sqrt", "wsd": "warmup_stable_decay", "slanted": "linear"}  # names elsewhere
OPTIMIZERS = {"adamw": "adamw_torch", "adam": "adamw_torch", "sgd": "sgd", "adafactor": "adafactor"}


@dataclass(frozen=True, slots=True)
class Launch:
    """How many processes, on what, and which stage of ZeRO (0: none; 2: gradients and optimizer; 3: weights too)."""

    processes: int = 2
    machines: int = 1
    cpu: bool = False
    zero: int = 0

    def __post_init__(self) -> None:
        if self.processes < 1 or self.machines < 1:
            raise UsageError("--processes and --machines: are at least 1")
        if self.zero not in (0, 2, 3):
            raise UsageError(f"--zero {self.zero}: is 0, 2 or 3")
        if self.cpu and self.zero:
            raise UsageError("--zero: spreads the memory of accelerators; leave out --cpu")


def write(base: KnowledgeBase, settings: TuneSettings, launch: Launch, out: Path) -> tuple[Path, list[str]]:
    """The folder ``out``, all or nothing, and the command that begins the training.

    Raises: UsageError where ``out`` holds something, or the method keeps state that processes cannot share;
        as ``run.start`` where data set or base do not fit.
    """
    if settings.method not in SPREADABLE:
        spread = ", ".join(SPREADABLE)
        raise UsageError(f"tune.method = '{settings.method}': runs in one process; these spread: {spread}")
    if settings.rank_by != "all":
        raise UsageError("tune.rank_by: is measured in one process; set it to all, or name tune.targets")
    data = datasets.load(datasets.find(base, training.chosen_data(base, settings)))
    if training.kind_of(data, settings) != "conversations":
        raise UsageError(f"data set '{data.card.name}': is for {data.card.task}, which one machine learns in minutes")
    out = out.expanduser().absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there already; name a new folder")
    weights, _, digest = base_model.resolve(settings.base, config.models_folder())
    tokenizer = base_model.load_tokenizer(weights)
    rows = examples.encode_rows(data, tokenizer, settings.max_length)
    replay = session.replay_of(rows, settings)
    rate = settings.learning_rate or recipe.find(settings.method).learning_rate
    about: dict[str, Any] = {
        "settings": asdict(settings),
        "base": {"name": settings.base, "digest": digest, "folder": str(weights)},
        "data": {"name": data.card.name, "hash": data.card.hash},
        "learning_rate": rate,
        "n_own": len(rows.train),
        "replay": replay,
        "cpu": launch.cpu,
        "zero": launch.zero,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        encoded = [*rows.train, *(rows.general if replay else ())]
        lines = [json.dumps({"ids": row.ids, "labels": row.labels}) for row in encoded]
        (work / ROWS).write_text("\n".join(lines) + "\n", "utf-8")
        (work / RECIPE).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        command = _configs(work, launch, settings)
        _others(work / "others", data, settings, weights, rows.max_length, rate)
        work.chmod(0o755)
        if out.exists():
            out.rmdir()
        work.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return out, command


def command_of(launch: Launch) -> list[str]:
    """What is typed in the folder; processes of a CPU are begun by torchrun, whose group accelerate then finds."""
    if launch.cpu:
        return ["torchrun", f"--nproc_per_node={launch.processes}", "-m", "wellread.tune.plan.distributed", "."]
    return ["accelerate", "launch", "--config_file", "accelerate.yaml", "-m", "wellread.tune.plan.distributed", "."]


def _configs(work: Path, launch: Launch, settings: TuneSettings) -> list[str]:
    for stage in (2, 3):
        (work / f"deepspeed-zero{stage}.json").write_text(json.dumps(zero(stage, settings), indent=1) + "\n", "utf-8")
    (work / "accelerate.yaml").write_text(yaml(accelerate(launch)), "utf-8")
    command = command_of(launch)
    (work / "run.sh").write_text(f'#!/bin/sh\ncd "$(dirname "$0")" && exec {" ".join(command)}\n', "utf-8")
    (work / "run.sh").chmod(0o755)
    return command


def accelerate(launch: Launch) -> dict[str, Any]:
    """The settings file of accelerate."""
    many = launch.processes > 1
    kind = "DEEPSPEED" if launch.zero else ("MULTI_CPU" if launch.cpu else "MULTI_GPU") if many else "NO"
    made: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": kind,
        "use_cpu": launch.cpu,
        "num_machines": launch.machines,
        "num_processes": launch.processes,
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": "no" if launch.cpu else "bf16",
        "same_network": True,
        "rdzv_backend": "static",
    }
    if launch.zero:
        made["deepspeed_config"] = {
            "deepspeed_config_file": f"deepspeed-zero{launch.zero}.json",
            "zero3_init_flag": launch.zero == 3,
        }
        del made["mixed_precision"]  # DeepSpeed's file says it
    return made


def zero(stage: int, settings: TuneSettings) -> dict[str, Any]:
    """DeepSpeed's settings: ZeRO-2 shares gradients and optimizer among processes, ZeRO-3 the weights too.

    Source: Rajbhandari et al., SC 2020.
    """
    shared: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": True,
        "contiguous_gradients": True,
        "reduce_scatter": True,
    }
    if stage == 3:
        shared |= {"stage3_gather_16bit_weights_on_model_save": True, "stage3_prefetch_bucket_size": "auto"}
        shared |= {"stage3_param_persistence_threshold": "auto", "reduce_bucket_size": "auto"}
    return {
        "bf16": {"enabled": True},
        "zero_optimization": shared,
        "gradient_clipping": settings.clip or 0.0,
        "gradient_accumulation_steps": 1,  # the recipe sums its own batches
        "train_micro_batch_size_per_gpu": settings.batch,
        "zero_allow_untested_optimizer": True,
    }


# other trainers


def _others(folder: Path, data: DataSet, settings: TuneSettings, weights: Path, longest: int, rate: float) -> None:
    folder.mkdir()
    for part in ("train", "validation"):
        lines = [json.dumps({"messages": _turns(row)}, ensure_ascii=False) for row in getattr(data, part)]
        (folder / f"{part}.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    tested = bool(data.validation)
    (folder / "axolotl.yaml").write_text(yaml(axolotl(settings, weights, longest, rate, tested=tested)), "utf-8")
    (folder / "llamafactory.yaml").write_text(yaml(llamafactory(settings, weights, longest, rate)), "utf-8")
    (folder / "dataset_info.json").write_text(json.dumps(DATASET_INFO, indent=1) + "\n", "utf-8")
    (folder / "trl.yaml").write_text(yaml(trl(settings, weights, longest, rate)), "utf-8")


def _turns(row: Row) -> list[dict[str, str]]:
    if isinstance(row, ChatRow):
        return [{"role": turn.role, "content": turn.content} for turn in row.messages]
    if isinstance(row, PairRow):
        return [{"role": "user", "content": row.source}, {"role": "assistant", "content": row.target}]
    raise UsageError("running texts have no turns; other trainers take conversations and pairs")


DATASET_INFO: Mapping[str, Any] = {  # LLaMA-Factory's
    "wellread": {
        "file_name": "train.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }
}


def axolotl(s: TuneSettings, weights: Path, longest: int, rate: float, *, tested: bool) -> dict[str, Any]:
    """Settings of axolotl; the assistant's turns alone are learned, with their ends."""
    rows: dict[str, Any] = {"ds_type": "json", "type": "chat_template", "field_messages": "messages"}
    rows |= {"roles_to_train": ["assistant"], "train_on_eos": "turn"}
    made: dict[str, Any] = {
        "base_model": str(weights),
        "datasets": [{"path": "train.jsonl", **rows}],
        "chat_template": "tokenizer_default",
        "sequence_len": longest,
        "micro_batch_size": s.batch,
        "gradient_accumulation_steps": s.accumulate,
        "num_epochs": s.epochs,
        "learning_rate": rate,
        "lr_scheduler": SCHEDULES.get(s.schedule, s.schedule),
        "warmup_ratio": s.warmup,
        "optimizer": OPTIMIZERS[s.optimizer],
        "weight_decay": s.weight_decay,
        "max_grad_norm": s.clip,
        "bf16": "auto",
        "seed": s.seed,
        "output_dir": "axolotl-out",
    }
    if tested:
        made["test_datasets"] = [{"path": "validation.jsonl", "split": "train", **rows}]
    if s.method == "lora":
        made |= {"adapter": "lora", "lora_r": s.rank, "lora_alpha": s.alpha, "lora_dropout": s.dropout}
        made |= {"lora_target_modules": list(s.targets)} if s.targets else {"lora_target_linear": True}
    return made


def llamafactory(s: TuneSettings, weights: Path, longest: int, rate: float) -> dict[str, Any]:
    """Settings of LLaMA-Factory; ``template`` is one of its own names, which is to be looked at."""
    made: dict[str, Any] = {
        "model_name_or_path": str(weights),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora" if s.method == "lora" else "full",
        "dataset_dir": ".",
        "dataset": "wellread",
        "template": "chatml",
        "cutoff_len": longest,
        "per_device_train_batch_size": s.batch,
        "gradient_accumulation_steps": s.accumulate,
        "num_train_epochs": float(s.epochs),
        "learning_rate": rate,
        "lr_scheduler_type": SCHEDULES.get(s.schedule, s.schedule),
        "warmup_ratio": s.warmup,
        "optim": OPTIMIZERS[s.optimizer],
        "weight_decay": s.weight_decay,
        "max_grad_norm": s.clip,
        "seed": s.seed,
        "bf16": True,
        "output_dir": "llamafactory-out",
    }
    if s.method == "lora":
        made |= {"lora_rank": s.rank, "lora_alpha": int(s.alpha), "lora_dropout": s.dropout}
        made |= {"lora_target": ",".join(s.targets) or "all", "use_rslora": s.rslora, "use_dora": s.dora}
    return made


def trl(s: TuneSettings, weights: Path, longest: int, rate: float) -> dict[str, Any]:
    """Settings for ``trl sft --config``, in TRL's and transformers' names."""
    made: dict[str, Any] = {
        "model_name_or_path": str(weights),
        "datasets": [{"path": "json", "data_files": "train.jsonl"}],
        "max_length": longest,
        "per_device_train_batch_size": s.batch,
        "gradient_accumulation_steps": s.accumulate,
        "num_train_epochs": float(s.epochs),
        "learning_rate": rate,
        "lr_scheduler_type": SCHEDULES.get(s.schedule, s.schedule),
        "warmup_steps": s.warmup,  # below 1 it is a share of all steps
        "optim": OPTIMIZERS[s.optimizer],
        "weight_decay": s.weight_decay,
        "max_grad_norm": s.clip,
        "seed": s.seed,
        "assistant_only_loss": True,
        "output_dir": "trl-out",
    }
    if s.method == "lora":
        made |= {"use_peft": True, "lora_r": s.rank, "lora_alpha": int(s.alpha), "lora_dropout": s.dropout}
        made |= {"lora_target_modules": list(s.targets) or ["all-linear"], "use_rslora": s.rslora, "use_dora": s.dora}
    return made


def yaml(values: Mapping[str, Any], indent: str = "") -> str:
    """Plain values as YAML, whose flow style is JSON: a line a key, tables indented."""
    lines = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{key}:\n{yaml(value, indent + '  ')}".rstrip("\n"))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            lines += [f"{indent}{key}:", *(f"{indent}- {json.dumps(one, ensure_ascii=False)}" for one in value)]
        else:
            lines.append(f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
