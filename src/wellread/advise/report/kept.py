"""A comparison read back from the file that it was kept in."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from wellread.errors import UsageError
from wellread.metrics.results import Comparison, ReadPassage


def read(file: Path) -> Comparison:
    """The comparison in a ``comparison.json``; passages come without their texts, which are not kept there.

    Raises: UsageError where the file is not there or holds no comparison of this version.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; make one: wellread compare") from error
    except ValueError as error:
        raise UsageError(f"{file}: is not JSON: {error}; make it anew: wellread compare") from error
    try:
        made: Comparison = _value(found, Comparison)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file}: is no comparison of this version ({error}); run wellread compare") from error
    return made


def _value(given: Any, hint: Any) -> Any:
    """``given``, as JSON has it, as the type of its field. Raises: KeyError, TypeError, ValueError."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if given is None else _value(given, next(a for a in args if a is not type(None)))
    if origin is Literal:
        if given not in args:
            raise ValueError(f"{given!r} is none of {args}")
        return given
    if origin is tuple:
        return tuple(_value(item, args[0]) for item in given)
    if origin is Mapping:
        return {key: _value(item, args[1]) for key, item in given.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(given, hint)
    if hint is datetime:
        return datetime.fromisoformat(given)
    if hasattr(hint, "_fields"):  # a named tuple
        return hint(*given)
    if hint is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, hint):
        raise TypeError(f"{given!r} is not {hint.__name__}")
    return given


def _dataclass(given: Any, cls: type) -> Any:
    if not isinstance(given, Mapping):
        raise TypeError(f"{cls.__name__} is an object")
    hints = typing.get_type_hints(cls)
    if cls is ReadPassage:
        given = {"text": "", **given}
    known = {f.name: f for f in fields(cls)}
    missing = [n for n, f in known.items() if n not in given and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise KeyError(f"{cls.__name__}: {', '.join(missing)} is missing")
    return cls(**{name: _value(value, hints[name]) for name, value in given.items() if name in known})
