"""Which format a file of examples has, and why: decided by its columns and what they hold, before any row is taken."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.tune.data.data import TASKS
from wellread.tune.data.files import Record, RecordFile
from wellread.tune.data.findings import DEFAULT, DataFinding, Policy

# field → the names that a column for it may have, in lower case; the field's own name first
NAMES: Mapping[str, tuple[str, ...]] = {
    "system": ("system", "system_prompt", "system_message"),
    "messages": ("messages", "chat", "dialog", "dialogue", "turns"),
    "conversations": ("conversations", "conversation"),
    "prompt": ("prompt", "question", "query", "input", "user", "instruction", "human"),
    "completion": ("completion", "response", "answer", "output", "assistant", "reply", "answers"),
    "instruction": ("instruction",),
    "input": ("input", "context"),
    "output": ("output", "response"),
    "chosen": ("chosen", "preferred", "response_chosen", "winner"),
    "score": ("score", "rating", "label", "reward", "liked"),
    "rater": ("rater", "rater_id", "annotator", "annotator_id", "worker", "worker_id", "labeler"),
    "rejected": ("rejected", "dispreferred", "response_rejected", "loser"),
    "question": ("question", "query"),
    "context": ("context", "passage", "paragraph"),
    "answers": ("answers", "answer"),
    "tokens": ("tokens", "words"),
    "tags": ("tags", "ner_tags", "ner", "pos_tags", "labels"),
    "translation": ("translation",),
    "source": ("source", "src", "document", "article", "dialogue", "input_text", "prompt", "input"),
    "target": ("target", "tgt", "summary", "highlights", "target_text", "completion", "output"),
    "text": (
        "text",
        "sentence",
        "review",
        "content",
        "utterance",
        "comment",
        "message",
        "tweet",
        "body",
        "title",
        "query",
    ),
    "label": ("label", "labels", "category", "class", "intent", "sentiment", "rating", "target", "label_text"),
}


THUMBS: Mapping[str, float] = {"true": 1, "yes": 1, "good": 1, "up": 1, "false": 0, "no": 0, "bad": 0, "down": 0}


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its task, the fields that it needs, and those that it may have."""

    name: str
    task: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()


# what a row is called and where it is from; nothing of it is learned, and nobody misses it
NUMBERS_OF_ROWS = frozenset(
    {"", "id", "_id", "idx", "index", "uid", "uuid", "guid", "row", "row_id", "no", "number", "url", "link", "split"}
)

# in the order of how much a match says; the first that fits is taken
FORMATS = (
    Format("messages", "chat", ("messages",), ("system",)),
    Format("ShareGPT", "chat", ("conversations",), ("system",)),
    Format("preference pairs", "preference", ("chosen", "rejected"), ("prompt", "rater")),
    Format("question in context", "extract", ("question", "context", "answers")),
    Format("tagged tokens", "tag", ("tokens", "tags")),
    Format("alpaca", "chat", ("instruction", "output"), ("input", "system")),
    Format("rated answers", "rating", ("prompt", "completion", "score"), ("rater",)),
    Format("prompt and completion", "chat", ("prompt", "completion"), ("system",)),
    Format("translation pairs", "text2text", ("translation",)),
    Format("parallel texts", "text2text", ("source", "target")),
    Format("labelled texts", "classify", ("text", "label")),
    Format("texts", "texts", ("text",)),
)
_BY_NAME_ONLY = {"prompt and completion": ("answers",)}  # aliases that another format means


@dataclass(frozen=True, slots=True)
class Detected:
    """The format of a file: ``columns`` says which column each field is read from, ``why`` is for the user."""

    format: Format
    columns: Mapping[str, str]
    why: str

    @property
    def task(self) -> str:
        """The task that its rows serve."""
        return self.format.task


def mapping_of(given: Sequence[str]) -> dict[str, str]:
    """Column → field from ``column=field`` pairs. Raises: UsageError for another form or an unknown field."""
    made = {}
    for pair in given:
        column, equals, field = pair.rpartition("=")
        if not equals or not column.strip():
            raise UsageError(f"--map {pair}: is written column=field, like --map reply=completion")
        if field.strip() not in NAMES:
            raise UsageError(f"--map {pair}: no such field{suggestion(field, NAMES)}; fields are {', '.join(NAMES)}")
        made[column.strip()] = field.strip()
    return made


def detect(
    table: RecordFile, *, task: str = "", mapping: Mapping[str, str] | None = None, policy: Policy = DEFAULT
) -> Detected | DataFinding:
    """The format of a table, or what is wrong with its columns.

    Args:
        table: as read.
        task: only formats of this task; "" for any.
        mapping: column → field, taken before the names are looked at.
        policy: what is dropped.
    Raises: UsageError for a task or a mapped column that does not exist.
    """
    if task and task not in TASKS:
        raise UsageError(f"--task {task}: no such task{suggestion(task, TASKS)}; tasks are {', '.join(TASKS)}")
    mapping = mapping or {}
    columns = list(dict.fromkeys([*table.columns, *(key for r in table.records[:200] for key in r.values)]))
    for column in mapping:
        if column not in columns:
            known = ", ".join(columns)
            raise UsageError(f"--map {column}=…: {table.file} has no such column; it has {known}")
    for one in FORMATS:
        if task and one.task != task:
            continue
        found = _match(one, columns, mapping, table.records)
        if found is not None:
            return Detected(one, found, _why(one, found, table, mapping))
    wanted = f" for the task {task}" if task else ""
    return policy.finding("unknown-format", table.file, 0, f"its columns ({', '.join(columns)}) are those of no known "
                          f"format{wanted}; {_advice(columns, table.records)}")  # fmt: skip


def _match(
    one: Format, columns: Sequence[str], mapping: Mapping[str, str], records: Sequence[Record]
) -> dict[str, str] | None:
    found: dict[str, str] = {}
    free = [column for column in columns if column not in mapping]
    if mapping and not set(mapping.values()) & {*one.needs, *one.may}:
        return None
    for field in (*one.needs, *one.may):
        named = [column for column, target in mapping.items() if target == field]
        skipped = _BY_NAME_ONLY.get(one.name, ())
        if not named:
            wanted = [name for name in NAMES[field] if name not in skipped]
            named = [c for name in wanted for c in free if c.strip().lower() == name and c not in found.values()]
        if named:
            found[field] = named[0]
        elif field in one.needs:
            return None
    return found if _holds(one, found, records) else None


def _holds(one: Format, found: Mapping[str, str], records: Sequence[Record]) -> bool:
    """Whether the columns hold what the format says, in the first row that has them filled."""
    if one.name in ("messages", "ShareGPT", "tagged tokens", "translation pairs"):
        first = one.needs[0]
        values = [parsed(r.values[found[first]]) for r in records if r.values.get(found[first]) not in (None, "")]
        wanted: type = dict if one.name == "translation pairs" else list
        return not values or any(isinstance(value, wanted) for value in values[:50])
    if one.name == "rated answers":
        values = [r.values[found["score"]] for r in records if r.values.get(found["score"]) not in (None, "")]
        return bool(values) and all(score_of(value) is not None for value in values[:50])
    if one.name == "prompt and completion":
        values = [r.values.get(found["completion"]) for r in records[:50]]
        return not values or any(not isinstance(value, (list, dict)) for value in values)
    return True


def score_of(value: Any) -> float | None:
    """A rating as a number: as it is, or 1 and 0 for what a thumb says; None where it is none."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in THUMBS:
            return THUMBS[word]
        try:
            value = float(word)
        except ValueError:
            return None
    if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
        return None
    return float(value)


def unread(table: RecordFile, detected: Detected, policy: Policy = DEFAULT) -> list[DataFinding]:
    """Columns that hold something and are not read: one finding for all, so that nothing is dropped without a word.

    Numbers and addresses of rows are known by their names and are nothing to learn.
    """
    read = set(detected.columns.values())
    held: dict[str, Any] = {}
    for record in table.records:
        for column, value in record.values.items():
            if column not in read and column not in held and value not in (None, "", [], {}):
                held[column] = value
    left = [column for column in held if column.strip().lower() not in NUMBERS_OF_ROWS]
    if not left:
        return []
    named = ", ".join(f"'{column}'" for column in left)
    what = f"column {named} is" if len(left) == 1 else f"columns {named} are"
    message = f"the {what} not read and nothing of it is learned; say --map {left[0]}=… if it is meant to be"
    return [policy.finding("unused-column", table.file, 0, message)]


def parsed(value: Any) -> Any:
    """A list or object that a cell holds as JSON text; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            return value
    return value


def _why(one: Format, found: Mapping[str, str], table: RecordFile, mapping: Mapping[str, str]) -> str:
    if table.kind == "conll":
        return "tagged tokens, because each line holds a token and its tag"
    if table.kind == "text":
        return "texts, because the file is running text; paragraphs end at empty lines"
    said = [f"'{column}'" + (f" as {field}" if column.lower() != field else "") for field, column in found.items()]
    told = " (as --map says)" if mapping else ""
    holds = "column" if len(said) == 1 else "columns"
    return f"{one.name}, because it has the {holds} {', '.join(said)}{told}"


def _advice(columns: Sequence[str], records: Sequence[Record]) -> str:
    """What the user can do: a misspelt column named, or --map with the two columns that hold most text."""
    known = {name for names in NAMES.values() for name in names}
    for column in columns:
        bare = column.strip().lower()
        close = [] if bare in known else difflib.get_close_matches(bare, known, n=1, cutoff=0.85)
        if close:
            return f"did you mean '{close[0]}' by '{column}'? Then say --map {column}={_field(close[0])}"
    filled = {column: sum(len(str(r.values.get(column) or "")) for r in records[:50]) for column in columns if column}
    most = sorted(sorted(filled, key=lambda column: -filled[column])[:2], key=list(filled).index)
    named = most if len(filled) > 2 else list(filled)
    if len(named) >= 2:
        one, other = named[:2]
        if len(one) == len(other) == 2:
            return f"say which language becomes which: --map {one}=source --map {other}=target"
        return f"say what they are: --map {one}=prompt --map {other}=completion (or text and label, source and target)"
    return f"say what it is: --map {named[0]}=text" if named else "its columns have no names"


def _field(name: str) -> str:
    """The field that a column of this name stands for."""
    return name if name in NAMES else next(field for field, names in NAMES.items() if name in names)
