"""Settings: the only file that reads TOML and the environment.

A section is a frozen dataclass of plain values that lives in the room that it sets; this module knows none of them. It
turns ``wellread.toml`` and ``WELLREAD_SECTION__KEY`` variables into those dataclasses, refuses what they do not know
with a suggestion, reports all faults at once, and remembers where each value came from.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import itertools
import json
import os
import textwrap
import tomllib
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from wellread import digests, paths
from wellread.errors import ConfigError, UsageError

VERSION = "0.1.0"
FILE_NAME = paths.SETTINGS
ENV_PREFIX = "WELLREAD_"
RESERVED_ENV = frozenset({"WELLREAD_MODELS", "WELLREAD_DATA", "WELLREAD_BASE"})

Sections = Mapping[str, type]


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections of one base, and where each value that is no default came from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, section: str) -> Any:
        return self.values[section]


def load(
    path: Path | None,
    sections: Sections,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    elsewhere: Collection[str] = (),
) -> Settings:
    """Settings from a file (None: defaults alone), then variables, then ``section.key=value`` overrides; last one wins.

    ``elsewhere`` names sections that other rooms read: they are passed over here, neither checked nor refused.

    Raises: ConfigError with every fault; UsageError for an override that is not ``section.key=value``.
    """
    faults: list[str] = []
    found: dict[str, tuple[Any, str]] = {}
    if path is not None:
        _from_file(path, sections, found, faults, elsewhere)
    _from_environ(os.environ if environ is None else environ, sections, found, faults, elsewhere)
    for override in overrides:
        _from_override(override, sections, found, faults, elsewhere)
    values = {name: _build(name, cls, found, faults) for name, cls in sections.items()}
    if faults:
        raise ConfigError(faults)
    return Settings(values, {key: origin for key, (_, origin) in found.items()})


def digest(settings: Settings) -> str:
    """16 hex digits that change when a setting does."""
    return digests.of_json(settings.values)[:16]


def changed(settings: Settings, sections: Sections, overrides: Sequence[str], *, origin: str = "--set") -> Settings:
    """The settings with ``section.key=value`` on top of what is in force.

    ``origin`` stands before every fault. Raises: ConfigError with every fault; UsageError as for ``load``.
    """
    faults: list[str] = []
    found: dict[str, tuple[Any, str]] = {}
    for override in overrides:
        _from_override(override, sections, found, faults, (), origin)
    values = dict(settings.values)
    for name in dict.fromkeys(key.partition(".")[0] for key in found):
        given = {key.partition(".")[2]: value for key, (value, _) in found.items() if key.startswith(f"{name}.")}
        try:
            values[name] = replace(values[name], **given)
        except ValueError as error:
            faults.append(f"{origin}: {name}.{error}")
    if faults:
        raise ConfigError(faults)
    return Settings(values, {**settings.origins, **{key: where for key, (_, where) in found.items()}})


def _from_file(
    path: Path,
    sections: Sections,
    found: dict[str, tuple[Any, str]],
    faults: list[str],
    elsewhere: Collection[str],
) -> None:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path.name}: not valid TOML: {error}")
        return
    except OSError as error:
        faults.append(f"{path}: cannot be read: {error.strerror}")
        return
    for section, entries in table.items():
        if section in elsewhere:
            continue
        if section not in sections:
            faults.append(f"{path.name}: {section}: no such section{suggestion(section, [*sections, *elsewhere])}")
        elif not isinstance(entries, dict):
            faults.append(f"{path.name}: {section}: is a section; write [{section}] and its settings below")
        else:
            for key, value in entries.items():
                _take(path.name, section, key, value, sections, found, faults)


def _from_environ(
    environ: Mapping[str, str],
    sections: Sections,
    found: dict[str, tuple[Any, str]],
    faults: list[str],
    elsewhere: Collection[str],
) -> None:
    for name, text in environ.items():
        if not name.startswith(ENV_PREFIX) or name in RESERVED_ENV or "__" not in name:
            continue
        section, key = name.removeprefix(ENV_PREFIX).lower().split("__", 1)
        if section in sections:
            _take(name, section, key, _from_text(text), sections, found, faults)
        elif section not in elsewhere:
            faults.append(f"{name}: {section}: no such section{suggestion(section, [*sections, *elsewhere])}")


def _from_override(
    override: str,
    sections: Sections,
    found: dict[str, tuple[Any, str]],
    faults: list[str],
    elsewhere: Collection[str],
    origin: str = "--set",
) -> None:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise UsageError(f"{origin} {override}: write it as section.key=value")
    if section in sections:
        _take(origin, section, key, _from_text(text), sections, found, faults)
    elif section not in elsewhere:
        faults.append(f"{origin}: {section}: no such section{suggestion(section, [*sections, *elsewhere])}")


def _from_text(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _take(
    origin: str,
    section: str,
    key: str,
    value: Any,
    sections: Sections,
    found: dict[str, tuple[Any, str]],
    faults: list[str],
) -> None:
    hints = typing.get_type_hints(sections[section])
    if key not in hints:
        now = getattr(sections[section], "RENAMED", {}).get(key)
        told = f"is called {section}.{now} now" if now else f"no such setting{suggestion(key, hints)}"
        faults.append(f"{origin}: {section}.{key}: {told}")
        return
    try:
        found[f"{section}.{key}"] = (typed(value, hints[key]), origin)
    except ValueError as error:
        faults.append(f"{origin}: {section}.{key}: {error}, got {value!r}")


def _build(section: str, cls: type, found: Mapping[str, tuple[Any, str]], faults: list[str]) -> Any:
    given = {f.name: found[k][0] for f in fields(cls) if (k := f"{section}.{f.name}") in found}
    missing = [
        f.name for f in fields(cls) if f.name not in given and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        faults.extend(f"{FILE_NAME}: {section}.{name}: is required" for name in missing)
        return None
    try:
        return cls(**given)
    except ValueError as error:  # a section's own __post_init__ speaks about the value, we add where
        faults.append(f"{FILE_NAME}: {section}.{error}")
        return None


def typed(value: Any, hint: Any) -> Any:
    """A value of TOML or JSON as the type of its field, dataclasses within it too; ValueError says what was expected.

    Keys that a dataclass does not know are passed over. A table of objects stays as it is: who reads it knows what may
    stand there.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        raise ValueError(f"is one of {', '.join(map(str, args))}{suggestion(str(value), [str(a) for a in args])}")
    if origin in (typing.Union, types.UnionType):
        if value is None or (value == "" and type(None) in args and str not in args):
            return None
        return typed(value, next(a for a in args if a is not type(None)))
    if origin in (tuple, frozenset, list):
        if not isinstance(value, list):
            raise ValueError("is a list")
        return (origin or tuple)(typed(v, args[0]) for v in value)
    if origin in (dict, Mapping) or hint is dict:
        if not isinstance(value, dict):
            raise ValueError("is a table")
        return dict(value) if not args or _is_open(args[1]) else {key: typed(v, args[1]) for key, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _plain(value, hint)


def _is_open(hint: Any) -> bool:
    """Whether anything may stand in a table, or in the tables within it."""
    args = typing.get_args(hint)
    return hint in (object, Any) or (typing.get_origin(hint) in (dict, Mapping) and _is_open(args[1]))


def _plain(value: Any, hint: Any) -> Any:
    """As ``typed``, for a type that holds no other ones in brackets."""
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(value, hint)
    if hint is Path and isinstance(value, str):
        return Path(value).expanduser()
    if hint is datetime and isinstance(value, str):
        return datetime.fromisoformat(value)
    if hasattr(hint, "_fields") and isinstance(value, list):  # a named tuple
        return hint(*value)
    if isinstance(value, bool) is not (hint is bool) or not isinstance(value, hint):
        raise ValueError(
            {int: "is a whole number", float: "is a number", bool: "is true or false"}.get(hint, "is text")
        )
    return value


def _dataclass(value: Any, cls: type) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"is a table ({cls.__name__})")
    hints, known = typing.get_type_hints(cls), {f.name: f for f in fields(cls)}
    missing = [n for n, f in known.items() if n not in value and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise ValueError(f"{cls.__name__}: {', '.join(missing)} is missing")
    given = {}
    for name in (name for name in value if name in known):
        try:
            given[name] = typed(value[name], hints[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return cls(**given)


def suggestion(word: str, known: typing.Iterable[str]) -> str:
    """``; did you mean 'x'?`` or nothing; the one wording of it everywhere."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def find(start: Path) -> Path | None:
    """The nearest ``wellread.toml`` in ``start`` or a folder above it."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def environment(name: str) -> str | None:
    """A variable that settings name (an API key's), or one of the reserved ones; empty counts as not set."""
    return os.environ.get(name) or None


def models_folder() -> Path:
    """Where pulled models live: ``WELLREAD_MODELS``, else the user's cache folder."""
    given = environment("WELLREAD_MODELS")
    cache = environment("XDG_CACHE_HOME")
    return Path(given) if given else (Path(cache) if cache else Path.home() / ".cache") / "wellread" / "models"


def sentences(section: type) -> dict[str, str]:
    """What each field of a section means: the string that stands under it in the source."""
    body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(section))).body[0]).body
    found = {}
    for node, text in itertools.pairwise(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            found[node.target.id] = " ".join(text.value.value.split())
    return found


def commented(sections: Sections) -> str:
    """A settings file that changes nothing: every setting with its default, commented out, and what it means."""
    lines = [
        "# Settings of this base. A commented line shows the default; `wellread config show` says what is in force.",
    ]
    for name, section in sections.items():
        meaning = sentences(section)
        lines += ["", f"[{name}]"]
        for entry in fields(section):
            lines += [f"# {meaning.get(entry.name, '')}", f"# {entry.name} = {toml_value(_default(entry))}"]
    return "\n".join(lines) + "\n"


def _default(entry: Field[Any]) -> Any:
    return entry.default_factory() if entry.default_factory is not MISSING else entry.default


def toml_value(value: Any) -> str:
    """A plain value as TOML writes it; None is an empty string."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list | frozenset):
        return f"[{', '.join(toml_value(v) for v in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_value(str(k))} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps("" if value is None else str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
