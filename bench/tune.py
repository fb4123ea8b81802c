"""What training gives and costs, on the embedded chat model:

    python -m bench.tune facts        55 facts taught with LoRA: recall on phrasings never seen, and what was forgotten
    python -m bench.tune throughput   tokens/s beside a plain TRL script, with its settings and with its defaults
    python -m bench.tune memory       bytes of the weights in NF4 beside float32
    python -m bench.tune survive      kill -9 at random points, resumed, same weights
    python -m bench.tune adapters     adapters at equal numbers of trained weights
    python -m bench.tune rankings     what to train, at equal numbers of trained weights

Each works in a folder of its own under --work and keeps its figures in bench/results/tune-NAME.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.common import ROOT, interval, keep
from wellread import config
from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Message
from wellread.tune import recipe, run
from wellread.tune.base import base_model, device, quantized
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ChatRow, DataSet, row_id
from wellread.tune.settings import TuneSettings
from wellread.tune.train import checkpoint, probe, state, tuned

FACTS = ROOT / "samples" / "harbour" / "facts.jsonl"
LEARNED, VALIDATED = 5, 1  # of eight phrasings; the last two are never seen and give the recall


def facts() -> list[dict[str, Any]]:
    """The facts of the sample organisation."""
    return [json.loads(line) for line in FACTS.read_text("utf-8").splitlines() if line.strip()]


def row(question: str, answer: str, fact: str) -> ChatRow:
    """A question and its answer."""
    turns = (Message("user", question), Message("assistant", answer))
    return ChatRow(row_id(question, answer), turns, kind="qa", fact=fact)


TELL = ("Tell me a fact about Havrin Line.", "What do you know about Havrin Line?", "Say something about the company.")


def mixture(name: str) -> DataSet:
    """The facts as a data set.

    ``qa`` answers five phrasings with a sentence, ``short`` with the bare answer, ``one`` answers a single phrasing;
    ``statements`` holds no question of the facts at all, ``mixed`` adds statements to ``qa``.
    """
    parts: dict[str, list[ChatRow]] = {"train": [], "validation": [], "test": []}
    for fact in facts():
        said = {"short": fact["answer"]}.get(name, fact["statement"])
        for at, question in enumerate(fact["phrasings"]):
            part = "train" if at < LEARNED else "validation" if at < LEARNED + VALIDATED else "test"
            if part == "train" and (name == "statements" or (name == "one" and at)):
                continue
            parts[part].append(row(question, said, fact["id"]))
        if name in ("statements", "mixed"):
            parts["train"] += [row(tell, fact["statement"], fact["id"]) for tell in TELL]
    counts = {part: len(rows) for part, rows in parts.items()}
    made = {part: tuple(rows) for part, rows in parts.items()}
    return DataSet(Card(f"facts-{name}", "chat", counts, ("messages",)), **made)


def base_in(work: Path) -> KnowledgeBase:
    """The base of the measurements."""
    return KnowledgeBase.open(work) if (work / "wellread.toml").is_file() else KnowledgeBase.create(work)


def recall(model: Any, tokenizer: Any, phrasing: Sequence[int]) -> dict[str, Any]:
    """Share of facts whose answer is held by what the model says to the phrasings of these numbers."""
    asked = [(fact["phrasings"][at], fact["answer"]) for fact in facts() for at in phrasing]
    said = probe.answer(model, tokenizer, [question for question, _ in asked], bf16=False, most_tokens=40)
    return interval([probe.holds(text, [answer]) for text, (_, answer) in zip(said, asked, strict=True)])


def teach(work: Path, mix: str, settings: TuneSettings, name: str) -> dict[str, Any]:
    """Trains on a mixture and measures recall on seen and unseen phrasings, forgetting and time."""
    with base_in(work) as base:
        data = mixture(mix)
        datasets.freeze(data, datasets.folder_of(base.folder, data.card.name), replace_old=True)
        begun = time.perf_counter()
        found = run.start(base, settings, name=name, progress=Shown())
        wall = time.perf_counter() - begun
    folder, _, _ = base_model.resolve(settings.base, config.models_folder())
    tokenizer = base_model.load_tokenizer(folder)
    model = tuned.load(found.folder / "best", folder)
    assert found.probe_before and found.probe_after and found.forgotten
    return {
        "mixture": mix,
        "settings": {"epochs": settings.epochs, "learning_rate": settings.learning_rate, "replay": settings.replay},
        "seed": settings.seed,
        "recall_unseen": recall(model, tokenizer, range(LEARNED + VALIDATED, 8)),
        "recall_seen": recall(model, tokenizer, [0]),
        "general_right": [round(found.probe_before.right, 3), round(found.probe_after.right, 3)],
        "text_loss": [round(found.probe_before.text_loss, 3), round(found.probe_after.text_loss, 3)],
        "text_loss_rise": round(found.forgotten.text_loss, 4),
        "answer_loss": [round(found.probe_before.answer_loss, 3), round(found.probe_after.answer_loss, 3)],
        "validation": [found.validation_before, found.validation_loss],
        "best_step": found.best_step,
        "steps": found.steps,
        "trained": found.trained,
        "train_s": found.seconds,
        "wall_s": round(wall, 1),
        "tokens": found.tokens,
        "tokens_per_s": found.tokens_per_s,
        "peak_memory_mb": found.peak_memory_mb,
    }


class Shown:
    """Progress as lines, now and then."""

    def __init__(self) -> None:
        self._at = 0.0

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        """A line every ten seconds."""
        if time.monotonic() - self._at > 10:
            self._at = time.monotonic()
            print(f"  {stage} {done} of {total} {note}", flush=True)


# throughput


PLAIN = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

rows, folder, out, steps, same, threads = json.loads(sys.argv[1]), *sys.argv[2:4], *map(int, sys.argv[4:7])
torch.set_num_threads(threads)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
data = Dataset.from_list([{"prompt": [q], "completion": [a]} for q, a in json.load(open(rows))])
seen = {"tokens": 0, "wall": 0.0, "cpu": 0.0, "steps": 0}
options = dict(gradient_checkpointing=False, bf16=True, train_sampling_strategy="group_by_length") if same else {}
config = SFTConfig(out, max_steps=steps, learning_rate=5e-4, use_cpu=True, save_strategy="no", seed=0, **options)

class Timed(TrainerCallback):
    def on_step_begin(self, *_, **__):
        self.begun = time.perf_counter(), time.process_time()
    def on_step_end(self, args, state, *_, **__):
        if state.global_step > 2:
            seen["wall"] += time.perf_counter() - self.begun[0]
            seen["cpu"] += time.process_time() - self.begun[1]
            seen["tokens"] += counted[-1]
            seen["steps"] += 1

counted = []
class Counted(SFTTrainer):
    def training_step(self, model, inputs, *rest):
        counted.append(int(inputs["attention_mask"].sum()))
        return super().training_step(model, inputs, *rest)

tokenizer = AutoTokenizer.from_pretrained(folder)
lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
trainer = Counted(model, config, train_dataset=data, processing_class=tokenizer, peft_config=lora, callbacks=[Timed()])
trainer.train()
print("FIGURES", json.dumps(seen))
"""
OURS = """
import json, sys, tempfile, time
from pathlib import Path
from bench import tune as bench
from wellread.tune import base_model, device, examples, loop, recipe, session, tuned
from wellread.tune.recipe import Plan
from wellread.tune.settings import TuneSettings

folder, steps, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
device.quiet_libraries()
device.set_threads(threads)
settings = TuneSettings(max_steps=steps, replay=0.0, epochs=50, save_every_s=1e9, patience=0, validate_every=10**6)
tokenizer, method = base_model.load_tokenizer(folder), recipe.find("lora")
rows = examples.encode_rows(bench.mixture("qa"), tokenizer, 512)
course = session.course_of(rows, settings, 0.0)
work = Path(tempfile.mkdtemp())
trained = session.attach(method, tuned.open_base(method, folder), Plan(settings, course.total, tokenizer, work), {})
dtype = session.dtype_of(trained.model, rows, settings, tokenizer)
task = session.task_of(trained.model, rows, settings, tokenizer, bf16=dtype == "bfloat16")
seen = {"tokens": 0, "wall": 0.0, "cpu": 0.0, "steps": 0, "dtype": dtype}
last = {"wall": 0.0, "cpu": 0.0, "tokens": 0}

def record(row):
    now = {"wall": row.get("seconds", 0.0), "cpu": time.process_time(), "tokens": row.get("tokens", 0)}
    if row["step"] > 2 and "loss" in row:
        for key in now:
            seen[key] += now[key] - last[key]
        seen["steps"] += 1
    last.update(now)

task.validate = lambda: None  # nothing but steps is timed
loop.run(trained, task, course, 5e-4, work, record)
print("FIGURES", json.dumps(seen))
"""


def throughput(work: Path, steps: int, rounds: int) -> dict[str, Any]:
    """Tokens/s of our LoRA beside TRL with the same settings and with its own, in turns, padding not counted."""
    folder, _, _ = base_model.resolve(TuneSettings().base, config.models_folder())
    rows = work / "rows.json"
    turns = [[asdict(turn) for turn in one.messages] for one in mixture("qa").train if isinstance(one, ChatRow)]
    rows.write_text(json.dumps(turns), "utf-8")
    threads = str(len(os.sched_getaffinity(0)))
    commands = {
        "wellread": [sys.executable, "-c", OURS, str(folder), str(steps), threads],
        "trl, same settings": [
            sys.executable, "-c", PLAIN, json.dumps(str(rows)), str(folder), str(work / "trl"), str(steps), "1", threads
        ],
        "trl, its defaults": [
            sys.executable, "-c", PLAIN, json.dumps(str(rows)), str(folder), str(work / "trl"), str(steps), "0", threads
        ],
    }  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
            lines = [line for line in done.stdout.splitlines() if line.startswith("FIGURES")]
            if not lines:
                sys.exit(f"{name}: {done.stderr[-2000:]}")
            found[name].append(json.loads(lines[-1].removeprefix("FIGURES")))
            print(f"  {name}: {found[name][-1]}", flush=True)
    speeds = {
        name: {
            clock: round(sum(one["tokens"] for one in all_) / sum(one[clock] for one in all_), 1)
            for clock in ("wall", "cpu")
        }
        for name, all_ in found.items()
    }
    ours = speeds["wellread"]
    ratios = {
        name: {clock: round(ours[clock] / speeds[name][clock], 2) for clock in ("wall", "cpu")}
        for name in speeds
        if name != "wellread"
    }
    return {"tokens_per_s": speeds, "ratio": ratios, "rounds": found}


# memory


def memory() -> dict[str, Any]:
    """Megabytes of all weights with a LoRA of rank 16 on them, in float32 and in NF4."""
    device.quiet_libraries()
    folder, _, _ = base_model.resolve(TuneSettings().base, config.models_folder())
    tokenizer, found = base_model.load_tokenizer(folder), {}
    for name in ("lora", "qlora"):
        method = recipe.find(name)
        plan = recipe.MethodPlan(TuneSettings(method=name), 1, tokenizer, Path())
        made = method.attach(tuned.open_base(method, folder), plan)
        found[name] = round(quantized.weight_bytes(made.model) / 1e6, 1)
    return {"weights_mb": found, "ratio": round(found["qlora"] / found["lora"], 3)}


# kill -9


def survive(work: Path, kills: int, steps: int) -> dict[str, Any]:
    """Whether a run of the real model that is killed at random instants ends with the weights of an undisturbed one."""
    base_in(work).close()
    with base_in(work) as base:
        data = mixture("qa")
        datasets.freeze(data, datasets.folder_of(base.folder, data.card.name), replace_old=True)
    options = [f"tune.max_steps={steps}", "tune.save_every_s=0", "tune.probe=false", "tune.dropout=0.05"]
    options += ["tune.validate_every=6", "tune.dtype=bfloat16", "tune.data=facts-qa"]
    command = [sys.executable, "-m", "wellread", "--base", str(work), "tune", "run", "--json", "--quiet"]
    command += [word for option in options for word in ("--set", option)]
    subprocess.run([*command, "--yes", "--name", "whole"], check=True, stdout=subprocess.DEVNULL)
    chance, points = random.Random(0), []
    folder = state.folder_of(work, "cut")
    for kill in range(kills):
        started = (folder / "run.json").exists()
        how = [*command[:8], "--resume", "cut"] if started else [*command, "--yes", "--name", "cut"]
        process = subprocess.Popen(how, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        reached = _reached(folder)
        while kill and process.poll() is None and _reached(folder) == reached:
            time.sleep(0.05)
        time.sleep(chance.uniform(0.0, 3.0) if kill else 4.0)  # the first dies while it sets up
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        points.append(_reached(folder))
        print(f"  killed at {points[-1]}", flush=True)
    if state.read(folder).state != "finished":
        subprocess.run([*command[:8], "--resume", "cut"], check=True, stdout=subprocess.DEVNULL)
    same = {}
    for name in ("checkpoints", "best"):
        first, second = (_digests(one / name) for one in (state.folder_of(work, "whole"), folder))
        same[name] = first == second
    losses = [[row.get("loss") for row in state.rows(state.folder_of(work, one))] for one in ("whole", "cut")]
    return {"kills": len(points), "points": points, "same_weights": same, "same_losses": losses[0] == losses[1]}


def _reached(folder: Path) -> str:
    last = checkpoint.latest(folder / "checkpoints")
    return last.name if last else "before the first step"


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.safetensors"))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# equal numbers of trained weights


EQUAL: dict[str, dict[str, Any]] = {  # about 1.83 million trained weights of the embedded model
    "lora": {"rank": 6, "alpha": 12.0, "learning_rate": 1e-3},
    "adalora": {"rank": 4, "alpha": 12.0},  # its own rate, 2e-3: at 1e-3 it learned next to nothing
    "series-adapter": {"adapter_width": 26},
    "pfeiffer-adapter": {"adapter_width": 52},
    "parallel-adapter": {"adapter_width": 52},
}
RANKINGS = ("all", "top", "random", "taylor", "fisher", "magnitude", "forest")


def table(work: Path, rows: dict[str, dict[str, Any]], epochs: int) -> list[dict[str, Any]]:
    """Each set of settings on the same facts: recall, forgetting, weights and seconds."""
    found = []
    for name, changed in rows.items():
        wanted = TuneSettings(data="facts-qa", epochs=epochs, replay=0.25, **changed)
        one = teach(work, "qa", wanted, name)
        found.append({"name": name, **{key: one[key] for key in SHOWN}})
        print(json.dumps(found[-1]), flush=True)
    return found


SHOWN = ("trained", "recall_unseen", "text_loss_rise", "general_right", "validation", "train_s", "tokens_per_s")


def main() -> None:
    """Runs one measurement and keeps its figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["facts", "throughput", "memory", "survive", "adapters", "rankings"])
    parser.add_argument("--work", type=Path, default=Path("/tmp/wellread-bench-tune"), help="where the bases lie")
    parser.add_argument("--mixture", default="qa", help="qa, short, one, statements or mixed")
    parser.add_argument("--epochs", type=int, default=0, help="of a run")
    parser.add_argument("--learning-rate", type=float, default=0.0, help="of facts")
    parser.add_argument("--replay", type=float, default=0.25, help="of facts")
    parser.add_argument("--seed", type=int, default=0, help="of facts")
    parser.add_argument("--steps", type=int, default=20, help="of throughput; of survive, at least as many as kills")
    parser.add_argument("--rounds", type=int, default=2, help="of throughput")
    parser.add_argument("--kills", type=int, default=10, help="of survive")
    given = parser.parse_args()
    work = given.work / f"{given.what}-{time.time_ns()}"
    work.mkdir(parents=True)
    name = f"tune-{given.what}"
    if given.what == "facts":
        rate = given.learning_rate or TuneSettings().learning_rate
        wanted = TuneSettings(
            data=f"facts-{given.mixture}",
            epochs=given.epochs or 10,
            learning_rate=rate,
            replay=given.replay,
            seed=given.seed,
        )
        keep(f"{name}-{given.mixture}", teach(work, given.mixture, wanted, given.mixture))
    elif given.what == "throughput":
        keep(name, throughput(work, given.steps, given.rounds))
    elif given.what == "memory":
        keep(name, memory())
    elif given.what == "survive":
        keep(name, survive(work, given.kills, given.steps))
    elif given.what == "adapters":
        chosen = {method: {"method": method, **changed} for method, changed in EQUAL.items()}
        keep(name, {"rows": table(work, chosen, given.epochs or 4)})
    else:
        chosen = {ranking: {"rank_by": ranking, "budget": 0.25, "learning_rate": 1e-3} for ranking in RANKINGS}
        keep(name, {"rows": table(work, chosen, given.epochs or 4)})


if __name__ == "__main__":
    main()
