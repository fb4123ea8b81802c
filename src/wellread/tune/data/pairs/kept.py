"""Pairs of answers that wait for a verdict, and every verdict: a folder of lines that are only ever added to.

card.json        how the pairs were made, of which documents, for whom
pairs.jsonl      a pair a line
verdicts.jsonl   a verdict a line; of one rater on one pair the last one counts

What a killed command left is whole up to its last line, and the same command goes on after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wellread import paths
from wellread.config import suggestion
from wellread.errors import StoreError, UsageError
from wellread.store import lineage

if TYPE_CHECKING:
    from wellread.knowledge_base import KnowledgeBase

Choice = Literal["first", "second", "tie", "edited", "skip", ""]
By = Literal["hand", "rules", "model"]


@dataclass(frozen=True, slots=True)
class DrawnAnswer:
    """One answer as the model wrote it, and what the checks left of it: how many citations, or a refusal."""

    text: str
    citations: int = 0
    refused: bool = False
    right: float | None = None  # where the question has accepted answers


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one question by the same way; ``prompt`` is what the model read for both."""

    id: str
    question: str
    prompt: str
    first: DrawnAnswer
    second: DrawnAnswer


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """What one rater says of one pair; ``swapped``: the second answer stood first before the rater's eyes.

    An empty choice takes back what the rater said before. ``text`` is the better answer of an edited one.
    """

    pair: str
    rater: str
    by: By
    choice: Choice
    swapped: bool = False
    comment: str = ""
    text: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class PairsCard:
    """How a set of pairs was made; ``documents`` are the ids of those that the model read, ``sent_to`` hosts."""

    name: str
    way: str
    model: str
    temperature: float
    seed: int
    documents: tuple[str, ...] = ()
    sent_to: tuple[str, ...] = ()
    tenant: str = "default"
    user: str = ""


@dataclass(frozen=True, slots=True)
class KeptPairs:
    """A set of pairs with the verdicts that count, in the order in which they were given."""

    folder: Path
    card: PairsCard
    pairs: tuple[AnswerPair, ...]
    verdicts: tuple[PairVerdict, ...]


def folder_of(base: Path, name: str) -> Path:
    """Where the pairs of that name lie in the base. Raises: UsageError for a name that would leave the base."""
    return base / paths.PAIRS / paths.safe_name(name, "pairs")


def artifact_id(card: PairsCard) -> str:
    """The id of a set of pairs in the lineage of its base."""
    return f"pairs-{card.name}"


def belongs_to(base: KnowledgeBase, card: PairsCard) -> bool:
    """Whether the pairs are the tenant's, drawn over nothing that ``base.who`` may not read."""
    if card.tenant != base.who.tenant:
        return False
    with base.store.reading() as connection:
        if lineage.known(connection, artifact_id(card), who=base.who):
            return lineage.may_read(connection, artifact_id(card), who=base.who)
        return lineage.all_visible(connection, card.documents, who=base.who)


def listing(base: KnowledgeBase) -> list[str]:
    """Names of the sets of pairs of a base that belong to ``base.who``."""
    found = sorted((base.folder / paths.PAIRS).glob("*/card.json"))
    return [path.parent.name for path in found if belongs_to(base, card_of(path.parent))]


def find(base: KnowledgeBase, name: str) -> KeptPairs:
    """The pairs of that name. Raises: UsageError where the base has none for ``base.who``; StoreError for damage."""
    folder = folder_of(base.folder, name)
    if not (folder / "card.json").is_file() or not belongs_to(base, card_of(folder)):
        known = listing(base)
        there = f"; there are {', '.join(known)}" if known else "; make some: wellread tune pairs make --name NAME"
        raise UsageError(f"pairs '{name}': are not in {base.folder / paths.PAIRS}{suggestion(name, known) or there}")
    return read(folder)


def read(folder: Path) -> KeptPairs:
    """The pairs of a folder. Raises: StoreError where a line but the last is damaged."""
    pairs = []
    for value in _lines(folder / "pairs.jsonl"):
        first, second = DrawnAnswer(**value.pop("first")), DrawnAnswer(**value.pop("second"))
        pairs.append(AnswerPair(**value, first=first, second=second))
    last: dict[tuple[str, str], PairVerdict] = {}
    for value in _lines(folder / "verdicts.jsonl"):
        one = PairVerdict(**value)
        last.pop((one.pair, one.rater), None)
        if one.choice:
            last[one.pair, one.rater] = one
    return KeptPairs(folder, card_of(folder), tuple(pairs), tuple(last.values()))


def card_of(folder: Path) -> PairsCard:
    """How the pairs of a folder were made. Raises: StoreError where its card is damaged."""
    try:
        value = json.loads((folder / "card.json").read_text("utf-8"))
        known = {one.name for one in fields(PairsCard)}
        made = PairsCard(**{key: item for key, item in value.items() if key in known})
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"{folder / 'card.json'}: cannot be read ({error}); delete the folder, or restore it"
        ) from None
    return replace(made, documents=tuple(made.documents), sent_to=tuple(made.sent_to))


def write_card(folder: Path, card: PairsCard) -> None:
    """card.json as ``card`` says, all or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".card.json.part"
    part.write_text(json.dumps(asdict(card), ensure_ascii=False, indent=1) + "\n", "utf-8")
    part.replace(folder / "card.json")


def add_pair(folder: Path, pair: AnswerPair) -> None:
    """One more pair, on disk when this returns."""
    _add(folder / "pairs.jsonl", asdict(pair))


def add_verdict(folder: Path, verdict: PairVerdict) -> PairVerdict:
    """One more verdict with its time, on disk when this returns."""
    made = replace(verdict, at=datetime.now(UTC).isoformat(timespec="seconds"))
    _add(folder / "verdicts.jsonl", asdict(made))
    return made


def of_rater(verdicts: Sequence[PairVerdict], rater: str) -> dict[str, PairVerdict]:
    """The verdicts of one rater by pair."""
    return {one.pair: one for one in verdicts if one.rater == rater}


def _add(path: Path, value: dict[str, Any]) -> None:
    """A line at the end of a file; what a kill left of a line before it is cut off."""
    with path.open("ab+") as file:
        file.seek(0)
        held = file.read()
        whole = held.rfind(b"\n") + 1
        if whole < len(held):
            file.truncate(whole)
        file.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file; a last line that was cut off by a kill is left out."""
    if not path.is_file():
        return
    text = path.read_text("utf-8", "replace")
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise StoreError(f"{path}: line {number} cannot be read ({error}); mend or delete the line") from None
