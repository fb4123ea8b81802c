"""``wellread questions``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, PART, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.evaluate import enough
from wellread.evaluate import settings as evaluate_settings
from wellread.questions import file as questions
from wellread.questions import freeze as freezing
from wellread.questions import stands
from wellread.questions.draft import chat as draft_chat
from wellread.questions.draft import draft as drafting
from wellread.questions.draft.draft import Drafted
from wellread.questions.file import QuestionEntry
from wellread.questions.freeze import Frozen
from wellread.questions.stands import EvidenceFinding
from wellread.types import Question

EXAMPLES_LOAD = """
wellread questions load questions.jsonl
wellread questions load spreadsheet.csv --replace
"""
EXAMPLES_DRAFT = """
wellread questions draft
wellread questions draft --n 200 --kind fact --kind unanswerable
wellread questions draft --model --set chat.model=openai:my-model
"""
EXAMPLES_CHECK = "wellread questions check"
EXAMPLES_FREEZE = """
wellread questions freeze
wellread questions freeze --train 0 --validation 0.5
wellread questions freeze --again
"""
EXAMPLES_LIST = """
wellread questions list --kind table
wellread questions list --drafts
"""
EXAMPLES_EXPORT = """
wellread questions export questions.csv
wellread questions export - --part test
"""
PARTS_SHOWN = ("train", "validation", "test", "")


@command(examples=EXAMPLES_LOAD)
def load(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL or CSV; see docs/how-to/write-questions.md.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the file's content for questions that the set has by their id.")
    ] = False,
) -> int:
    """Bring questions of your own into the set of the knowledge base.

    Rows need a question, and accepted answers or evidence; all faults of a file are listed at once.
    """
    with open_base(call, read_only=True) as base:
        path = base.folder / questions.FILE
        rows, added, changed, same = questions.merged(
            questions.kept(path), [_accepted(entry) for entry in questions.entries(file)], replace=replace
        )
        frozen = freezing.is_frozen(base.folder) and bool(added or changed)
        if added or changed:
            questions.write(path, rows)
    if call.json:
        show.dump({"file": path, "added": added, "changed": changed, "same": same, "questions": len(rows)})
        return DONE
    show.say(f"{show.count(added, 'question')} added, {changed} changed, {same} there already: {_kinds(rows)}")
    if frozen:
        hint(call, "the set was frozen before: wellread questions freeze --again takes the change over")
    else:
        hint(call, "next: wellread questions check, then wellread questions freeze")
    return DONE


def _accepted(entry: QuestionEntry) -> QuestionEntry:
    return replace(entry, state="accepted", question=replace(entry.question, split=""))


def _kinds(rows: Iterable[QuestionEntry]) -> str:
    return told(Counter(entry.question.kind for entry in rows))


def told(counts: Mapping[str, int]) -> str:
    """``30 fact, 20 table``, the largest first."""
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


@command(examples=EXAMPLES_DRAFT, kept="what the model replied is kept; the same command resumes")
def draft(
    call: Call,
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="Questions wanted, phrasings not counted.")] = 100,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="fact, table, comparison, summary, hops or unanswerable; may be repeated."),
    ] = None,
    phrasings: Annotated[int, typer.Option(min=0, metavar="N", help="Further phrasings of each question.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="Other chances give other questions.")] = 0,
    model: Annotated[bool, typer.Option("--model", help="Let chat.model write them; without, rules do.")] = False,
    closed_book: Annotated[
        bool, typer.Option("--closed-book", help="Ask chat.model each one without documents, drop what it knows.")
    ] = False,
) -> int:
    """Draft questions from the documents; they wait for wellread questions review.

    Rules need no model: they read English sentences with a number, date or name, and tables with a head row. The same
    call again adds only what is new. A model is asked nothing twice, so a stopped draft resumes where it was.
    """
    unknown = [one for one in kind or () if one not in drafting.KINDS]
    if unknown:
        raise UsageError(f"--kind {unknown[0]}: is one of {', '.join(drafting.KINDS)}")
    wanted = drafting.Drafting(n, tuple(dict.fromkeys(kind or drafting.KINDS)), phrasings, seed)
    with open_base(call) as base, progress(call) as watched:
        asked = None
        if model or closed_book:
            if base.chat is None:
                raise UsageError("chat.model is empty; name a model: --set chat.model=kind:name")
            asked = draft_chat.asked(base, base.chat)
        done = drafting.draft(
            base,
            wanted,
            watched,
            more=draft_chat.maker(base, asked, wanted, watched) if asked and model else None,
            known=draft_chat.closed_book(asked, seed=seed) if asked else None,
        )
        path = base.folder / "questions-draft.jsonl"
    return _drafted(call, done, path, asked.failed if asked else 0)


def _drafted(call: Call, done: Drafted, path: Path, n_failed: int) -> int:
    if call.json:
        show.dump({"file": path, "drafted": done, "replies_failed": n_failed})
        return DONE
    n = sum(done.by_kind.values())
    also = len(done.new) - n
    show.say(
        f"{show.count(n, 'new draft')} and {show.count(also, 'further phrasing')} from "
        f"{show.count(done.documents, 'document')}" + (f": {told(done.by_kind)}" if n else "")
    )
    if done.dropped:
        show.say(f"dropped: {told(done.dropped)}")
    if done.not_english:
        words = "their tables were read, their sentences were not; a model reads them: --model"
        show.say(f"{show.count(done.not_english, 'document')} without English sentences: {words}")
    if n_failed:
        show.say(f"the model failed on {show.count(n_failed, 'passage')}")
    hint(call, "next: wellread questions review")
    return DONE


@command(examples=EXAMPLES_CHECK)
def check(call: Call) -> int:
    """Look every piece of evidence up in the live documents, and list what went stale.

    Stale is a quotation whose document is gone or superseded, or which changed or moved. The command then ends with
    code 3.
    """
    with open_base(call, read_only=True) as base, progress(call) as watched:
        asked = questions.read(_set(base.folder))
        found = stands.check(base, asked, watched)
    stale = [finding for finding in found if finding.state != "found"]
    if call.json:
        show.dump({"questions": len(asked), "evidence": len(found), "stale": stale})
        return PART if stale else DONE
    for finding in stale:
        _stale(finding)
    n = len({finding.question for finding in stale})
    sound = f"{show.count(len(asked), 'question')} with {show.count(len(found), 'piece')} of evidence"
    show.say(f"{sound}: {n} stale ({told(Counter(f.state for f in stale))})" if stale else f"{sound}: nothing is stale")
    if stale:
        hint(call, f"next: mend them in {questions.FILE}, then wellread questions freeze --again if it was frozen")
    return PART if stale else DONE


def _set(folder: Path) -> Path:
    path = folder / questions.FILE
    if not path.is_file():
        raise UsageError(f"{path}: no questions yet; wellread questions load FILE, or wellread questions draft")
    return path


def _stale(finding: EvidenceFinding) -> None:
    show.say(f"{finding.question}  {finding.state}  {show.where(finding.document)}", "bold")
    show.say(f"“{show.line(finding.quote)}”", indent=4)
    if finding.nearest and finding.state != "moved":
        show.say(f"nearest, in {show.where(finding.where)}: “{show.line(finding.nearest)}”", indent=4)
    elif finding.where:
        show.say(f"now in {show.where(finding.where)}", indent=4)


@command(examples=EXAMPLES_FREEZE)
def freeze(
    call: Call,
    again: Annotated[bool, typer.Option("--again", help="Take over what has changed since; parts stay.")] = False,
    train: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SHARE", help="Instead of evaluate.train_share.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SHARE", help="Instead of evaluate.validation_share.")
    ] = None,
) -> int:
    """Split the set by document into train, validation and test, and refuse silent changes from now on.

    Questions that share a document are in one part, so nothing that was trained on is asked. questions.lock.json keeps
    a hash; keep it under version control beside questions.jsonl.
    """
    with open_base(call, read_only=True) as base:
        settings = evaluate_settings.load(base.folder, call.overrides)
        first = settings.train_share if train is None else train
        second = settings.validation_share if validation is None else validation
        if first + second > 1:
            raise UsageError(f"--train {first:g} --validation {second:g}: are more than 1 together")
        before = freezing.is_frozen(base.folder) and not again
        frozen = freezing.freeze(base.folder, (first, second, 1 - first - second), seed=settings.seed, again=again)
        pairs = enough.seen(base)
    n_test = len(frozen.part("test"))
    if call.json:
        parts = {part: _counts(frozen.part(part)) for part in PARTS_SHOWN}
        told_apart = {"detectable": enough.detectable(n_test) if n_test else None, "seen": pairs}
        show.dump({"hash": frozen.hash, "parts": parts, "left_out": frozen.was, "told_apart": told_apart})
        return DONE
    show.say(
        f"{'frozen already' if before else 'frozen'}: {frozen.hash}, {show.count(len(frozen.questions), 'question')}"
    )
    _parts(frozen)
    if n_test:
        points = 100 * enough.detectable(n_test)
        show.say(
            f"{show.count(n_test, 'test question')} tell two ways apart that differ by {points:.0f} points or more;"
        )
        wanted = ", ".join(f"{enough.needed(d):,} for {100 * d:.0f}" for d in enough.LOOKED_FOR)
        show.say(f"needed: {wanted} points, where two ways differ on a third of the questions", indent=4)
    for pair in pairs:
        need = f"{pair.needed:,} questions would show it" if pair.needed else "no number of questions tells them apart"
        show.say(f"seen: {pair.first} {100 * pair.difference:+.1f} points to {pair.second} on {pair.n}; {need}")
    hint(call, "next: wellread eval, wellread compare, or wellread optimise")
    return DONE


def _counts(questions: Sequence[Question]) -> dict[str, int]:
    return dict(Counter(question.kind for question in questions))


def _parts(frozen: Frozen) -> None:
    table = []
    for part in PARTS_SHOWN:
        questions = frozen.part(part)
        if questions:
            documents = show.count(len(frozen.documents(part)), "document")
            table.append((part or "left out", f"{len(questions)}", documents, told(_counts(questions))))
    show.rows(table, indent=4)
    left_out = [question.id for question in frozen.part("")]
    if len(left_out) > len(frozen.was):
        show.say("left out: these join documents of two parts", indent=4)
    for part in dict.fromkeys(frozen.was.values()):
        ids = ", ".join(id for id in left_out if frozen.was.get(id) == part)
        show.say(f"left out, in {part} before: {ids}; changed, and shared with another part now", indent=4)


@command(examples=EXAMPLES_LIST)
def list_questions(
    call: Call,
    kind: Annotated[str, typer.Option(metavar="KIND", help="Only this kind.")] = "",
    part: Annotated[str, typer.Option(metavar="PART", help="Only train, validation or test.")] = "",
    drafts: Annotated[bool, typer.Option("--drafts", help="The drafts that wait for review.")] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Questions shown at most.")] = 50,
) -> int:
    """List the questions of the set."""
    with open_base(call, read_only=True) as base:
        name = questions.DRAFTS if drafts else questions.FILE
        rows = [entry for entry in questions.kept(base.folder / name) if entry.state != "rejected"]
    rows = [e for e in rows if (not kind or e.question.kind == kind) and (not part or e.question.split == part)]
    if call.json:
        show.dump({"questions": [questions.as_row(entry) for entry in rows]})
        return DONE
    show.rows([(e.question.id, e.question.kind, e.question.split, e.question.text) for e in rows[:limit]])
    more = f", {limit} shown; --limit shows more" if len(rows) > limit else ""
    show.say(f"{show.count(len(rows), 'question')}{more}" + (f": {_kinds(rows)}" if rows else ""), "dim")
    return DONE


@command(examples=EXAMPLES_EXPORT)
def export(
    call: Call,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Ends in .jsonl or .csv; - is standard output, JSONL.")],
    part: Annotated[str, typer.Option(metavar="PART", help="Only train, validation or test.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> int:
    """Write the set to a file for another tool."""
    if file != "-" and Path(file).suffix.lower() not in (".jsonl", ".csv"):
        raise UsageError(f"{file}: ends in .jsonl or .csv")
    if file != "-" and Path(file).exists() and not force:
        raise UsageError(f"{file}: is there already; --force writes over it")
    with open_base(call, read_only=True) as base:
        rows = [e for e in questions.entries(_set(base.folder)) if not part or e.question.split == part]
    if file == "-":
        for entry in rows:
            sys.stdout.write(json.dumps(questions.as_row(entry), ensure_ascii=True) + "\n")
        return DONE
    if Path(file).suffix.lower() == ".csv":
        questions.put(Path(file), questions.as_csv(rows))
    else:
        questions.write(Path(file), rows)
    if call.json:
        show.dump({"file": file, "questions": len(rows)})
    else:
        show.say(f"{show.where(str(Path(file).resolve()))}: {show.count(len(rows), 'question')}")
    return DONE
