"""``wellread sync``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.add import told
from wellread.cli.base import open_base
from wellread.cli.call import DONE, INTERRUPTED, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.types import SyncReport

EXAMPLES = """
wellread sync
wellread sync --watch --interval 5
wellread sync --retry-failed
wellread sync --full
"""


@command(examples=EXAMPLES, kept="what was read so far is kept; wellread sync resumes from there")
def sync(
    call: Call,
    watch: Annotated[bool, typer.Option("--watch", help="Go on following the sources until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Seconds between two looks, with --watch.")
    ] = 2.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try files again that failed before and have not changed.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Look at every byte, whatever sizes and times say.")] = False,
) -> int:
    """Read what is new or changed, drop what was deleted.

    A file that is unchanged costs a look at its size and times; where these cannot be trusted (written in the second in
    which it was read, restored, on another machine's disk) its bytes are looked at. A deleted one leaves every answer.
    With --watch and --json, every change is one JSON object on a line of its own.
    """
    if watch and (retry_failed or full):
        option = "--full" if full else "--retry-failed"
        raise UsageError(f"--watch {option}: first wellread sync {option}, then watch")
    with open_base(call) as base:
        if not watch:
            with progress(call) as watched:
                done = base.sync(retry_failed=retry_failed, full=full, progress=watched)
            return told(call, done)
        hint(call, f"watching, a look every {show.duration(interval)}; Ctrl-C ends")
        return _followed(call, base.watch(interval))


def _followed(call: Call, reports: Iterable[SyncReport]) -> int:
    """Prints each report as it comes, until Ctrl-C."""
    try:
        for done in reports:
            if call.json:
                show.dump_line(done)
            else:
                show.say(cited.report(done))
    except KeyboardInterrupt:
        show.note("stopped; everything that is listed above is kept, wellread sync --watch continues")
        return INTERRUPTED
    return DONE
