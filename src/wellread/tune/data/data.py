"""A prepared data set: typed rows in three parts, frozen under a hash; a changed one is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from wellread import digests, paths
from wellread.config import VERSION, suggestion
from wellread.errors import UsageError
from wellread.models.api import Message
from wellread.store import lineage

if TYPE_CHECKING:
    from wellread.knowledge_base import KnowledgeBase

Task = Literal["chat", "classify", "tag", "extract", "text2text", "texts", "preference", "rating"]
TASKS: tuple[str, ...] = get_args(Task)
PARTS = ("train", "validation", "test")
FOLDER = paths.DATA_SETS
FORMAT = 1  # of the files in the folder
LONGEST = 1024  # tokens of a row where nobody set a limit, in preparing and in training


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A conversation; ``sources`` are ids of the chunks it came from, ``fact`` names the fact that it words."""

    id: str
    messages: tuple[Message, ...]
    sources: tuple[str, ...] = ()
    kind: str = ""
    fact: str = ""


@dataclass(frozen=True, slots=True)
class ClassifyRow:
    """A text and its label."""

    id: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class TagRow:
    """Tokens and a tag for each."""

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """An answer in a context: ``context[start : start + len(text)] == text``."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class ExtractRow:
    """A question with its answers' places in a context; without answers the context does not hold one."""

    id: str
    question: str
    context: str
    answers: tuple[ExtractedAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class PairRow:
    """A text and what it is to become: a translation, a summary, an answer."""

    id: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """Running text, all of which is learned."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """A prompt with an answer that was preferred and one that was not; ``rater`` says by whom, empty where unknown."""

    id: str
    prompt: str
    chosen: str
    rejected: str
    rater: str = ""


@dataclass(frozen=True, slots=True)
class RatedRow:
    """A prompt with one answer and how good somebody found it, on any scale where more is better."""

    id: str
    prompt: str
    answer: str
    score: float
    rater: str = ""


Row = ChatRow | ClassifyRow | TagRow | ExtractRow | PairRow | TextRow | PreferenceRow | RatedRow
ROWS: Mapping[str, type[Row]] = {
    "chat": ChatRow,
    "classify": ClassifyRow,
    "tag": TagRow,
    "extract": ExtractRow,
    "text2text": PairRow,
    "texts": TextRow,
    "preference": PreferenceRow,
    "rating": RatedRow,
}


@dataclass(frozen=True, slots=True)
class Card:
    """What a data set is, where it came from and how it was made; ``hash`` covers every byte of the three parts."""

    name: str
    task: str
    counts: Mapping[str, int]
    columns: tuple[str, ...]
    hash: str = ""
    labels: tuple[str, ...] = ()
    files: tuple[Mapping[str, str], ...] = ()  # path and sha256 of each source file
    documents: tuple[str, ...] = ()  # ids of the documents that the rows came from
    kinds: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    max_length: int = 0  # that rows were examined with, in tokens of ``tokenizer``; see ``limit_of``
    tokenizer: str = ""
    generation: int | None = None  # of the base that it was made from
    code_version: str = VERSION
    made_at: str = ""
    format: int = FORMAT
    tenant: str = "default"  # whose it is; see ``belongs_to``
    user: str = ""  # who made it


@dataclass(frozen=True, slots=True)
class DataSet:
    """A frozen data set as it was prepared."""

    card: Card
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    folder: Path = Path()

    @property
    def rows(self) -> tuple[Row, ...]:
        """All parts one after the other."""
        return (*self.train, *self.validation, *self.test)


def limit_of(card: Card, asked: int) -> int:
    """Tokens of a row at most in training: what the run asks for, else what preparing was asked for, else LONGEST."""
    return asked or int(card.settings.get("max_length", 0)) or LONGEST


def row_id(*content: object) -> str:
    """12 hex digits that follow from the content alone."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
    return digests.of_text(text)[:12]


def to_json(row: Row) -> dict[str, Any]:
    """The row as it stands in the file; what is empty and optional is left out."""
    made = asdict(row)
    return {key: value for key, value in made.items() if key not in ("fact", "rater") or value}


def from_json(task: str, value: Mapping[str, Any]) -> Row:
    """The row of a file that ``to_json`` wrote."""
    made = dict(value)
    if task == "chat":
        made["messages"] = tuple(Message(**turn) for turn in made["messages"])
        made["sources"] = tuple(made.get("sources", ()))
    elif task == "tag":
        made["tokens"], made["tags"] = tuple(made["tokens"]), tuple(made["tags"])
    elif task == "extract":
        made["answers"] = tuple(ExtractedAnswer(**one) for one in made["answers"])
    return ROWS[task](**made)


def texts_of(row: Row) -> tuple[str, ...]:
    """Every text of a row, in reading order."""
    match row:
        case ChatRow():
            return tuple(turn.content for turn in row.messages)
        case ClassifyRow() | TextRow():
            return (row.text,)
        case TagRow():
            return (" ".join(row.tokens),)
        case ExtractRow():
            return (row.question, row.context, *(one.text for one in row.answers))
        case PairRow():
            return (row.source, row.target)
        case PreferenceRow():
            return (row.prompt, row.chosen, row.rejected)
        case RatedRow():
            return (row.prompt, row.answer)


# folders


def folder_of(base: Path, name: str) -> Path:
    """Where the data set of that name lies in the base. Raises: UsageError for a name that would leave the base."""
    return base / FOLDER / paths.safe_name(name, "data set")


def artifact_id(card: Card) -> str:
    """The id of a data set in the lineage of its base."""
    return f"data-{card.hash[:16]}"


def belongs_to(base: KnowledgeBase, card: Card) -> bool:
    """Whether the data set is one of the tenant's, made of nothing that ``base.who`` may not read."""
    if card.tenant != base.who.tenant:
        return False
    with base.store.reading() as connection:
        if lineage.known(connection, artifact_id(card), who=base.who):
            return lineage.may_read(connection, artifact_id(card), who=base.who)
        return lineage.all_visible(connection, card.documents, who=base.who)


def listing(base: KnowledgeBase) -> list[str]:
    """Names of the data sets of a base that belong to ``base.who``."""
    folder = base.folder / FOLDER
    names = sorted(one.parent.name for one in folder.glob("*/card.json")) if folder.is_dir() else []
    return [name for name in names if belongs_to(base, card_of(folder / name))]


def find(base: KnowledgeBase, name: str) -> Path:
    """The folder of a data set. Raises: UsageError where the base has none of that name for ``base.who``."""
    folder = folder_of(base.folder, name)
    if not (folder / "card.json").is_file() or not belongs_to(base, card_of(folder)):
        known = listing(base)
        there = f"; there are {', '.join(known)}" if known else "; make one: wellread tune prepare FILE --name NAME"
        raise UsageError(f"data set '{name}': is not in {base.folder / FOLDER}{suggestion(name, known) or there}")
    return folder


def freeze(data: DataSet, folder: Path, *, extra: Mapping[str, str] | None = None, replace_old: bool = False) -> Card:
    """Writes the parts, the card and ``extra`` files, all or nothing, and gives the card with its hash.

    The same data again is no fault: with other settings its card is written again. Raises: UsageError where another
    data set of that name is there, or where the folder holds anything but a data set.
    """
    if folder.exists() and not (folder / "card.json").is_file():
        raise UsageError(f"{folder}: is there already and holds no data set; pass --name, or move it away")
    parts = {name: _lines(getattr(data, name)) for name in PARTS}
    card = replace(data.card, hash=_hash(parts), made_at=datetime.now(UTC).isoformat(timespec="seconds"))
    if (folder / "card.json").is_file() and not replace_old:
        old = card_of(folder)
        if old.hash != card.hash:
            raise UsageError(f"data set '{folder.name}': is there already, with other rows; pass --name or --replace")
        if dict(old.settings) == json.loads(json.dumps(dict(card.settings))):
            return old
    fresh = folder.parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, text in parts.items():
        (fresh / f"{name}.jsonl").write_text(text, "utf-8", newline="\n")
    for name, text in (extra or {}).items():
        (fresh / name).write_text(text, "utf-8", newline="\n")
    (fresh / "card.json").write_text(json.dumps(asdict(card), ensure_ascii=False, indent=2) + "\n", "utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
    return card_of(folder)


def card_of(folder: Path) -> Card:
    """The card of a data set, its parts not looked at. Raises: UsageError where it is absent or damaged."""
    try:
        value = json.loads((folder / "card.json").read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: is no data set (no card.json); make one: wellread tune prepare") from None
    except ValueError as error:
        raise UsageError(f"{folder / 'card.json'}: is damaged ({error}); prepare the data set again") from None
    if value.get("format") != FORMAT:
        raise UsageError(f"{folder}: was prepared by another version of wellread; prepare it again")
    known = {one.name for one in fields(Card)}
    tuples = {key: tuple(value[key]) for key in ("columns", "labels", "files", "documents")}
    return Card(**{**{key: item for key, item in value.items() if key in known}, **tuples})


def load(folder: Path) -> DataSet:
    """The data set of a folder, unchanged since it was prepared.

    Raises: UsageError where it is absent, or where a part was changed since.
    """
    card = card_of(folder)
    parts = {}
    for name in PARTS:
        path = folder / f"{name}.jsonl"
        if not path.is_file():
            raise UsageError(f"{path}: is missing; prepare the data set again")
        parts[name] = path.read_bytes().decode("utf-8", "replace")
    if _hash(parts) != card.hash:
        raise UsageError(f"{folder}: was changed after it was prepared (its hash differs); prepare it again")
    train, validation, test = (
        tuple(from_json(card.task, json.loads(line)) for line in parts[name].splitlines()) for name in PARTS
    )
    return DataSet(card, train, validation, test, folder)


def _lines(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(to_json(row), ensure_ascii=True) + "\n" for row in rows)


def _hash(parts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in PARTS:
        digest.update(f"{name}\n{parts[name]}\n".encode("utf-8", "replace"))
    return digest.hexdigest()
