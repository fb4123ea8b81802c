"""Whose a file is where sources overlap: the closest source's, under labels that every source which takes it allows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wellread.documents.sources.listing import Source, reach, takes, uri_of


@dataclass(frozen=True, slots=True)
class Claim:
    """A source, and where it begins: by its name, and with links resolved; a file has no pattern below that."""

    source: Source
    place: str
    real: str
    pattern: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """What the files, folders and globs of a tenant reach to, the closest first; ``linked``: some by way of links."""

    files: dict[str, list[Claim]]
    others: tuple[Claim, ...]
    linked: bool


def claims(sources: Iterable[Source]) -> Claims:
    """What the sources reach to. A file is closer than a folder, a lower folder than one above it, a glob than its
    folder, the source that was added first than another one.
    """
    files: dict[str, list[Claim]] = {}
    others: list[Claim] = []
    for source in sorted(sources, key=lambda source: source.id):
        if source.kind == "file":
            claim = Claim(source, uri_of(source.location), uri_of(os.path.realpath(source.location)))
            for place in {claim.place, claim.real}:
                files.setdefault(place, []).append(claim)
        elif source.kind in ("folder", "glob"):
            top, pattern = reach(source)
            others.append(Claim(source, uri_of(top), uri_of(os.path.realpath(top)), pattern))
    others.sort(key=lambda claim: (-len(claim.place), claim.source.kind != "glob"))
    every = [*others, *(claim for held in files.values() for claim in held)]
    return Claims(files, tuple(others), any(claim.place != claim.real for claim in every))


def owner(claimed: Claims, uri: str, real: str = "") -> Source | None:
    """The closest source that takes the file, with the labels that are left; None where none takes it.

    Labels of the others, and of those that take it where it lies (``real``, by way of links), narrow its own: what they
    share, or theirs where it has none. Where it shares none with another source, its own stay.
    """
    named = [claim for claim in claimed.files.get(uri, ()) if claim.place == uri]
    named += [claim for claim in claimed.others if _takes(claim, claim.place, uri)]
    if not named:
        return None
    lies = uri_of(real) if real else uri
    if claimed.linked or lies != uri:
        by_link = [claim for claim in claimed.files.get(lies, ()) if claim.real == lies]
        by_link += [claim for claim in claimed.others if _takes(claim, claim.real, lies)]
        named += [claim for claim in by_link if claim not in named]
    return narrowed([claim.source for claim in named])


def narrowed(holders: Sequence[Source]) -> Source:
    """The first of the sources, with labels that open its documents to nobody to whom another one closes them.

    Only where two name different groups altogether, those of the earlier one in the sequence count.
    """
    own = holders[0].options
    labels = frozenset(own.labels)
    for other in holders[1:]:
        theirs = frozenset(other.options.labels)
        labels = labels & theirs or labels or theirs
    if labels == frozenset(own.labels):
        return holders[0]
    return replace(holders[0], options=replace(own, labels=tuple(sorted(labels))))


def _takes(claim: Claim, place: str, uri: str) -> bool:
    below = place.rstrip("/") + "/"
    return uri.startswith(below) and takes(claim.source, claim.pattern, uri[len(below) :].split("/"))
