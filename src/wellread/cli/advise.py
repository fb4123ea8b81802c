"""``wellread advise``."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from wellread.advise import advise as advising
from wellread.advise import cost
from wellread.advise.advice import Advice, Level, Prices, TaskDescription
from wellread.advise.report import kept, outputs
from wellread.advise.report import page as report
from wellread.advise.verdicts import PRIOR
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError, WellreadError
from wellread.evaluate import compare
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import words
from wellread.metrics.results import Comparison
from wellread.models.api import Message, Sampling
from wellread.questions import file as files
from wellread.questions import file as questions
from wellread.questions import freeze
from wellread.types import Question

EXAMPLES = """
wellread advise
wellread advise --task style --examples 400
wellread advise --questions-per-month 20000 --changes-per-month 12 --price-in 0.15 --price-out 0.60
wellread advise --private --latency 2 --run comparison --report
wellread advise --prior --json
"""
FOLDER = "comparison"
Kind = Literal["facts", "style", "format", "classification"]
SIZE = re.compile(r"(\d+(?:\.\d+)?)([mb])(?![a-z0-9])")


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
Report = Annotated[bool, typer.Option("--report", help="Write the report of the comparison anew with this.")]


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
        made, asked = (None, None) if prior else _measured(base, run)
        if report and made is None:
            raise UsageError("--report: there is no comparison to report on; make one: wellread compare")
        if report and asked is None:
            raise UsageError(f"--report: {_unknown(base, run)}")
        said = task_of(base, said)
        if made is None and said.latency_s is not None:
            said = replace(said, reading_s=_reading(call, base))
        speed = cost.speed()
        if made is None:
            given = advising.prior(compare.facts(base), said, operations_per_s=speed)
        else:
            given = advising.advise(made, facts=said, questions=asked or (), operations_per_s=speed)
        notes = _notes(base, made)
        if made is not None and asked is None:
            notes.append(f"nothing is said by kind of question: {_unknown(base, run)}")
        written = _write(base, run, made, given, asked) if report and made and asked else None
    if call.json:
        measured_at = made.made_at if made else None
        show.dump({"advice": given, "task": said, "measured_at": measured_at, "notes": notes, "report": written})
        return DONE
    _print(call, given, made, notes)
    if written is not None:
        hint(call, f"the report: {show.where(str(written))}")
    return DONE


def task_of(base: KnowledgeBase, said: TaskDescription | None = None) -> TaskDescription:
    """What the user said about the task, with what the settings of the base say where the user did not."""
    said = said or TaskDescription()
    chat, prices = base.settings["chat"], said.prices
    return replace(
        said,
        context_tokens=_window(base),
        parameters=said.parameters or size(chat.model),
        prices=replace(
            prices,
            per_million_in=chat.price_in if prices.per_million_in is None else prices.per_million_in,
            per_million_out=chat.price_out if prices.per_million_out is None else prices.per_million_out,
            currency=chat.currency,
        ),
    )


def _measured(base: KnowledgeBase, run: Path | None) -> tuple[Comparison | None, tuple[Question, ...] | None]:
    """The comparison that is meant and its questions as they were asked; None for what is not there."""
    folder = run or base.folder / FOLDER
    if run is None and not (folder / outputs.JSON_NAME).is_file():
        return None, None
    made = kept.read(folder / outputs.JSON_NAME)
    ids = {outcome.question_id for outcome in made.outcomes}
    for file in (folder / files.ASKED, base.folder / files.FILE):
        known = files.read(file, whole=False) if file.is_file() else ()
        asked = tuple(question for question in known if question.id in ids)
        if freeze.content_hash(asked) == made.questions_hash:
            return made, asked
    return made, None


def _unknown(base: KnowledgeBase, run: Path | None) -> str:
    folder = show.where(str(run or base.folder / FOLDER))
    return (
        f"{folder} has no {questions.ASKED} with what was asked, and the questions of the base are others now; "
        "make it anew with the same wellread compare, which asks only what changed"
    )


def _window(base: KnowledgeBase) -> int:
    chat = base.settings["chat"]
    if chat.context_tokens or not chat.model:
        return int(chat.context_tokens)
    return 8192 if chat.model.startswith("openai:") else 2048  # what chat.context_tokens = 0 stands for


def size(model: str) -> float | None:
    """Parameters of a model by its name: 135e6 of ``llama:smollm2-135m``; None where the name does not say."""
    found = SIZE.findall(model.lower())
    return float(found[-1][0]) * {"m": 1e6, "b": 1e9}[found[-1][1]] if found else None


def _reading(call: Call, base: KnowledgeBase) -> float | None:
    """Seconds that the chat model took here to read the passages of one question; None where it cannot be asked."""
    settings = base.settings["answer"]
    try:
        chat = base.chat
        if chat is None or chat.remote:
            return None
        prompt = "word " * settings.budget_tokens
        chat.reply([Message("user", "ready")], Sampling(max_tokens=1))  # opening the model is no part of reading
        started = time.perf_counter()
        chat.reply([Message("user", prompt)], Sampling(max_tokens=1))
        return time.perf_counter() - started
    except WellreadError as error:
        if not call.json:
            show.note(f"note: reading was not timed: {error}")
        return None


def _notes(base: KnowledgeBase, made: Comparison | None) -> list[str]:
    if made is None or made.base.generation == base.store.generation():
        return []
    day = f"{made.made_at:%Y-%m-%d}"
    return [f"documents have changed since the comparison of {day}; run wellread compare again, it asks what changed"]


def _write(base: KnowledgeBase, run: Path | None, made: Comparison, given: Advice, asked: tuple[Question, ...]) -> Path:
    file = (run or base.folder / FOLDER) / outputs.REPORT_NAME
    questions.put(file, report.html(made, given, asked))
    return file


def _print(call: Call, given: Advice, made: Comparison | None, notes: list[str]) -> None:
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
