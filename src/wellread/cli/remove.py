"""``wellread remove``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.tune.ship import registry
from wellread.tune.ship.registry import Stale

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
        model = base.settings["chat"].model
        known = {document.id: document.uri for document in base.documents()}
        before = _gone(registry.stale(base, model))
        removed = base.remove(what)
        stale = registry.stale(base, model)
    learned = {
        name: sorted(known.get(one, one) for one in gone - before.get(name, set()))
        for name, gone in _gone(stale).items()
    }
    learned = {name: gone for name, gone in learned.items() if gone}
    if call.json:
        show.dump({"removed": removed, "retrain": learned})
        return DONE
    show.say(f"{show.count(removed, 'document')} removed")
    used = {one.name for one in stale if one.in_use}
    for name, gone in learned.items():
        note = " and answers now" if name in used else ""
        show.say(f"the tuned model {name} learned from {_some(gone)}{note}: train it again without", indent=2)
    if learned:
        hint(call, "next: wellread tune prepare, then wellread tune run")
    return DONE


def _gone(stale: Sequence[Stale]) -> dict[str, set[str]]:
    """Ids of documents that are no more, by the tuned model that learned from them."""
    return {one.name: {each.document_id for each in one.documents if each.now is None} for one in stale}


def _some(uris: Sequence[str]) -> str:
    more = f" and {len(uris) - 3} more" if len(uris) > 3 else ""
    return ", ".join(show.where(uri) for uri in uris[:3]) + more
