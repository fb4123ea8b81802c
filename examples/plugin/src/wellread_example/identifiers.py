"""An index: codes such as HF-203 or 4711/B, found as a whole, where a search by words would take them apart."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from wellread.errors import UsageError
from wellread.index.open import Snapshot
from wellread.index.passages import passages, seen
from wellread.retrieve.parts import Query
from wellread.retrieve.retrievers.plugged import Search
from wellread.retrieve.settings import RetrieveSettings

_CODE = re.compile(r"\b(?=[\w./-]*\d)(?=[\w./-]*[A-Za-z/-])\w[\w./-]*\w\b")


def codes(text: str) -> set[str]:
    """The codes in a text, in capitals: a digit, and a letter or a dash besides."""
    return {found.upper() for found in _CODE.findall(text)}


def open_index(name: str, settings: RetrieveSettings, folder: Path) -> Search:
    """``example:identifiers``; ``folder`` would keep files between runs, which a table this small does not need."""
    if name != "identifiers":
        raise UsageError(f"example:{name}: there is only example:identifiers")
    return find


def find(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
    """Passages by the number of the question's codes that they hold, and 1 besides for each code."""
    asked = codes(query.text)
    if not asked:
        return {}
    known: dict[str, set[int]] | None = snapshot.memo.get("wellread_example.identifiers")
    if known is None:  # once for each state of the base: look.memo is emptied when documents change
        known = defaultdict(set)
        for entry in passages(snapshot, everyone=True):
            for code in codes(entry.text):
                known[code].add(entry.key)
        snapshot.memo["wellread_example.identifiers"] = known
    held: dict[int, float] = defaultdict(float)
    for code in asked:
        for key in known.get(code, ()):
            held[key] += 1.0
    allowed = seen(snapshot, list(held), query.within)  # who asks, and where to look, come before anything is counted
    return {key: score for key, score in held.items() if key in allowed}
