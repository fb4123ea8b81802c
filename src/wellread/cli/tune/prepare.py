"""``wellread tune prepare``."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from wellread import config, paths
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import Call, command, hint, progress
from wellread.cli.sections import ALL
from wellread.tune.base.template import TokenPiece
from wellread.tune.data import prepare as preparing
from wellread.tune.data.findings import DataFinding, Policy
from wellread.tune.data.prepare import Prepared
from wellread.tune.data.settings import PrepareSettings

EXAMPLES = """
wellread tune prepare examples.jsonl --name support
wellread tune prepare tickets.csv --name tickets --map body=text --map queue=label
wellread tune prepare --facts facts.jsonl --name facts
wellread tune prepare --from-base --kind qa --kind statements --name handbook
wellread tune prepare --questions questions.jsonl --from-log --name reading
wellread tune prepare --pairs tone --name tone
wellread tune prepare --from-log --task rating --name thumbs
wellread tune prepare examples.jsonl --check --show-mask 2
"""
LISTED = 3  # findings of a kind that are shown; the others are counted
ROW_WIDTH = 400  # characters of an example that are shown


Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILES]...", help="JSONL, JSON, CSV, TSV, XLSX, Parquet, CoNLL or text.", show_default=False
    ),
]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="What the data set is called; else as the first file.")
]
TASKS = "chat, classify, tag, extract, text2text, texts, preference or rating; else detected."
Task = Annotated[str, typer.Option("--task", metavar="TASK", help=TASKS)]
Mapped = Annotated[
    list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="Which field a column is; may be repeated.")
]
FromBase = Annotated[bool, typer.Option("--from-base", help="Make examples from the documents.")]
KINDS = "qa, statements, paraphrases, summaries, passages; may be repeated, and means --from-base."
Kinds = Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help=KINDS)]
Facts = Annotated[
    list[Path] | None, typer.Option("--facts", metavar="FILE", help="Single facts with phrasings to teach.")
]
Questions = Annotated[
    list[Path] | None,
    typer.Option("--questions", metavar="FILE", help="Questions with answers; searched, and read with their hits."),
]
LOGGED = "Take corrected answers of the question log; with --task preference or rating also thumbs."
FromLog = Annotated[bool, typer.Option("--from-log", help=LOGGED)]
Pairs = Annotated[
    list[str] | None, typer.Option("--pairs", metavar="NAME", help="Judged pairs of wellread tune pairs.")
]
AGAINST = "Evaluation questions that must not be learned; the base's own are known."
Against = Annotated[list[Path] | None, typer.Option("--against", metavar="FILE", help=AGAINST)]
Length = Annotated[
    int | None,
    typer.Option(
        "--max-length", min=1, metavar="N", help="Tokens of a row at most, in training too.", show_default=False
    ),
]
Drop = Annotated[
    list[str] | None, typer.Option("--drop", metavar="CODE", help="Drop rows with this finding too; may be repeated.")
]
Keep = Annotated[
    list[str] | None, typer.Option("--keep", metavar="CODE", help="Keep rows with this finding; may be repeated.")
]
Masks = Annotated[
    int, typer.Option("--show-mask", min=0, metavar="N", help="Show the tokens of N rows, and which are learned.")
]
Check = Annotated[bool, typer.Option("--check", help="Examine only; write nothing.")]
Replace = Annotated[bool, typer.Option("--replace", help="Take the place of a data set of the same name.")]


@command(examples=EXAMPLES)
def prepare(  # noqa: PLR0913  # each parameter is an option
    call: Call,
    files: Files = None,
    name: Name = "",
    task: Task = "",
    mapping: Mapped = None,
    from_base: FromBase = False,
    kinds: Kinds = None,
    facts: Facts = None,
    questions: Questions = None,
    from_log: FromLog = False,
    pairs: Pairs = None,
    against: Against = None,
    max_length: Length = None,
    drop: Drop = None,
    keep: Keep = None,
    show_mask: Masks = 0,
    check: Check = False,
    replace: Replace = False,
) -> int:
    """Turn examples or documents into a data set that can be trusted: checked, split, frozen.

    Every fault is named with its file and row; a row is left out only where a finding says «dropped».
    Exit code: 0 clean, 3 something was found (and listed), 2 nothing can be trained on.
    """
    wanted = preparing.PrepareRequest(
        name=_name(name or next(iter(pairs or ()), ""), files, facts, questions, from_base=from_base),
        files=tuple(files or ()),
        task=task,
        mapping=tuple(mapping or ()),
        from_base=from_base or bool(kinds),
        from_log=from_log,
        questions=tuple(questions or ()),
        facts=tuple(facts or ()),
        pairs=tuple(pairs or ()),
        against=tuple(against or ()),
        policy=Policy(frozenset(drop or ()), frozenset(keep or ())),
        check_only=check,
        replace_old=replace,
    )
    with open_base(call) as base:
        settings = _settings(call, base.folder, kinds, max_length)
        with progress(call) as watched:
            made = preparing.prepare(base, wanted, _within(settings), settings["tune"].base, watched, show=show_mask)
    if call.json:
        show.dump(made)
        return made.code
    _say(call, made)
    return made.code


def _settings(call: Call, folder: Path, kinds: Sequence[str] | None, max_length: int | None) -> config.Settings:
    """The settings of the base, with what the call sets on top."""
    overrides = list(call.overrides)
    if kinds:
        overrides.append(f"prepare.kinds={config.toml_value(tuple(kinds))}")
    if max_length:
        overrides.append(f"prepare.max_length={max_length}")
    return config.load(folder / config.FILE_NAME, ALL, overrides=overrides)


def _within(settings: config.Settings) -> PrepareSettings:
    """Section ``prepare`` with the length limit that a run would have, where it sets none."""
    own: PrepareSettings = settings["prepare"]
    return dataclasses.replace(own, max_length=own.max_length or settings["tune"].max_length)


def _name(
    name: str,
    files: Sequence[Path] | None,
    facts: Sequence[Path] | None,
    questions: Sequence[Path] | None,
    *,
    from_base: bool,
) -> str:
    """The name of the data set: as given, else that of the first file, else documents."""
    if not name:
        first = next(iter([*(files or ()), *(facts or ()), *(questions or ())]), None)
        name = first.stem if first is not None else "documents" if from_base else "corrections"
    return paths.safe_name(name, "--name")


def _say(call: Call, made: Prepared) -> None:
    n = sum(made.counts.values())
    show.say(f"{made.name}: {made.task or 'nothing'}, {show.count(n, 'row')}", "bold")
    lines = [(file, why) for file, why in made.formats.items()]
    if n:
        lines += [("parts", ", ".join(f"{part} {count:,}" for part, count in made.counts.items()))]
        how = "estimated tokens" if made.lengths.estimated else "tokens"
        lengths = made.lengths
        lines += [
            (how, f"median {lengths.p50}, 99 % ≤ {lengths.p99}, longest {lengths.longest}; limit {lengths.limit}")
        ]
    if made.made:
        lines += [("made", ", ".join(f"{count:,} {kind}" for kind, count in made.made.items()))]
    if made.not_made:
        lines += [("not made", ", ".join(f"{count:,} {reason}" for reason, count in made.not_made.items()))]
    show.rows(lines, indent=2)
    for remark in made.remarks:
        show.say(remark, "yellow", indent=2)
    _findings(made.findings)
    if made.examples and not made.masks:
        show.say("As the model sees it:", "bold")
        for example in made.examples:
            cut = f"{example[:ROW_WIDTH]}…" if len(example) > ROW_WIDTH else example
            show.say(cut, indent=2)
            show.say()
    if made.masks:
        show.say("Tokens, those that are learned marked:", "bold")
        for mask in made.masks:
            _mask(mask)
    for line in made.advice:
        show.say(line, "dim")
    _next(call, made)


def _findings(findings: Sequence[DataFinding]) -> None:
    by_code: dict[str, list[DataFinding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    order = {"error": 0, "warning": 1, "note": 2}
    for code, found in sorted(by_code.items(), key=lambda pair: (order[pair[1][0].severity], -len(pair[1]))):
        dropped = Counter(one.dropped for one in found)[True]
        told = f", {show.count(dropped, 'row')} dropped" if dropped else ""
        style = {"error": "red", "warning": "yellow", "note": "dim"}[found[0].severity]
        show.say(f"{found[0].severity} {code}: {len(found):,}{told}", style)
        for one in found[:LISTED]:
            show.say(f"{one.where}: {one.message}", indent=2)
        if len(found) > LISTED:
            show.say(f"… and {len(found) - LISTED:,} more", "dim", indent=2)


def _mask(mask: Sequence[TokenPiece]) -> None:
    """The tokens in one line of text: green where learned on a terminal, between ⟦ and ⟧ elsewhere."""
    colour = sys.stdout.isatty()
    pieces, before = [], False
    for text, trained in mask:
        text = show.clean(text)
        if not colour and trained != before:
            pieces.append("⟦" if trained else "⟧")
        pieces.append(typer.style(text, fg="green") if colour and trained else text)
        before = trained
    typer.echo("".join(pieces) + ("⟧" if before and not colour else "") + "\n")


def _next(call: Call, made: Prepared) -> None:
    if made.folder is not None and made.card is not None:
        show.say(f"{show.where(str(made.folder))}: frozen, {made.card.hash[:12]}…")
        if made.findings:
            hint(call, f"all findings: {show.where(str(made.folder / 'findings.jsonl'))}")
        hint(call, f"next: wellread tune run --data {made.name}")
    elif made.code == 2:
        show.say("nothing was written: this cannot be trained on as it is", "red")
    else:
        hint(call, "nothing was written (--check)")
