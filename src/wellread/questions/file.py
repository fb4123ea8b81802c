"""A set of questions as a file: read with every fault at once, written whole or not at all.

The set of a base is ``questions.jsonl`` beside ``wellread.toml``, one JSON object a line, made to be edited by hand.
Drafts that nobody has looked at, and those that were rejected, wait in ``questions-draft.jsonl``.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wellread import digests, paths
from wellread.config import suggestion
from wellread.errors import StoreError, UsageError
from wellread.questions.stands import letters
from wellread.types import Evidence, Question

FILE = paths.QUESTIONS
DRAFTS = paths.DRAFTS
ASKED = "asked.jsonl"  # beside a comparison: what it asked

State = Literal["accepted", "draft", "rejected"]

_NAMES: Mapping[str, tuple[str, ...]] = {  # field → the names that a file may use for it
    "id": ("id", "question_id", "qid"),
    "text": ("text", "question", "query"),
    "answers": ("answers", "answer", "reference", "ground_truth", "expected"),
    "all_of": ("all_of",),
    "wrong": ("wrong",),
    "evidence": ("evidence",),
    "document": ("document", "source", "file"),
    "quote": ("quote", "context"),
    "kind": ("kind", "type"),
    "answerable": ("answerable",),
    "groups": ("groups", "who"),
    "variant_of": ("variant_of",),
    "split": ("split",),
    "made": ("made",),
    "state": ("state",),
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names}
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class QuestionEntry:
    """A row of a question file: the question, how it came about, and the keys that are the user's own."""

    question: Question
    made: str = ""  # "" for a question that somebody brought; else how it was drafted
    state: State = "accepted"
    extra: Mapping[str, object] = field(default_factory=dict)


def read(path: Path, *, whole: bool = True) -> tuple[Question, ...]:
    """The questions of a JSONL or CSV file, in its order; of a file that is not ``whole``, variants may stand alone.

    Raises: UsageError with all faults, each with its row.
    """
    return tuple(entry.question for entry in entries(path, whole=whole))


def entries(path: Path, *, whole: bool = True) -> tuple[QuestionEntry, ...]:
    """The rows of a JSONL or CSV file; see ``read``."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    faults: list[str] = []
    rows = _csv(text, path.name, faults) if path.suffix.lower() in (".csv", ".tsv") else _jsonl(text, path.name, faults)
    found = [(where, entry) for where, row in rows if (entry := _entry(row, where, faults)) is not None]
    _compare(found, faults, whole=whole)
    if faults:
        raise UsageError("\n".join(dict.fromkeys(faults)))
    return tuple(entry for _, entry in found)


def _jsonl(text: str, name: str, faults: list[str]) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # U+2028 and such stand inside of lines
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            faults.append(f"{name}: line {number}: not JSON: {error.msg} at column {error.colno}")
            continue
        if isinstance(row, dict):
            rows.append((f"{name}: line {number}", row))
        else:
            faults.append(f"{name}: line {number}: is not an object; write one {{…}} a line")
    return rows


def _csv(text: str, name: str, faults: list[str]) -> list[tuple[str, dict[str, Any]]]:
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=mark)
    rows = []
    for row in reader:
        where = f"{name}: line {reader.line_num}"
        if None in row:
            faults.append(f"{where}: has more cells than the header; quote cells that hold '{mark}'")
            continue
        cells: dict[str, Any] = {key.strip(): value for key, value in row.items() if value and value.strip()}
        for key in ("answers", "all_of", "wrong", "groups"):
            for alias in _NAMES[key]:
                if alias in cells:
                    cells[alias] = [part.strip() for part in cells[alias].split("|")]
        if "evidence" in cells:
            try:
                cells["evidence"] = json.loads(cells["evidence"])
            except json.JSONDecodeError:
                faults.append(f"{where}: evidence: is JSON, or use the columns 'document' and 'quote'")
                continue
        rows.append((where, cells))
    return rows


def _entry(row: Mapping[str, Any], where: str, faults: list[str]) -> QuestionEntry | None:
    """The entry of a row, None where it has faults."""
    known: dict[str, Any] = {}
    extra: dict[str, object] = {}
    before = len(faults)
    for key, value in row.items():
        name = _FIELD_OF.get(key)
        if name is not None:
            if name in known and known[name] != value:
                faults.append(f"{where}: '{key}': is given twice, under two names")
            known[name] = value
        elif meant := suggestion(key, _FIELD_OF):
            faults.append(f"{where}: '{key}': no such column{meant}")
        else:
            extra[key] = value
    text = _text(known, "text", where, faults)
    if not text and len(faults) == before:
        faults.append(f"{where}: has no question; a column 'text' or 'question' holds it")
    answers = _texts(known.get("answers"), "answers", where, faults)
    evidence = _evidence(known, where, faults)
    kind = _text(known, "kind", where, faults)
    answerable = _flag(known.get("answerable"), kind != "unanswerable", where, faults)
    if answerable and not (answers or evidence):
        faults.append(f"{where}: has neither answers nor evidence; give one, or set answerable to false")
    all_of, wrong = (_texts(known.get(name), name, where, faults) for name in ("all_of", "wrong"))
    if not answerable and (answers or all_of):
        faults.append(f"{where}: is not answerable and has answers; one of the two is wrong")
    state = _text(known, "state", where, faults) or "accepted"
    if state not in ("accepted", "draft", "rejected"):
        faults.append(f"{where}: state: is accepted, draft or rejected, got '{state}'")
    groups = _texts(known.get("groups"), "groups", where, faults)
    if len(faults) > before:
        return None
    question = Question(
        id=str(known.get("id") or id_of(text, groups)),
        text=text,
        answers=answers,
        evidence=evidence,
        kind=kind or ("fact" if answerable else "unanswerable"),
        answerable=answerable,
        groups=frozenset(groups),
        variant_of=_text(known, "variant_of", where, faults) or None,
        split=_text(known, "split", where, faults),
        all_of=all_of,
        wrong=wrong,
    )
    return QuestionEntry(question, _text(known, "made", where, faults), state, extra)  # type: ignore[arg-type]  # checked above


def id_of(text: str, groups: Iterable[str] = ()) -> str:
    """The id of a question that brings none: the same for the same words asked by the same groups."""
    return "q" + digests.of_text("\0".join((letters(text), *sorted(groups))))[:10]


def _text(row: Mapping[str, Any], name: str, where: str, faults: list[str]) -> str:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return (value or "").strip()
    faults.append(f"{where}: {name}: is text, got {value!r}")
    return ""


def _texts(value: object, name: str, where: str, faults: list[str]) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    given = [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value
    if isinstance(given, list) and all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in given):
        return tuple(str(v).strip() for v in given if str(v).strip())
    faults.append(f"{where}: {name}: is a list of texts, got {value!r}")
    return ()


def _evidence(row: Mapping[str, Any], where: str, faults: list[str]) -> tuple[Evidence, ...]:
    given = row.get("evidence")
    if given is None and (row.get("document") or row.get("quote")):
        given = [{"document": row.get("document"), "quote": row.get("quote")}]
    found = []
    for part in given if isinstance(given, list) else [] if given is None else [given]:
        cells = [part.get(key) for key in ("document", "quote")] if isinstance(part, dict) else [None]
        if all(isinstance(cell, str) and cell.strip() for cell in cells):
            found.append(Evidence(part["document"].strip(), part["quote"].strip()))
        else:
            faults.append(f"{where}: evidence: each piece names its 'document' and a 'quote' from it, got {part!r}")
    return tuple(found)


def _flag(value: object, default: bool, where: str, faults: list[str]) -> bool:
    if value is None or value == "":
        return default
    word = str(value).strip().lower()
    if word not in _YES + _NO:
        faults.append(f"{where}: answerable: is true or false, got {value!r}")
    return word in _YES


def _compare(found: Sequence[tuple[str, QuestionEntry]], faults: list[str], *, whole: bool = True) -> None:
    """Faults that only the whole set shows: an id or a question that comes twice, a variant of nothing."""
    ids: dict[str, str] = {}
    texts: dict[tuple[str, frozenset[str]], str] = {}
    for where, entry in found:
        question = entry.question
        line = where.rpartition(": ")[2]
        if question.id in ids:
            faults.append(f"{where}: id '{question.id}': is used in {ids[question.id]} already")
        elif (same := texts.get((letters(question.text), question.groups))) is not None:
            faults.append(f"{where}: is the same question as in {same}; remove one")
        ids.setdefault(question.id, line)
        texts.setdefault((letters(question.text), question.groups), line)
    for where, entry in found if whole else ():
        if entry.question.variant_of is not None and entry.question.variant_of not in ids:
            faults.append(f"{where}: variant_of '{entry.question.variant_of}': no such question in this file")


def as_row(entry: QuestionEntry) -> dict[str, object]:
    """The JSON object of an entry, without what is empty or follows from the rest."""
    q = entry.question
    row: dict[str, object] = {"id": q.id, "text": q.text, "answers": list(q.answers)}
    row["evidence"] = [{"document": e.document, "quote": e.quote} for e in q.evidence]
    row |= {"kind": q.kind, "answerable": q.answerable}
    if q.groups:
        row["groups"] = sorted(q.groups)
    optional: dict[str, object] = {"variant_of": q.variant_of, "split": q.split, "made": entry.made}
    optional |= {"all_of": list(q.all_of), "wrong": list(q.wrong)}
    row |= {key: value for key, value in optional.items() if value}
    if entry.state != "accepted":
        row["state"] = entry.state
    return row | dict(entry.extra)


def write(path: Path, rows: Iterable[QuestionEntry]) -> None:
    """The file holds these rows, whole or not at all. Raises: StoreError where it cannot be written."""
    text = "".join(json.dumps(as_row(entry), ensure_ascii=False) + "\n" for entry in rows)
    put(path, text)


def put(path: Path, text: str) -> None:
    """A file with this text in the place of what was there, whole or not at all. Raises: StoreError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def kept(path: Path) -> tuple[QuestionEntry, ...]:
    """The rows of a file of the base; none where there is no file yet. Raises: UsageError."""
    return entries(path) if path.is_file() else ()


def keep_asked(folder: Path, asked: Iterable[Question]) -> Path:
    """The file in ``folder`` that holds the questions as they were asked. Raises: StoreError."""
    write(folder / ASKED, (QuestionEntry(question) for question in asked))
    return folder / ASKED


def merged(
    old: Sequence[QuestionEntry], new: Sequence[QuestionEntry], *, replace: bool = False
) -> tuple[list[QuestionEntry], int, int, int]:
    """Old and new rows, and how many were added, changed and the same; the part of an old row stays.

    A new row that asks in the words of another one is left out; what words it differently is a variant of that one.

    Raises: UsageError where a new row has the id of an old one and differs, unless ``replace``; where the rows
    together would be no set that can be read.
    """
    rows, faults = {entry.question.id: entry for entry in old}, list[str]()
    before = dict(rows)
    left_out = _asked_already(old, new, replace=replace)
    added = changed = same = 0
    for entry in new:
        q = entry.question
        if q.id in left_out:
            same += 1
            continue
        known = before.get(q.id)
        q = dataclasses.replace(q, variant_of=left_out.get(q.variant_of or "", q.variant_of))
        q = dataclasses.replace(q, split=known.question.split) if known else q
        entry = dataclasses.replace(entry, question=q)
        if known is None:
            added += 1
        elif as_row(known) == as_row(entry):
            same += 1
        elif replace:
            changed += 1
        else:
            faults.append(f"{q.id}: is in the set with another content; load with --replace, or give it another id")
            continue
        rows[q.id] = entry
    _compare(list(rows.items()), faults)
    if faults:
        raise UsageError("\n".join(faults))
    return list(rows.values()), added, changed, same


def _asked_already(old: Sequence[QuestionEntry], new: Sequence[QuestionEntry], *, replace: bool) -> dict[str, str]:
    """Ids of new rows that ask in the words of another row → the first phrasing of what that one asks."""
    known = {entry.question.id for entry in old}
    given = {entry.question.id: entry for entry in new} if replace else {}
    texts: dict[tuple[str, frozenset[str]], Question] = {}
    for entry in old:
        q = given.get(entry.question.id, entry).question
        texts[letters(q.text), q.groups] = q
    found = {}
    for q in (entry.question for entry in new if entry.question.id not in known):
        asked = texts.setdefault((letters(q.text), q.groups), q)
        if asked.id != q.id:
            found[q.id] = asked.variant_of or asked.id
    return found


def as_csv(questions: Sequence[QuestionEntry]) -> str:
    """The rows as CSV that ``read`` takes: answers, groups and such with «|» between them, evidence as JSON."""
    out = io.StringIO()
    what = ("id", "text", "answers", "all_of", "wrong", "evidence", "kind", "answerable")
    names = (*what, "groups", "variant_of", "split", "made")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for entry in questions:
        row = as_row(entry)
        for name in ("answers", "all_of", "wrong"):
            row[name] = " | ".join(getattr(entry.question, name))
        row["groups"] = " | ".join(sorted(entry.question.groups))
        row["evidence"] = json.dumps(row["evidence"], ensure_ascii=False) if entry.question.evidence else ""
        row["answerable"] = str(entry.question.answerable).lower()
        writer.writerow([row.get(name, "") for name in names])
    return out.getvalue()
