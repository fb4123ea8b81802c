"""``wellread route``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.knowledge_base import DATA_FOLDER
from wellread.questions import routing
from wellread.retrieve.parts import SearchParts
from wellread.retrieve.understand import route
from wellread.retrieve.understand.route import TrainedRoute

TRAIN = """
wellread route train questions.jsonl
wellread route train questions.jsonl --set route.mode=trained
"""
SHOW = """
wellread route show "Which ship is faster, Little Auk or Sandpiper?"
wellread route show "thanks a lot" --json
"""


@command(examples=TRAIN)
def train(
    call: Call,
    questions: Annotated[
        Path, typer.Argument(metavar="FILE", help="Questions in JSONL or CSV, each with its kind.", show_default=False)
    ],
) -> int:
    """Learn to tell the kinds of your own questions.

    Each question needs a kind: fact, table, summary, comparison, hops, freshness, chitchat or outside; other kinds are
    left out and counted. The classifier is judged by cross-validation beside the rules, and kept in the base either
    way; set route.mode to trained where it is the better one.
    """
    with open_base(call) as base:
        made = routing.train(base, questions)
    done = made.trained
    if call.json:
        show.dump({"file": str(made.file), "questions": done.n, "right": done.right, "rules_right": done.rules_right,
                   "by_kind": done.by_kind, "left_out": made.left_out})  # fmt: skip
        return DONE
    _told(call, done, made.left_out)
    return DONE


def _told(call: Call, done: TrainedRoute, left_out: int) -> None:
    show.say(f"{show.count(done.n, 'question')} learned from, {left_out} left out (no kind of ours, or too few of it)")
    show.rows([(kind, show.count(n, "question"), f"{right:.0%} right") for kind, (n, right) in done.by_kind.items()], 4)
    show.say(f"right on questions not trained on: {done.right:.0%}; the rules: {done.rules_right:.0%}")
    if done.right > done.rules_right:
        hint(call, "next: wellread config set route.mode trained")
    else:
        hint(call, "the rules are as good here: wellread config set route.mode rules")


@command(examples=SHOW)
def tell(
    call: Call,
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="A question, or words.")],
) -> int:
    """Show which kind a question is, and which parts of a search it would get."""
    with open_base(call, read_only=True) as base:
        settings = base.settings["route"]
        classify = route.classifier(base.folder / DATA_FOLDER, lambda: base.cheap)
        opened = SearchParts(base.reader, base.embedder, cheap=lambda: base.cheap, classify=classify)
        with base.reader.snapshot(who=base.who) as look:
            found = route.routed(" ".join(question), look, settings, opened)
    parts = getattr(settings, found.kind)
    if call.json:
        show.dump({"kind": found.kind, "by": found.by, "sure": found.sure, "parts": parts, "mode": settings.mode})
        return DONE
    show.say(f"{found.kind}, by {found.by}, sure {found.sure:.2f}")
    show.say(f"parts: {', '.join(parts) or 'none, nothing is searched for'}")
    if settings.mode == "off":
        hint(call, "routing is off: every question gets the same parts; wellread config set route.mode rules")
    return DONE
