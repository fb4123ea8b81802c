"""Typed filters to conditions over ``versions``: values are bound parameters, whatever characters they hold."""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime

from sqlalchemy import Column, ColumnElement, and_, exists, false, func, not_, or_, true

from wellread.errors import UsageError
from wellread.store.engine.api import utc_text
from wellread.store.schema import version_metadata, versions
from wellread.types import AllOf, AnyOf, Compare, Filter, Not, OneOf, ValidOn

TEXT_FIELDS = ("uri", "title", "media_type", "superseded_by")
DATE_FIELDS = ("modified_at", "ingested_at", "valid_from", "valid_until")
FIELDS = TEXT_FIELDS + DATE_FIELDS
METADATA_PREFIX = "meta."
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "like")
MAX_VALUES = 10_000  # SQLite takes 32,766 parameters in one statement
MAX_DEPTH = 40
MAX_PARTS = 400
MAX_PATTERN_CHARACTERS = 1_000
MAX_WILDCARDS = 8  # each one more multiplies the time of a comparison by the length of the text


def to_sql(where: Filter) -> ColumnElement[bool]:
    """The condition on ``versions`` that holds exactly where ``where`` matches; true or false, never NULL.

    A field without a value matches no comparison but ``!=``, which is the opposite of ``=``. Dates compare as moments
    in UTC; a value that is a year, month or day compares with that part of the date. ``like`` ignores the case of ASCII
    letters.
    Raises: UsageError for an unknown field or operator, a value that is no date where one is needed, a large filter.
    """
    _check_size(where)
    return _part(where)


def _check_size(where: Filter) -> None:
    n_parts = n_values = 0
    stack: list[tuple[Filter, int]] = [(where, 1)]
    while stack:
        part, depth = stack.pop()
        n_parts += 1
        if isinstance(part, OneOf):
            n_values += len(part.values)
        if depth > MAX_DEPTH or n_parts > MAX_PARTS or n_values > MAX_VALUES:
            raise UsageError(
                f"the filter is too large: at most {MAX_PARTS} parts, {MAX_DEPTH} levels and {MAX_VALUES} values; "
                "give it in several questions"
            )
        if isinstance(part, Not):
            stack.append((part.part, depth + 1))
        elif isinstance(part, AllOf | AnyOf):
            stack.extend((inner, depth + 1) for inner in part.parts)


def _part(where: Filter) -> ColumnElement[bool]:
    match where:
        case Compare(field, "!=", value):
            return not_(_leaf(field, "=", value))
        case Compare(field, op, value):
            return _leaf(field, op, value)
        case OneOf(field, values):
            return _one_of(field, values)
        case ValidOn(day):
            return _valid_on(day)
        case Not(part):
            return not_(_part(part))
        case AllOf(parts):
            return and_(true(), *(_part(part) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(_part(part) for part in parts))
    raise UsageError(f"{where!r} is no filter; use Compare, OneOf, ValidOn, Not, AllOf or AnyOf")


def _leaf(field: str, op: str, value: str) -> ColumnElement[bool]:
    if op not in OPERATORS:
        raise UsageError(f"{op!r}: no such operator; use one of {' '.join(OPERATORS)}")
    _check_text(field, value)
    key = _metadata_key(field)
    if key is not None:
        return _has_metadata(key, _compared(version_metadata.c.value, op, value))
    column = _column(field)
    if field in DATE_FIELDS and op != "like":
        part, value = _date_part(field, column, value)
        return func.coalesce(_compared(part, op, value), false())
    return func.coalesce(_compared(column, op, value), false())


def _one_of(field: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    for value in values:
        _check_text(field, value)
    key = _metadata_key(field)
    if key is not None:
        return _has_metadata(key, version_metadata.c.value.in_(values))
    if field in DATE_FIELDS:
        return or_(false(), *(_leaf(field, "=", value) for value in values[:MAX_PARTS]))
    return func.coalesce(_column(field).in_(values), false())


def _valid_on(day: date) -> ColumnElement[bool]:
    text = day.isoformat()[:10]
    begun = or_(versions.c.valid_from.is_(None), versions.c.valid_from <= text)
    not_over = or_(versions.c.valid_until.is_(None), versions.c.valid_until >= text)
    return and_(begun, not_over)


def _compared(column: ColumnElement[str], op: str, value: str) -> ColumnElement[bool]:
    match op:
        case "=":
            return column == value
        case "<":
            return column < value
        case "<=":
            return column <= value
        case ">":
            return column > value
        case ">=":
            return column >= value
    return column.like(_pattern(value), escape="\\")


def _pattern(value: str) -> str:
    if len(value) > MAX_PATTERN_CHARACTERS or value.count("*") > MAX_WILDCARDS:
        raise UsageError(
            f"the pattern {value[:40]!r} is too long: it may have {MAX_PATTERN_CHARACTERS} characters, "
            f"{MAX_WILDCARDS} of them '*'"
        )
    escaped = re.sub(r"([\\%_])", r"\\\1", value)
    return re.sub(r"\*+", "%", escaped)


def _has_metadata(key: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(version_metadata.c.version_id == versions.c.id, version_metadata.c.key == key, condition)


def _metadata_key(field: str) -> str | None:
    _check_text("the field", field)
    return field.removeprefix(METADATA_PREFIX) if field.startswith(METADATA_PREFIX) else None


def _column(field: str) -> Column[str]:
    if field not in FIELDS:
        close = difflib.get_close_matches(field, FIELDS, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"fields are {', '.join(FIELDS)} and meta.KEY"
        raise UsageError(f"{field!r}: no such field to filter by; {hint}")
    return versions.c[field]


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{field}: {value!r} is no text; give the value as text")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise UsageError(f"{field}: {value!r} holds a character that no document can hold; leave it out")


def _date_part(field: str, column: Column[str], value: str) -> tuple[ColumnElement[str], str]:
    """What of the column to compare with what: a part of a date, or the whole moment in UTC."""
    if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", value):
        try:
            date.fromisoformat((value + "-01-01")[:10])
        except ValueError as error:
            raise UsageError(f"{field}: {value!r} is no date: {error}; write 2026, 2026-05 or 2026-05-01") from error
        return func.substr(column, 1, len(value)), value
    try:
        moment = utc_text(datetime.fromisoformat(value))
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{field}: {value!r} is no date; write 2026, 2026-05, 2026-05-01 or 2026-05-01T12:00:00Z"
        ) from error
    return (func.substr(column, 1, 10), moment[:10]) if field.startswith("valid_") else (column, moment)
