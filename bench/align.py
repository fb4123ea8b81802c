"""Learning from preferences: what each objective does to held-out pairs, beside the base model, in seconds and nats.

    python -m bench.align [anthropic_persona_dev] [--behaviour agreeableness] [--rows 160] [--objectives dpo ppo]
    python -m bench.align hh_harmless_test --rows 200 --objectives reward

Pairs are split by prompt: six in ten to learn from, two to validate with, two to test with. The model is SmolLM2-135M
as it ships (``wellread models pull smollm2-135m``). ``reward`` fits the reward model alone, beside length.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.common import data, interval, rows
from wellread import KnowledgeBase, config
from wellread.tune import run
from wellread.tune.align import preferences, reward
from wellread.tune.base import base_model
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, DataSet, PreferenceRow
from wellread.tune.settings import TuneSettings
from wellread.tune.train import probe, state
from wellread.tune.train.loop import TuneFailed
from wellread.tune.train.outcome import result_of

SHOWN = ("accuracy_before", "accuracy", "accuracy_by_length", "kl", "distinct_2_before", "distinct_2", "words")


def pairs_of(name: str, behaviour: str, most: int) -> list[PreferenceRow]:
    """The first ``most`` pairs of a set, of one behaviour where it is named."""
    found = [row for row in rows(data(name) / "pairs.jsonl") if not behaviour or row.get("behavior") == behaviour]
    return [PreferenceRow(f"p{n}", *_split(row)) for n, row in enumerate(found[:most])]


def _split(row: dict[str, str]) -> tuple[str, str, str]:
    """Prompt, preferred and rejected answer; of a transcript the last turn of the assistant is the answer."""
    if "prompt" in row:
        return row["prompt"], row["chosen"], row["rejected"]
    prompt, mark, chosen = row["chosen"].rpartition("\n\nAssistant:")
    return f"{prompt}{mark}".strip(), chosen.strip(), row["rejected"].rpartition("\n\nAssistant:")[2].strip()


def data_set(pairs: list[PreferenceRow]) -> DataSet:
    """Split by place: every fifth pair tests, the one before validates."""
    train = tuple(p for n, p in enumerate(pairs) if n % 5 < 3)
    validation, test = (tuple(p for n, p in enumerate(pairs) if n % 5 == at) for at in (3, 4))
    counts = {"train": len(train), "validation": len(validation), "test": len(test)}
    card = Card("taste", "preference", counts, ("prompt", "chosen", "rejected"))
    return DataSet(card, train=train, validation=validation, test=test)


def main() -> None:
    """Prints a row for each objective."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="anthropic_persona_dev")
    parser.add_argument("--behaviour", default="")
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--objectives", nargs="+", default=["dpo", "ppo"])
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of [tune]")
    given = parser.parse_args()
    changed = {name: float(value) if "." in value else int(value) for name, value in (s.split("=") for s in given.set)}
    made = data_set(pairs_of(given.name, given.behaviour, given.rows))
    print(f"{given.name} {given.behaviour}: {dict(made.card.counts)}", flush=True)
    if "reward" in given.objectives:
        _reward_alone(made)
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase.create(Path(folder) / "base") as base:
        datasets.freeze(made, datasets.folder_of(base.folder, "taste"))
        for objective in [one for one in given.objectives if one != "reward"]:
            settings = replace(TuneSettings(data="taste", epochs=3, probe=True), objective=objective, **changed)
            started = time.perf_counter()
            try:
                run.start(base, settings, name=objective)
                told = "done"
            except TuneFailed as error:
                told = f"failed: {error}"
            found = result_of(state.folder_of(base.folder, objective)) or {}
            scores = found.get("scores") or {}
            figures = ", ".join(f"{name} {scores[name]:.3g}" for name in SHOWN if name in scores)
            lost = (found.get("forgotten") or {}).get("text_loss")
            seconds = time.perf_counter() - started
            print(f"  {objective}: {seconds:.0f} s, {figures}, forgotten {lost}, {told}", flush=True)


def _reward_alone(made: DataSet) -> None:
    """A reward model of the pairs, beside length."""
    weights = run.resolve_base(TuneSettings(), config.models_folder())[0]
    tokenizer = base_model.load_tokenizer(weights)
    pairs = preferences.encode_pairs(made, tokenizer, 512)
    started = time.perf_counter()
    model = base_model.load_model(weights).eval()
    _, scores = reward.fitted(model, pairs, probe.pad_of(tokenizer), batch=8)
    right = round((scores.accuracy or 0) * scores.held_out)
    share = interval([True] * right + [False] * (scores.held_out - right))
    seconds = time.perf_counter() - started
    print(f"  reward: {seconds:.0f} s, accuracy {share}, left out {len(pairs.left_out)}", flush=True)
    print(f"    length alone {scores.by_length:.3g}, Brier {scores.brier:.3g}", flush=True)


if __name__ == "__main__":
    main()
