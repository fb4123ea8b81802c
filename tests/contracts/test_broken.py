"""A part that breaks its contract is told what it breaks: each of these is a good part with one fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.contracts.test_search_parts import TEXTS, words
from tests.index.bases import WordEmbedder

from wellread import contracts
from wellread.documents.parsers import text
from wellread.errors import SourceError
from wellread.index.open import Snapshot
from wellread.index.passages import passages
from wellread.models.api import Vectors
from wellread.retrieve.parts import Query
from wellread.types import Block, Cell, Parsed, Part, Span, Table, Unit


def broken_parsers() -> dict[str, tuple[Callable[[bytes, str], Parsed], str]]:
    seen: list[bytes] = []

    def remembers(data: bytes, name: str) -> Parsed:
        seen.append(data)
        return replace(text.parse(data, name), title=str(len(seen)))

    def past_the_end(data: bytes, name: str) -> Parsed:
        return Parsed("short", (Block("paragraph", Span(0, 9)),), "text/plain")

    def with_controls(data: bytes, name: str) -> Parsed:
        return replace(text.parse(data, name), text="a\x00b", blocks=())

    def without_a_type(data: bytes, name: str) -> Parsed:
        return replace(text.parse(data, name), media_type="text")

    grid = "a | b\nc | d"
    cell = Cell(0, 0, Span(0, 1), "a")

    def with_table(*cells: Cell, units: tuple[Unit, ...] = (), head_rows: int = 0) -> Callable[[bytes, str], Parsed]:
        block = Block("table", Span(0, len(grid)), page=1 if units else None)
        table = Table(0, cells, head_rows)
        return lambda data, name: Parsed(grid, (block,), "text/plain", units=units, tables=(table,))

    return {
        "cell text": (with_table(Cell(0, 0, Span(4, 5), "a")), "not that of the document at its span"),
        "cell order": (with_table(Cell(0, 1, Span(0, 1), "a"), Cell(0, 0, Span(4, 5), "b")), "order of rows"),
        "cell twice": (with_table(cell, Cell(0, 1, Span(0, 1), "a")), "after 1 in a block"),
        "cell outside": (with_table(cell, Cell(2, 0, Span(9, 99), "d")), "in a block to 11"),
        "head": (with_table(cell, head_rows=3), "3 rows of head in a table of 1"),
        "units": (with_table(cell, units=(Unit(2, "page"),)), "not numbered from 1"),
        "silent unit": (with_table(cell, units=(Unit(1, "page"), Unit(2, "page"))), "units_not_read does not name"),
        "parts": (
            lambda data, name: Parsed("a", (), "text/plain", parts=(Part("", "text/plain", b""),)),
            "parts without a name",
        ),
        "remembers": (remembers, "second time"),
        "spans": (past_the_end, "span 0 to 9"),
        "controls": (with_controls, "invisible"),
        "type": (without_a_type, "media type"),
        "shape": (lambda data, name: "text", "not a wellread.types.Parsed"),  # type: ignore[dict-item,return-value]  # broken on purpose
    }


@pytest.mark.parametrize("fault", sorted(broken_parsers()))
def test_the_contract_of_parsers_names_the_fault(fault: str) -> None:
    parse, told = broken_parsers()[fault]
    with pytest.raises(AssertionError, match=told):
        contracts.parser(parse, {"a.txt": b"One line.\n\nAnother."})


def test_a_parser_that_chokes_on_damaged_bytes_is_shown_the_rule() -> None:
    def parse(data: bytes, name: str) -> Parsed:
        if data != b"One line.":
            raise KeyError("not found")
        return text.parse(data, name)

    with pytest.raises(KeyError) as caught:
        contracts.parser(parse, {"a.txt": b"One line."})
    assert "must give SourceError" in caught.value.__notes__[0]


def test_a_parser_may_refuse_damaged_bytes() -> None:
    def parse(data: bytes, name: str) -> Parsed:
        if data != b"One line.":
            raise SourceError(f"{name}: damaged", "broken")
        return text.parse(data, name)

    contracts.parser(parse, {"a.txt": b"One line."})


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        (lambda parsed, count: [Span(0, len(parsed.text) + 1)], "span 0 to"),
        (lambda parsed, count: [Span(0, 3), Span(0, len(parsed.text))] if len(parsed.text) > 3 else [], "not after"),
        (lambda parsed, count: [Span(0, 4)] if parsed.text else [], "characters are in no passage"),
    ],
)
def test_the_contract_of_chunkers_names_the_fault(cut: Callable[..., list[Span]], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        contracts.chunker(cut)


class Letters(WordEmbedder):
    """The sound embedder of these tests, with a fault."""

    def __init__(self, fault: str) -> None:
        super().__init__(id="test:words" if fault != "id" else "words")
        self.fault = fault

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        vectors = super().embed([text.encode("utf-8", "replace").decode() for text in texts], kind)
        if self.fault == "length":
            return vectors * 2
        if self.fault == "company" and len(texts):
            vectors = vectors + np.arange(len(texts), dtype=np.float32)[:, None]
            return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
        return vectors.astype(np.float64) if self.fault == "dtype" else vectors  # type: ignore[return-value]  # broken on purpose

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1 for _ in texts] if self.fault == "tokens" else super().count_tokens(texts)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("id", "kind:name"),
        ("length", "lengths are"),
        ("company", "order or company"),
        ("dtype", "not float32"),
        ("tokens", "tokens of ''"),
    ],
)
def test_the_contract_of_embedders_names_the_fault(fault: str, told: str) -> None:
    contracts.embedder(Letters(""))
    with pytest.raises(AssertionError, match=told):
        contracts.embedder(Letters(fault))


class Shared:
    """The share of the question's words in a passage, with a fault."""

    id, remote = "test:shared", None

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        asked = set(question.lower().split())
        scores = np.array([len(asked & set(text.lower().split())) for text in passages], np.float32)
        if self.fault == "upside down":
            return -scores
        if self.fault == "relative" and len(scores):
            return np.asarray(scores - np.arange(len(scores)) / 10, np.float32)
        return scores[1:] if self.fault == "one short" else scores


@pytest.mark.parametrize(
    ("fault", "told"), [("upside down", "not above"), ("relative", "order or company"), ("one short", "for 8 passages")]
)
def test_the_contract_of_rerankers_names_the_fault(fault: str, told: str) -> None:
    contracts.reranker(Shared(""))
    with pytest.raises(AssertionError, match=told):
        contracts.reranker(Shared(fault))


def test_the_contract_of_rewriters_names_the_fault() -> None:
    for rewrite, told in (
        (lambda question: question, "not a list"),
        (lambda question: [" "], "gave"),
        (lambda question: [f"{question} {n}" for n in range(20)], "more than 10"),
        (lambda question: [question or "x"], "no wording but the question"),
    ):
        with pytest.raises(AssertionError, match=told):
            contracts.rewriter(rewrite, ["Which ferry?"])  # type: ignore[arg-type]  # broken on purpose


def test_the_contract_of_indexes_names_the_fault() -> None:
    def everywhere(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
        return {entry.key: 1.0 for entry in passages(snapshot)}

    def everyone(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
        inside = [e for e in passages(snapshot, everyone=True) if query.within is None or e.version in query.within]
        return {e.key: 1.0 for e in inside if "dogs" in e.text.lower()}

    first: dict[int, float] = {}

    def stale(query: Query, snapshot: Snapshot) -> Mapping[int, float]:
        if query.within is not None:
            return words(query, snapshot)
        first.update({} if first else words(query, snapshot))
        return first

    for search, told in (
        (everywhere, "beyond Query.within"),
        (everyone, "may not read"),
        (stale, "does not find a document that was added"),
        (lambda query, snapshot: {}, "found nothing"),
    ):
        with pytest.raises(AssertionError, match=told):
            contracts.index(search, TEXTS, "Which ferry takes dogs?")
