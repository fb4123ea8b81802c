"""``wellread tune run`` and ``wellread tune runs``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, ERROR, Call, command, hint, progress
from wellread.cli.tune import estimate as tune_estimate
from wellread.errors import UsageError
from wellread.tune import run as training
from wellread.tune import settings as section
from wellread.tune.plan import estimate as estimating
from wellread.tune.train import outcome, state

EXAMPLES = """
wellread tune run --data facts
wellread tune run --data facts --set tune.method=qlora --set tune.epochs=5 --name facts-small
wellread tune run --resume facts-small
"""
EXAMPLES_RUNS = """
wellread tune runs
wellread tune runs facts-lora
"""
LISTED = 10  # rows left out that are shown
KEPT = "the last checkpoint is kept; wellread tune run --resume NAME resumes from it"


@command(examples=EXAMPLES, kept=KEPT)
def run(
    call: Call,
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="The prepared data set; else tune.data.")] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What the run is called.", show_default=False)
    ] = "",
    resume: Annotated[
        str, typer.Option("--resume", metavar="NAME", help="Go on with a run that was stopped.", show_default=False)
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, and do not estimate beforehand.")] = False,
) -> int:
    """Train a model on a prepared data set, and keep the weights only if they are better than before.

    A run can be stopped at any instant and resumed; it ends with the same weights as if it had not been stopped.
    """
    if resume and (data or name):
        raise UsageError("--resume continues with the data set and the name of its run; leave out --data and --name")
    with open_base(call) as base, progress(call) as watched:
        if resume:
            result = training.resume(base, resume, progress=watched)
        else:
            settings = section.load(base.folder, call.overrides, data=data)
            expected = None if yes else estimating.beforehand(base, settings, progress=watched)
            if expected is not None and not tune_estimate.agreed(expected, settings):
                raise UsageError("nothing was started, as you said no")
            result = training.start(base, settings, name=name, progress=watched)
    if call.json:
        show.dump(result)
        return DONE
    _say(asdict(result))
    page = result.folder / "report.html"
    curves = f"; {show.where(str(page))} has the curves" if page.is_file() else ""
    hint(call, f"next: wellread models show {result.name}{curves}")
    return DONE


def _say(result: Mapping[str, Any]) -> None:
    steps, took = show.count(result["steps"], "step"), show.duration(result["seconds"])
    early = ", ended early" if result["stopped_early"] else ""
    speed = f"{result['tokens_per_s']:,.0f} tokens/s"
    if result["steps"]:
        show.say(f"{result['name']}: {steps}{early}, {took}, {speed}", "bold")
        show.rows(_lines(result), indent=2)
    else:
        show.say(f"{result['name']}: {took}, {result['trained']:,} weights fitted", "bold")
        show.rows(_examples(result), indent=2)
    show.rows([(name.replace("_", " "), f"{value:.3f}") for name, value in result.get("scores", {}).items()], indent=2)
    for note in result.get("notes", ()):
        show.say(note, indent=2)


def _lines(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What a result says, as rows: what, before → after, remark."""

    def pair(before: float | None, after: float | None) -> str:
        return "no such part" if before is None or after is None else f"{before:.3f} → {after:.3f}"

    best = f"best at step {result['best_step']}"
    lines: list[tuple[str, ...]] = [
        ("validation loss", pair(result["validation_before"], result["validation_loss"]), best),
        ("test loss", pair(result["test_before"], result["test_loss"]), ""),
    ]
    before, after, lost = result["probe_before"], result["probe_after"], result["forgotten"]
    if before and after and lost:
        lines += [
            ("loss on plain texts", pair(before["text_loss"], after["text_loss"]), f"{lost['text_loss']:+.1%}"),
            ("general questions", f"{before['right']:.0%} → {after['right']:.0%}", f"of {before['n_questions']}"),
        ]
    if result["ranking"]:
        seen = ", ".join(f"{name} {loss:.3f}" for name, loss in result["ranking"].items())
        lines.append(("ranking", seen, "validation loss after a few steps each"))
    lines += _examples(result)
    memory = show.size(int(result["peak_memory_mb"] * 1e6))
    return [*lines, ("most memory", memory, f"{result['trained']:,} weights trained")]


def _examples(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows that lost something to the length limit."""
    if not result["left_out"] and not result["cut"]:
        return []
    return [("examples", f"{result['left_out']} left out, {result['cut']} cut", "see wellread tune runs NAME")]


@command(examples=EXAMPLES_RUNS)
def runs(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One run, in full.", show_default=False)] = "",
) -> int:
    """List the training runs of a base, or show one in full."""
    with open_base(call, read_only=True) as base:
        known = [state.find(base, name)] if name else [state.folder_of(base.folder, one) for one in state.names(base)]
    if name:
        (found,) = known
        shown = {**asdict(state.read(found)), "result": outcome.result_of(found), "folder": str(found)}
        _one(call, shown)
        return ERROR if shown["state"] == "failed" else DONE
    listed = [(state.read(path), outcome.result_of(path)) for path in known]
    if call.json:
        show.dump({"runs": [{**asdict(one), "result": result} for one, result in listed]})
        return DONE
    show.rows([_row(asdict(one), result) for one, result in listed])
    if not listed:
        show.say("no run yet")
        hint(call, "next: wellread tune run --data NAME")
    return DONE


def _row(run: Mapping[str, Any], result: Mapping[str, Any] | None) -> tuple[str, ...]:
    loss = ""
    if result and result["validation_loss"] is not None:
        loss = f"validation {result['validation_before']:.3f} → {result['validation_loss']:.3f}"
    return run["name"], run["state"], run["method"], run["data"]["name"], loss or run["reason"]


def _one(call: Call, shown: Mapping[str, Any]) -> None:
    if call.json:
        show.dump(shown)
        return
    show.say(f"{shown['name']}: {shown['state']}" + (f", {shown['reason']}" if shown["reason"] else ""), "bold")
    about = [
        ("data set", f"{shown['data']['name']} ({shown['data']['hash'][:12]})"),
        ("base", f"{shown['base']['name']} ({shown['base']['digest'][:12]})"),
        ("method", f"{shown['method']}, {shown['trained']:,} weights trained, {shown['dtype']}"),
        ("started", shown["started_at"]),
        ("ended", shown["ended_at"] or "not yet"),
        ("folder", show.where(shown["folder"])),
    ]
    show.rows(about, indent=2)
    if shown["result"]:
        _say(shown["result"])
    for row in shown["left_out"][:LISTED]:
        show.say(f"left out: {row['part']} {row['id']}: {row['reason']}", indent=2)
    if len(shown["left_out"]) > LISTED:
        show.say(f"and {len(shown['left_out']) - LISTED} more: --json lists them", indent=2)
