"""``wellread questions review``: drafts one after the other, each with its evidence in the document."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.questions import file as questions
from wellread.questions.draft import review as reviewing
from wellread.questions.draft.review import DraftGroup, Reviewed
from wellread.questions.stands import Texts

EXAMPLES = """
wellread questions review
wellread questions review --accept-all
"""
AROUND = 160  # letters of the document shown before and after a quotation
KEYS = "a accept, e edit, r reject, s skip, q quit"


@command(examples=EXAMPLES, kept="every decision is kept; the same command resumes")
def review(
    call: Call,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Accept every draft without looking at it; rejected ones stay out.")
    ] = False,
) -> int:
    """Decide on the drafts: accept, edit, reject, skip, quit.

    Every decision is kept at once. Accepted questions go into questions.jsonl; rejected ones are not drafted again.
    """
    with open_base(call, read_only=True) as base:
        state = reviewing.begin(base.folder)
        total, texts = len(state.waiting), Texts(base)
        if accept_all:
            state.accept_all()
        else:
            _one_by_one(state, texts)
        path = base.folder / questions.FILE
    figures = {"accepted": state.accepted, "rejected": state.rejected, "left": state.left}
    if call.json:
        show.dump({"file": path, **figures})
        return DONE
    show.say(f"{state.accepted} accepted, {state.rejected} rejected, {state.left} left")
    if not total:
        hint(call, "next: wellread questions draft writes drafts")
    elif not state.left:
        hint(call, "next: wellread questions freeze")
    return DONE


def _one_by_one(state: Reviewed, texts: Texts) -> None:
    total = len(state.waiting)
    while state.waiting:
        group = state.waiting[0]
        _shown(group, texts, total - len(state.waiting) + 1, total)
        word = show.asked(f"{KEYS}? ")
        if word is None or word.startswith("q"):
            return
        if word.startswith("a"):
            state.accept(group)
        elif word.startswith("e"):
            edited = _edited(group)
            if edited is not None:
                state.accept(edited)
        elif word.startswith("r"):
            state.reject(group)
        elif word.startswith("s"):
            state.skip(group)
        else:
            show.note(f"{word}: write one letter: {KEYS}")


def _shown(group: DraftGroup, texts: Texts, number: int, total: int) -> None:
    first = group.entries[0]
    q = first.question
    _say()
    _say(f"{number} of {total} · {q.kind} · {first.made}")
    _say(q.text)
    for other in group.entries[1:]:
        _say(f"also: {other.question.text}", 4)
    _say(f"answer: {' | '.join(q.answers)}" if q.answerable else "answer: not in the documents", 4)
    for evidence in q.evidence:
        _say(f"{show.where(evidence.document)}:", 4)
        _say(_in_place(evidence.document, evidence.quote, q.groups, texts), 8)


def _in_place(document: str, quote: str, groups: frozenset[str], texts: Texts) -> str:
    """The quotation between «», with what stands around it."""
    found = texts.find(document, quote, groups)
    if found is None:
        return f"«{show.line(quote)}» (not found in the documents)"
    text, span = found
    before, after = text[max(0, span.start - AROUND) : span.start], text[span.end : span.end + AROUND]
    return show.line(f"…{before}«{text[span.start : span.end]}»{after}…")


def _edited(group: DraftGroup) -> DraftGroup | None:
    """The group with what was typed; None where input ends."""
    q = group.entries[0].question
    text = show.asked("question (empty keeps it): ")
    answers = show.asked("answers, with | between them (empty keeps them): ") if text is not None else None
    if text is None or answers is None:
        return None
    given = tuple(part.strip() for part in answers.split("|") if part.strip()) or q.answers
    first = replace(group.entries[0], question=replace(q, text=text or q.text, answers=given, answerable=bool(given)))
    others = tuple(
        replace(entry, question=replace(entry.question, answers=given, answerable=bool(given)))
        for entry in group.entries[1:]
    )
    return replace(group, entries=(first, *others))


def _say(text: str = "", indent: int = 0) -> None:
    show.note(" " * indent + text if text else "")
