"""``wellread remove``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.tune.ship import registry

EXAMPLES = """
wellread remove ~/documents/drafts
wellread remove '*/2019/*'
"""


@command(examples=EXAMPLES)
def remove(
    call: Call,
    what: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A source, a document's path or URL, or a glob in quotes.")
    ],
) -> int:
    """Take documents out of the base; files are not touched.

    Their text leaves every later answer, and answers in the log that stood on them are blanked.
    """
    with open_base(call) as base:
        done = registry.remove_documents(base, what)
    if call.json:
        show.dump({"removed": done.n, "retrain": {name: one.documents for name, one in done.retrain.items()}})
        return DONE
    show.say(f"{show.count(done.n, 'document')} removed")
    for name, one in done.retrain.items():
        note = " and answers now" if one.in_use else ""
        show.say(f"the tuned model {name} learned from {_some(one.documents)}{note}: train it again without", indent=2)
    if done.retrain:
        hint(call, "next: wellread tune prepare, then wellread tune run")
    return DONE


def _some(uris: Sequence[str]) -> str:
    more = f" and {len(uris) - 3} more" if len(uris) > 3 else ""
    return ", ".join(show.where(uri) for uri in uris[:3]) + more
