"""``wellread models suggest``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread import config
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.tune.data import data as datasets
from wellread.tune.plan import suggest as suggesting
from wellread.tune.plan.suggest import Suggestion

EXAMPLES = """
wellread models suggest --data facts
wellread models suggest --data tickets --licence Apache-2.0 --licence MIT --language en --seconds 2
wellread models suggest --memory-gb 4
"""


@command(examples=EXAMPLES)
def suggest(
    call: Call,
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="A prepared data set to try them on.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="Examples that each is tried on.")] = 8,
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="A language it knows, like en.")] = "",
    licence: Annotated[
        list[str] | None, typer.Option("--licence", metavar="NAME", help="A licence that will do; may be repeated.")
    ] = None,
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", metavar="GB", help="Memory to train with; else what is free here.")
    ] = 0.0,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="An answer takes at most.")] = 0.0,
) -> int:
    """Say which of the models at hand to begin with.

    Each is held against licence, language, memory and time, and tried on a few of your own examples, with none and with
    three others in the prompt. Its task is that of the data set. Models of the catalog that are not here are named, and
    not tried.
    """
    wishes = suggesting.Wishes(language, tuple(licence or ()), memory_gb, seconds)
    with open_base(call, read_only=True) as base, progress(call) as watched:
        examples = datasets.load(datasets.find(base, data)) if data else None
        chat = base.settings["chat"]
        found = suggesting.suggest(config.models_folder(), chat, wishes, examples, n=n, progress=watched)
    if call.json:
        show.dump({"data": data, "suggestions": [suggesting.fields(one) for one in found]})
        return DONE
    for one in found:
        _say(one)
    best = found[0] if found and not found[0].against else None
    if best and best.candidate.here:
        hint(call, f"next: wellread config set tune.base {best.candidate.setting}")
    elif best:
        hint(call, f"next: wellread models pull {best.candidate.setting.partition(':')[2]}")
    if not data:
        hint(call, "nothing was tried; name a data set of yours: --data NAME")
    return DONE


def _say(one: Suggestion) -> None:
    model = one.candidate
    show.say(model.setting + ("" if model.here else " (not on this machine)"), "bold")
    size = show.size(model.size_bytes)
    weights = f"{model.n_parameters:,} weights" if model.n_parameters else "weights not counted"
    memory = f"about {model.training_gb:.1f} GB" if model.training_gb else "not known"
    rows = [("size", f"{size}, {weights}")]
    rows += [("licence", model.licence or "not stated"), ("languages", ", ".join(model.languages) or "not stated")]
    rows += [("training", memory if model.trainable else "not here: its architecture cannot be exported again")]
    rows += [("known biases", model.biases or "its files say nothing")]
    if one.tried:
        scores = f"{one.tried.zero_shot:.0%} without examples, {one.tried.few_shot:.0%} with three"
        rows += [("tried", f"{scores}, {show.duration(one.tried.seconds)} an answer, n = {one.tried.n}")]
    rows += [("against it", why) for why in one.against]
    show.rows(rows, indent=2)
