"""``wellread advise``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from wellread.advise import verb
from wellread.advise.advice import Advice, Level, Prices, TaskDescription
from wellread.advise.verdicts import PRIOR
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.metrics import words
from wellread.metrics.results import Comparison

EXAMPLES = """
wellread advise
wellread advise --task style --examples 400
wellread advise --questions-per-month 20000 --changes-per-month 12 --price-in 0.15 --price-out 0.60
wellread advise --private --latency 2 --run comparison --report
wellread advise --prior --json
"""
Kind = Literal["facts", "style", "format", "classification"]


Count = Annotated[int, typer.Option(min=0, metavar="N", help="Labelled examples that you have.")]
Pairs = Annotated[int, typer.Option(min=0, metavar="N", help="Pairs of a better and a worse answer that you have.")]
Asked = Annotated[float | None, typer.Option(min=0, metavar="N", help="Questions a month; 1,000 are assumed.")]
Changes = Annotated[float | None, typer.Option(min=0, metavar="N", help="Documents that change a month.")]
GoodEnough = Annotated[
    float, typer.Option(min=0, max=100, metavar="PERCENT", help="Right answers below which no way is of use.")
]
Matters = Annotated[
    float, typer.Option(min=0.1, max=100, metavar="POINTS", help="The least difference that is worth paying for.")
]
Latency = Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="What 19 of 20 answers may take.")]
Memory = Annotated[float | None, typer.Option(min=0, metavar="MB", help="Memory that is there.")]
Private = Annotated[bool, typer.Option("--private", help="Nothing may leave this machine.")]
Sources = Annotated[bool, typer.Option("--sources", help="Answers must name where they stand.")]
Restricted = Annotated[bool, typer.Option("--restricted", help="Not everybody may read everything.")]
PriceIn = Annotated[
    float | None, typer.Option(min=0, metavar="MONEY", help="A million tokens read; else chat.price_in.")
]
PriceOut = Annotated[
    float | None, typer.Option(min=0, metavar="MONEY", help="A million tokens written; else chat.price_out.")
]
PriceHour = Annotated[
    float | None, typer.Option(min=0, metavar="MONEY", help="An hour of the machine that answers and trains.")
]
Parameters = Annotated[
    float | None, typer.Option(min=0, metavar="N", help="Size of the chat model; else read from its name.")
]
Run = Annotated[Path | None, typer.Option("--run", metavar="FOLDER", help="A comparison; else the base's last one.")]
Prior = Annotated[bool, typer.Option("--prior", help="From documents and task alone, whatever was measured.")]
Report = Annotated[bool, typer.Option("--report", help="Write the report of the comparison again with this.")]


@command(examples=EXAMPLES)
def advise(  # noqa: PLR0913 - the options of a command
    call: Call,
    task: Annotated[Kind | None, typer.Option("--task", help="What is wanted of the model.")] = None,
    examples: Count = 0,
    preferences: Pairs = 0,
    questions_per_month: Asked = None,
    changes_per_month: Changes = None,
    good_enough: GoodEnough = 25.0,
    matters: Matters = 5.0,
    latency: Latency = None,
    memory: Memory = None,
    private: Private = False,
    sources: Sources = False,
    restricted: Restricted = False,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price_hour: PriceHour = None,
    parameters: Parameters = None,
    run: Run = None,
    prior: Prior = False,
    report: Report = False,
) -> int:
    """Say which way to teach: by measurement, else a prior.

    Retrieve, tune, both, a long prompt, a bigger model, or ask more questions first.

    From the last comparison where there is one; else from documents and task alone, which is a prior and says so.
    """
    said = TaskDescription(
        kind=task or "",
        examples=examples,
        preferences=preferences,
        questions_per_month=questions_per_month,
        changes_per_month=changes_per_month,
        good_enough=good_enough / 100,
        matters=matters / 100,
        latency_s=latency,
        memory_mb=memory,
        private=private,
        sources=sources,
        restricted=restricted,
        parameters=parameters,
        prices=Prices(price_in, price_out, price_hour),
    )
    return _advised(call, said, run, prior=prior, report=report)


def _advised(call: Call, said: TaskDescription, run: Path | None, *, prior: bool, report: bool) -> int:
    with open_base(call, read_only=True) as base:
        done = verb.again(base, said, run, prior=prior, report=report)
    if call.json:
        measured_at = done.made.made_at if done.made else None
        found = {"advice": done.advice, "task": done.task, "measured_at": measured_at}
        show.dump({**found, "notes": done.notes, "report": done.report})
        return DONE
    _print(call, done.advice, done.made, done.notes)
    if done.report is not None:
        hint(call, f"the report: {show.where(str(done.report))}")
    return DONE


def _print(call: Call, given: Advice, made: Comparison | None, notes: Sequence[str]) -> None:
    show.say(given.headline, "bold")
    show.say(given.because)
    show.say(f"rule: {given.rule} ({given.source})", "dim")
    _several("why not the others", [one.sentence for one in given.against])
    _several("by kind of question", [one.sentence for one in given.by_kind])
    _several("mind", [*given.cautions, *notes])
    _several("what would change this", list(given.would_change))
    if made is not None:
        prior = [fired for fired in given.fired if fired.rule != given.rule and _is_prior(fired.rule)]
        _several("documents and task alone would have said", [f"{f.verdict}: {f.because}" for f in prior[:1]])
    _levels(given)
    _several("if you train", [f"{fired.because} ({fired.source})" for fired in given.training])
    show.say()
    for line in given.next:
        hint(call, f"next: {line}")


def _is_prior(rule: str) -> bool:
    return rule in [one.name for one in PRIOR]


def _several(title: str, lines: list[str]) -> None:
    if lines:
        show.say()
        show.say(title, "bold")
        for line in lines:
            show.say(f"- {line}", indent=2)


def _levels(given: Advice) -> None:
    show.say()
    show.say("which level to pay for", "bold")
    rows: list[tuple[str, ...]] = [("level", "once", "every month", "from")]
    rows += [(one.name, _spent(one, "once"), _spent(one, "month"), one.basis) for one in given.levels]
    show.rows(rows, indent=2)


def _spent(level: Level, when: str) -> str:
    seconds = level.once_s if when == "once" else level.month_s
    money = level.once_money if when == "once" else level.month_money
    return words.spent(seconds, money, level.currency)
