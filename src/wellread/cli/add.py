"""``wellread add``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, PART, REFUSED, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.types import SyncReport

EXAMPLES = """
wellread add ~/documents
wellread add ~/documents --exclude '*/drafts/*' --label staff
wellread add handbook.pdf https://example.org/fares.html
git log | wellread add - --name changes.txt
"""


@command(examples=EXAMPLES, kept="what was read so far is kept; wellread sync resumes from there")
def add(
    call: Call,
    what: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="Folders, files, globs in quotes, URLs, or - for standard input."),
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GROUP",
            help='Only this group may read it; may be repeated. A known source keeps its groups; "" drops them.',
        ),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Of a folder only these files; may be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Of a folder not these files; may be repeated.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the text from standard input is called.")] = "",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try files again that failed before and have not changed.")
    ] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch URLs at private addresses (localhost, 10.*, 192.168.*) too.")
    ] = False,
) -> int:
    """Read documents in; sync follows them from then on.

    A file that cannot be read is listed with its reason (wellread status --failed) and the others continue; the command
    then ends with code 3.
    """
    text = _standard_input(what, name)
    with open_base(call) as base, progress(call) as watched:
        done = base.add(
            *([name] if text is not None else what),
            labels=_given(label),
            text=text,
            include=_given(include),
            exclude=_given(exclude),
            retry_failed=retry_failed,
            allow_private=allow_private or None,
            progress=watched,
        )
    return told(call, done)


def _given(words: list[str] | None) -> tuple[str, ...] | None:
    """None for an option that was left out, so that a known source keeps what it has; ``--label ""`` is nothing."""
    return tuple(filter(None, words)) if words else None


def _standard_input(what: list[str], name: str) -> str | None:
    if what != ["-"]:
        if "-" in what:
            raise UsageError("add -: standard input is added alone; name the other sources in a second call")
        if name:
            raise UsageError("--name: names the text from standard input; write: wellread add - --name NAME")
        return None
    if not name:
        raise UsageError("add -: say what the text is called: wellread add - --name NAME")
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input: not UTF-8 text (byte {error.start}); add it as a file") from error


def told(call: Call, done: SyncReport) -> int:
    """Prints what was done and what to do next; the exit code of it."""
    read = done.new or done.changed or done.moved or done.duplicates
    refused = [failure for failure in done.failures if failure.kind == "refused"]
    only_refused = bool(refused) and len(refused) == done.failed and not read
    if call.json:
        show.dump(done)
    else:
        show.say(cited.report(done))
        for failure in refused if only_refused else ():
            show.error(f"{show.where(failure.uri)}: {failure.reason}")
        if read:
            hint(call, 'next: wellread ask "…", and wellread sync when the documents have changed')
    if only_refused and not done.unchanged:
        return REFUSED
    return PART if done.failed else DONE
