"""``wellread tune estimate``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.tune import settings as section
from wellread.tune.plan import estimate as estimating
from wellread.tune.plan.estimate import Estimate
from wellread.tune.settings import TuneSettings

EXAMPLES = """
wellread tune estimate --data facts
wellread tune estimate --data facts --set tune.method=full --set tune.epochs=3
"""


@command(examples=EXAMPLES)
def estimate(
    call: Call,
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="The prepared data set; else tune.data.")] = "",
) -> int:
    """Say what a training run will take in time, memory and disk, from a few measured steps; nothing is kept."""
    with open_base(call, read_only=True) as base, progress(call) as watched:
        settings = section.load(base.folder, call.overrides, data=data)
        found = estimating.estimate(base, settings, progress=watched)
    over = estimating.over_limit(found, settings)
    if call.json:
        show.dump({**asdict(found), "seconds": round(found.seconds, 1), "over_limit": over})
        return DONE
    say(found)
    for one in over:
        show.say(f"above a limit: {one}", "yellow")
    hint(call, f"next: wellread tune run --data {found.data}")
    return DONE


def say(found: Estimate) -> None:
    """The estimate in lines."""
    show.say(f"{found.method} on {found.base} with {found.data}: about {show.duration(found.seconds)}", "bold")
    parts = [f"training {show.duration(found.train_s)}", f"validation {show.duration(found.validate_s)}"]
    if found.probe_s:
        parts.append(f"probes {show.duration(found.probe_s)}")
    if found.rank_s:
        parts.append(f"ranking {show.duration(found.rank_s)}")
    rows = [
        ("time", ", ".join(parts)),
        ("speed", f"{found.tokens_per_s:,.0f} tokens/s in {found.dtype}"),
        ("length", f"{show.count(found.steps, 'step')}, {show.count(found.tokens, 'token')}"),
        ("memory", f"{show.size(int(found.memory_mb * 1e6))} of {found.free_memory_gb:g} GB that are free"),
        ("disk", f"{show.size(int(found.disk_mb * 1e6))} of {found.free_disk_gb:g} GB that are free"),
        ("weights", f"{found.trained:,} of {found.n_parameters:,} are trained"),
    ]
    if found.rows_left_out or found.rows_cut:
        rows.append(("examples", f"{found.rows_left_out} with nothing to learn, {found.rows_cut} lose their end"))
    show.rows(rows, indent=2)


def agreed(found: Estimate, settings: TuneSettings) -> bool:
    """Whether a run may begin: it is within the limits, or somebody says so.

    Raises: UsageError where it is above a limit and nobody is there to ask.
    """
    over = estimating.over_limit(found, settings)
    if not over:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"this run would take {'; '.join(over)}; say --yes, or raise the limit")
    for one in over:
        show.note(f"this run would take {one}")
    return typer.confirm("Begin?", err=True)
