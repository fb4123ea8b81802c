"""``wellread verify``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from wellread.answer import claims
from wellread.answer.claims import ClaimVerdict
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, PART, Call, command, hint
from wellread.documents.place import place_of
from wellread.errors import UsageError
from wellread.retrieve.understand import filters

EXAMPLES = """
wellread verify "The quay closes at 22:30."
wellread verify --file press-release.md
wellread verify --file claims.jsonl --json
"""


@command(examples=EXAMPLES)
def verify(
    call: Call,
    claim: Annotated[
        list[str] | None, typer.Argument(metavar="CLAIM", help="One sentence that says something.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help='Claims to check: every sentence of a text, or JSON Lines with "claim" in each row.',
        ),
    ] = None,
    where: Annotated[
        str, typer.Option(metavar="FILTER", help='Only against documents that match, like "title like *fees*".')
    ] = "",
) -> int:
    """Check a claim, or a text, against the documents.

    Each claim is supported, contradicted, or not in the documents, with the sentences that decide it. The command ends
    with code 3 where a claim is contradicted or not in the documents.
    """
    if bool(claim) == (file is not None):
        raise UsageError("verify: give a claim, or --file FILE with claims; not both")
    texts = [" ".join(claim)] if claim else _claims(file or Path())
    narrowed = filters.parse(where) if where else None
    with open_base(call, read_only=True) as base:
        verdicts = [base.verify(text, where=narrowed) for text in texts]
    if call.json:
        show.dump({"verdicts": verdicts, "counts": Counter(verdict.label for verdict in verdicts)})
    else:
        for verdict in verdicts:
            _printed(verdict)
        if len(verdicts) > 1:
            counts = Counter(verdict.label for verdict in verdicts)
            show.say(", ".join(f"{counts[label]} {label}" for label in claims.LABELS if counts[label]))
        if any(verdict.label != "supported" for verdict in verdicts):
            hint(call, "next: wellread search with words of the claim shows what there is on it")
    return DONE if all(verdict.label == "supported" for verdict in verdicts) else PART


def _claims(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--file {file}: cannot be read as UTF-8 text: {error}") from error
    if not claims.is_rows(text):
        found = claims.split(text)
        if not found:
            raise UsageError(f"--file {file}: holds no sentence that claims something")
        return found
    rows = []
    for n, line in enumerate(filter(str.strip, text.splitlines()), 1):
        try:
            rows.append(str(json.loads(line)["claim"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f'--file {file}, row {n}: is no object with a key "claim"') from error
    return rows


def _printed(verdict: ClaimVerdict) -> None:
    typer.echo(f"{verdict.label}: {verdict.claim}")
    if verdict.label != "supported":
        typer.echo(f"    {verdict.reason}")
    for citation in verdict.citations:
        page = f", {unit}" if (unit := place_of(citation)) else ""
        lead = "nearest: " if verdict.label == "not in the documents" else ""
        typer.echo(f"    {lead}“{citation.quote}” ({show.where(citation.document)}{page})")
