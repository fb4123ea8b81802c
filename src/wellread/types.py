"""The words that every room shares: frozen values, no behaviour beyond what follows from their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

type_of_block = Literal["heading", "paragraph", "list", "table", "code", "note", "caption", "image"]
type_of_unit = Literal["page", "sheet", "slide", "message", "chapter", "cell", "entry", "time", "frame"]
type_of_value = Literal["text", "number", "date", "time", "boolean"]
flag_of_cell = Literal["head", "total", "hidden", "formula", "ocr", "uncertain", "footnote"]


class Span(NamedTuple):
    """Characters ``[start, end)`` of a document's text."""

    start: int
    end: int


class Box(NamedTuple):
    """A rectangle of a unit, in thousandths of its width and height from its upper left corner; y grows downwards."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Block:
    """A structural unit of a document; blocks are in order and do not overlap.

    ``level`` is the depth of a heading (1 is the top), else 0; ``page`` the number of its ``Unit``, from 1, None where
    the format has none; ``ms`` the first and last millisecond in sound and film. A ``hidden`` block is kept and makes
    no passage: hidden sheets and rows, history that a mail quotes.
    """

    kind: type_of_block
    span: Span
    level: int = 0
    page: int | None = None
    box: Box | None = None
    ms: tuple[int, int] | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A page, sheet, slide, message …: ``number`` from 1, ``label`` is its own name («Fares»), ``size`` in points."""

    number: int
    kind: type_of_unit
    label: str = ""
    hidden: bool = False
    size: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A filled cell of a table: ``document.text[span.start:span.end] == text``, always.

    ``row`` and ``col`` count from 0 at the table's first cell; a value over several stands once and belongs to all of
    them. ``value`` is a float of a number or boolean (7.5 % is 0.075 with unit «%»), ISO 8601 of a date or time.
    """

    row: int
    col: int
    span: Span
    text: str
    row_span: int = 1
    col_span: int = 1
    kind: type_of_value = "text"
    value: float | str | None = None
    unit: str = ""
    box: Box | None = None
    flags: frozenset[flag_of_cell] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``block`` is its place in ``blocks``, ``cells`` by rows, ``origin`` the first cell's in a sheet, from 0.

    ``head_rows`` rows name the columns; ``continues`` is the place in ``tables`` of the one that continues here.
    """

    block: int
    cells: tuple[Cell, ...]
    head_rows: int = 0
    caption: str = ""
    origin: tuple[int, int] | None = None
    confidence: float = 1.0
    continues: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, spanned ones and blank ones between filled ones included."""
        ends = [(cell.row + cell.row_span, cell.col + cell.col_span) for cell in self.cells] or [(0, 0)]
        return max(row for row, _ in ends), max(col for _, col in ends)


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text that was read in a picture; ``confidence`` from 0 to 1 is the reader's own."""

    span: Span
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Image:
    """A picture; ``block`` holds what was read in it or its caption; ``digest`` is SHA-256, ``size`` in pixels."""

    block: int | None
    digest: str
    size: tuple[int, int] = (0, 0)
    page: int | None = None
    alt: str = ""
    box: Box | None = None
    lines: tuple[TextLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside a file that becomes a document of its own: an attachment, an entry of an archive."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser makes of one file: its text as it will be quoted, and the structure on top of it.

    ``metadata["units_not_read"]`` names the units that gave nothing, by number («3, 7–9»).
    """

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    title: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    units: tuple[Unit, ...] = ()
    tables: tuple[Table, ...] = ()
    images: tuple[Image, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One version of one document; ``id``, a hash of tenant and uri, is the same for all, ``digest`` is SHA-256."""

    id: str
    uri: str
    version: int
    title: str
    media_type: str
    text: str
    digest: str
    tenant: str = "default"
    labels: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    size_bytes: int = 0
    modified_at: datetime | None = None
    ingested_at: datetime | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    superseded_by: str | None = None
    unreadable: str = ""
    units: tuple[Unit, ...] = ()
    tables: tuple[Table, ...] = ()
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage that is indexed and quoted: ``document.text[span.start:span.end] == text``, always.

    ``id`` is a hash of document id, version and span. ``header`` (title, heading path) is indexed with the text and
    never quoted. ``n_tokens`` counts header and text in tokens of the embedder.
    """

    id: str
    document_id: str
    version: int
    ordinal: int
    span: Span
    text: str
    header: str = ""
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    kind: type_of_block = "paragraph"
    n_tokens: int = 0
    parent_id: str | None = None

    @property
    def indexed_text(self) -> str:
        """What is embedded and searched: the contextual header, then the text."""
        return f"{self.header}\n{self.text}" if self.header else self.text


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a tenant, the groups whose documents may be read, and the user's name.
    A document without labels is for everyone of its tenant; a document with labels is for those who hold at least
    one of them as a group. ``user`` names who did something (asked, rated, trained) and gives no rights; it is empty
    for whoever sits at the terminal and owns the disk, who may therefore do the upkeep of the whole base.
    """

    tenant: str = "default"
    groups: frozenset[str] = frozenset()
    user: str = ""

    def may_read(self, tenant: str, labels: frozenset[str]) -> bool:
        """Whether a row of ``tenant`` with ``labels`` is visible."""
        return tenant == self.tenant and (not labels or bool(labels & self.groups))


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a query; ``score`` orders, ``scores`` say what each stage gave (bm25, dense, fused …)."""

    chunk: Chunk
    document: Document
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a sentence stands: ``quote`` is the document's text at ``span``, ``place`` says it for its kind of file."""

    document: str
    title: str
    version: int
    page: int | None
    heading_path: tuple[str, ...]
    span: Span
    quote: str
    chunk_id: str
    note: str = ""  # its file cannot be read now
    place: str = ""  # page 7; «Fares» B4:D4; slide 12, notes


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one sentence of an answer is supported, by which citations (``also``: further ones), how strongly."""

    sentence: str
    supported: bool
    score: float
    citation: int | None = None
    reason: str = ""
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of model calls; ``cost`` in ``currency``, None where no price is known.
    A sum is in the currency of its first part with a price.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    cost: float | None = None
    currency: str = "USD"

    def __add__(self, other: Usage) -> Usage:
        known = [c for c in (self.cost, other.cost) if c is not None]
        priced = other if self.cost is None and other.cost is not None else self
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
            sum(known) if known else None,
            priced.currency,
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way to an answer: what it did, kept and cost."""

    name: str
    ms: float
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question got: text, where it stands, and whether it was supported."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    verdicts: tuple[Verdict, ...]
    refused: bool
    route: str
    usage: Usage
    timings_ms: Mapping[str, float]
    trace_id: str
    nearest: tuple[Citation, ...] = ()
    confidence: float = 0.0
    left_machine: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A source item that gave no document: why, how often it was tried, and whether trying again can help."""

    uri: str
    kind: str
    reason: str
    attempts: int
    size_bytes: int = 0
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What an ``add`` or ``sync`` did, counted by document; nothing that was skipped is missing from it."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    deleted: int = 0
    unchanged: int = 0
    duplicates: int = 0
    failed: int = 0
    skipped: int = 0
    chunks: int = 0
    embedded: int = 0
    summaries: int = 0
    seconds: float = 0.0
    failures: tuple[Failure, ...] = ()
    restricted: Mapping[str, int] = field(default_factory=dict)  # groups («bug, urgent») → documents for them alone


@dataclass(frozen=True, slots=True)
class Status:
    """What a base holds, counted: documents by state, chunks, bytes, the embedder, when it was last in step."""

    documents: int
    chunks: int
    near_duplicates: int
    states: Mapping[str, int]
    embedder: str
    generation: int
    size_bytes: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a reference answer stands: ``document`` is a uri or its end, ``quote`` the text letter for letter."""

    document: str
    quote: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is needed to judge an answer to it.
    ``answers`` are the accepted ones, any of which is right; a whole answer also holds each of ``all_of`` and none of
    ``wrong``. A question that the documents do not answer has no answers and ``answerable`` False. ``variant_of`` is
    the id of the question that this one words differently; ``groups`` are those that its reader belongs to. ``split``
    is train, validation or test once a set is frozen, else empty.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    kind: str = "fact"
    answerable: bool = True
    groups: frozenset[str] = frozenset()
    variant_of: str | None = None
    split: str = ""
    all_of: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """A measured value with its 95 % interval and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int


# Filters: typed expressions over a document's fields and metadata; bound SQL parameters, never SQL text.
# Fields: uri, title, media_type, modified_at, ingested_at, valid_from, valid_until, and metadata keys as "meta.KEY".


@dataclass(frozen=True, slots=True)
class Compare:
    """``field op value``; ``like`` takes ``*`` for any run of characters."""

    field: str
    op: Literal["=", "!=", "<", "<=", ">", ">=", "like"]
    value: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """``field`` is one of ``values``."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValidOn:
    """The document is in force on ``day``: valid_from <= day <= valid_until, open ends count as in force."""

    day: date


@dataclass(frozen=True, slots=True)
class Not:
    """None of what ``part`` matches."""

    part: Filter


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part matches; without parts, everything does."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part matches; without parts, nothing does."""

    parts: tuple[Filter, ...]


Filter = Compare | OneOf | ValidOn | Not | AllOf | AnyOf
