"""``wellread tune predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, progress
from wellread.errors import UsageError
from wellread.tune.data.data import ClassifyRow, ExtractRow, Row, TagRow
from wellread.tune.labels import run as task_run
from wellread.tune.labels import tagging
from wellread.tune.train import state, tuned

EXAMPLES = """
wellread tune predict intents-head "Where is my card?"
wellread tune predict tickets-full --file new-tickets.txt --json
wellread tune predict answers-full --question "When does it leave?" --file notice.txt
"""


@command(examples=EXAMPLES)
def predict(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A run that learned labels, tags or answers.")],
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to read.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="One text a line; with --question the whole file is one text."),
    ] = None,
    question: Annotated[str, typer.Option("--question", metavar="TEXT", help="What is looked up in each text.")] = "",
) -> int:
    """Say the label of each text, the tag of each word, or where the answer to a question stands."""
    given = [*(texts or []), *_lines(file, whole=bool(question))]
    if not given:
        raise UsageError("nothing to read: give texts, or --file FILE")
    with open_base(call, read_only=True) as base, progress(call) as watched:
        folder = state.find(base, name)
        task = tuned.card_of(folder / "best").get("task", "")
        if task not in task_run.TASKS:
            raise UsageError(f"run '{name}': writes texts, no labels; use it with: wellread models use {name}")
        rows = [_row(task, n, text, question) for n, text in enumerate(given)]
        said = task_run.predict(folder, rows, watched)
    if call.json:
        pairs = [{"text": text, "said": one} for text, one in zip(given, said, strict=True)]
        show.dump({"run": name, "task": task, "said": pairs})
        return DONE
    show.rows([(_shown(rows[n], one), text) for n, (text, one) in enumerate(zip(given, said, strict=True))])
    return DONE


def _lines(file: Path | None, *, whole: bool) -> list[str]:
    if file is None:
        return []
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is no text in UTF-8 ({error.reason})") from error
    return [text] if whole else [line for line in text.split("\n") if line.strip()]


def _row(task: str, n: int, text: str, question: str) -> Row:
    if task == "extract":
        if not question:
            raise UsageError("this run finds answers in texts; say what is asked: --question TEXT")
        return ExtractRow(str(n), question, text)
    if task == "tag":
        words = tuple(text.split())
        return TagRow(str(n), words, ("O",) * len(words))
    return ClassifyRow(str(n), text, "")


def _shown(row: Row, said: Any) -> str:
    if not isinstance(row, TagRow):
        return str(said) or "not in the text"
    found = sorted(tagging.spans(said), key=lambda one: one.start)
    return ", ".join(f"{' '.join(row.tokens[one.start : one.end])} ({one.kind})" for one in found) or "nothing"
