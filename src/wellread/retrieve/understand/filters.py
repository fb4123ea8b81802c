"""A filter as text becomes a typed one: ``type=policy and (year>=2025 or not owner=hr) and valid on 2026-05-01``.

    filter   := part ("or" part)*
    part     := term ("and" term)*
    term     := "not" term | "(" filter ")" | "valid on" DATE | FIELD OP VALUE | FIELD "in" VALUE ("," VALUE)*
    OP       := = != < <= > >= like

A field is a column of documents (uri, title, media_type, modified_at, ingested_at, valid_from, valid_until); any other
word is a metadata key, with or without ``meta.`` before it. A value with spaces stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from wellread.errors import UsageError
from wellread.types import AllOf, AnyOf, Compare, Filter, Not, OneOf, ValidOn

FIELDS = ("uri", "title", "media_type", "modified_at", "ingested_at", "valid_from", "valid_until")
VALIDITY = ("valid_from", "valid_until", "superseded_by")
MOST_NESTED = 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>!=|<=|>=|[=<>(),])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s=<>!(),"']+))"""
)


class _Token(NamedTuple):
    kind: str  # sign, word, quoted, end
    text: str
    at: int


def parse(typed: str) -> Filter:
    """The filter that was typed. Raises UsageError that says where it stops making sense, and how it is written."""
    tokens = _tokens(typed)
    found, position = _either(tokens, 0, typed, 0)
    if tokens[position].kind != "end":
        raise _fault(typed, tokens[position], "and, or, or the end")
    return found


def asks_for_dates(where: Filter) -> bool:
    """Whether a filter says itself which documents are in force, anywhere in it: by a day, or by the fields of that."""
    match where:
        case ValidOn():
            return True
        case Compare(field=field) | OneOf(field=field):
            return field in VALIDITY
        case Not(part):
            return asks_for_dates(part)
        case AllOf(parts) | AnyOf(parts):
            return any(asks_for_dates(part) for part in parts)


def _tokens(typed: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while typed[position:].strip():
        match = _TOKEN.match(typed, position)
        if match is None:
            raise _fault(typed, _Token("word", typed[position:].strip()[:1], position), "a field, a value or a sign")
        kind = match.lastgroup or ""
        text = match[kind]
        tokens.append(_Token("quoted" if kind in ("double", "single") else kind, text, match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "", len(typed))]


def _fault(typed: str, token: _Token, expected: str) -> UsageError:
    place = f"at '{token.text}' (character {token.at + 1})" if token.kind != "end" else "at the end"
    return UsageError(
        f'--where {typed!r}: {place}: expected {expected}; for example: --where "type=policy and valid on 2026-05-01"'
    )


def _is(token: _Token, word: str) -> bool:
    return token.kind == "word" and token.text.lower() == word


def _either(tokens: Sequence[_Token], position: int, typed: str, depth: int) -> tuple[Filter, int]:
    parts = []
    while True:
        part, position = _both(tokens, position, typed, depth)
        parts.append(part)
        if not _is(tokens[position], "or"):
            return (parts[0] if len(parts) == 1 else AnyOf(tuple(parts))), position
        position += 1


def _both(tokens: Sequence[_Token], position: int, typed: str, depth: int) -> tuple[Filter, int]:
    parts = []
    while True:
        part, position = _term(tokens, position, typed, depth)
        parts.append(part)
        if not _is(tokens[position], "and"):
            return (parts[0] if len(parts) == 1 else AllOf(tuple(parts))), position
        position += 1


def _term(tokens: Sequence[_Token], position: int, typed: str, depth: int) -> tuple[Filter, int]:
    token = tokens[position]
    after = tokens[min(position + 1, len(tokens) - 1)]
    if depth > MOST_NESTED:
        raise _fault(typed, token, f"at most {MOST_NESTED} brackets or nots inside each other")
    if (_is(token, "not") and after.kind != "sign") or (_is(token, "not") and after.text == "("):
        part, position = _term(tokens, position + 1, typed, depth + 1)
        return Not(part), position
    if token == (token.kind, "(", token.at) and token.kind == "sign":
        part, position = _either(tokens, position + 1, typed, depth + 1)
        if tokens[position].text != ")":
            raise _fault(typed, tokens[position], "')'")
        return part, position + 1
    if token.kind not in ("word", "quoted"):
        raise _fault(typed, token, "a field")
    if _is(token, "valid_on") or (_is(token, "valid") and _is(after, "on")):
        return _valid_on(tokens, position + (1 if _is(token, "valid_on") else 2), typed)
    return _comparison(tokens, position, typed)


def _valid_on(tokens: Sequence[_Token], position: int, typed: str) -> tuple[Filter, int]:
    if tokens[position].text == "=":
        position += 1
    try:
        return ValidOn(date.fromisoformat(tokens[position].text)), position + 1
    except ValueError as error:
        raise _fault(typed, tokens[position], "a date like 2026-05-01") from error


def _comparison(tokens: Sequence[_Token], position: int, typed: str) -> tuple[Filter, int]:
    field = tokens[position].text
    if field not in FIELDS and not field.startswith("meta."):
        field = f"meta.{field}"
    sign = tokens[position + 1]
    position += 2
    if _is(sign, "in"):
        values = [_value(tokens, position, typed)]
        while tokens[position + 1].text == "," and tokens[position + 1].kind == "sign":
            position += 2
            values.append(_value(tokens, position, typed))
        return OneOf(field, tuple(values)), position + 1
    if _is(sign, "like"):
        return Compare(field, "like", _value(tokens, position, typed)), position + 1
    if sign.kind == "sign" and sign.text in ("=", "!=", "<", "<=", ">", ">="):
        return Compare(field, sign.text, _value(tokens, position, typed)), position + 1  # type: ignore[arg-type]  # checked
    raise _fault(typed, sign, "=, !=, <, <=, >, >=, like or in")


def _value(tokens: Sequence[_Token], position: int, typed: str) -> str:
    token = tokens[position]
    if token.kind not in ("word", "quoted"):
        raise _fault(typed, token, "a value")
    return token.text
