"""``wellread tune search``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.tune import settings as section
from wellread.tune.plan import search as searching

EXAMPLES = """
wellread tune search --data facts --trials 12 --minutes 30
wellread tune search --data facts --set tune.method=parallel-adapter --set tune.epochs=4
"""
KEPT = "the trials so far are kept; the same command resumes from there"


@command(examples=EXAMPLES, kept=KEPT)
def search(
    call: Call,
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="The prepared data set; else tune.data.")] = "",
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="N", help="Short runs at most.")] = 12,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, metavar="N", help="Time in all.")] = 30.0,
) -> int:
    """Search learning rate, batch and size within a budget of runs and minutes, and plot what was found.

    A trial that is worse half-way than the middle of those before is cut short.
    """
    with open_base(call) as base, progress(call) as watched:
        settings = section.load(base.folder, call.overrides, data=data)
        found = searching.search(base, settings, trials=trials, minutes=minutes, progress=watched)
    if call.json:
        show.dump(found)
        return DONE
    for one in sorted(found.trials, key=lambda one: (one.validation_loss is None, one.validation_loss)):
        loss = "" if one.validation_loss is None else f"{one.validation_loss:.4f}"
        chosen = ", ".join(f"{name} {value:.3g}" for name, value in one.settings.items())
        show.rows([(f"{loss:8}", f"{one.state:8}", show.duration(one.seconds), chosen, one.reason)], indent=2)
    show.say(show.where(str(found.picture)))
    overrides = " ".join(f"--set tune.{name}={value:.4g}" for name, value in found.best.settings.items())
    hint(call, f"next: wellread tune run{f' --data {data}' if data else ''} {overrides}")
    return DONE
