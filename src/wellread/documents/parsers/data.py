"""JSON, JSON lines, TOML, YAML and XML: arrays of like objects as tables, the rest as lines of path and value."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.containers import yaml_events
from wellread.documents.containers.packages import local, tree
from wellread.documents.encodings import decode
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Parsed

JSON, JSONL, TOML = "application/json", "application/jsonl", "application/toml"
YAML, XML = "application/yaml", "application/xml"
MAX_DEPTH = 200
MAX_COLUMNS = 60
LINES_A_BLOCK = 40


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken): what is not what its name says, or is nested beyond all use."""
    suffix = PurePosixPath(name.split("?", 1)[0]).suffix.lower()
    try:
        media_type, value = _READERS.get(suffix, _json)(data, name)
        assembly = Assembly()
        _Writer(assembly, name).add(value, "$", 0)
    except RecursionError as error:
        raise SourceError(f"{name}: is nested too deep", "broken") from error
    return assembly.parsed(media_type, _title(value))


def _title(value: Any) -> str:
    found = value.get("title") or value.get("name") if isinstance(value, dict) else ""
    return one_line(found)[:200] if isinstance(found, str) else ""


def _json(data: bytes, name: str) -> tuple[str, Any]:
    text, _ = decode(data, name)
    try:
        return JSON, json.loads(text)
    except ValueError as error:
        if "\n" in text.strip():
            try:
                return _jsonl(data, name)
            except SourceError:
                pass  # then it is the first fault that is told
        raise SourceError(f"{name}: not JSON: {error}", "broken") from error


def _jsonl(data: bytes, name: str) -> tuple[str, Any]:
    text, _ = decode(data, name)
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise SourceError(f"{name}: line {number} is not JSON: {error}", "broken") from error
    return JSONL, rows


def _toml(data: bytes, name: str) -> tuple[str, Any]:
    text, _ = decode(data, name)
    try:
        return TOML, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise SourceError(f"{name}: not TOML: {error}", "broken") from error


def _yaml(data: bytes, name: str) -> tuple[str, Any]:
    if find_spec("yaml") is None:
        raise SourceError(f"{name}: YAML is read with an extra; install wellread[yaml]", "extra")
    text, _ = decode(data, name)
    documents = yaml_events.load(text, name, MAX_DEPTH)
    return YAML, documents[0] if len(documents) == 1 else documents


def _xml(data: bytes, name: str) -> tuple[str, Any]:
    root = tree(data, name)
    return XML, {local(root): _element(root, 0, name)}


def _element(node: ElementTree.Element, depth: int, name: str) -> Any:
    """An element as text, or as an object of its attributes and children; repeated children are arrays."""
    if depth > MAX_DEPTH:
        raise SourceError(f"{name}: is nested deeper than {MAX_DEPTH}", "broken")
    made: dict[str, Any] = {f"@{key.rpartition('}')[2]}": value for key, value in node.attrib.items()}
    inline = any((kid.tail or "").strip() for kid in node)
    if inline or not len(node):
        words = one_line("".join(node.itertext()))
        if not made:
            return words
        return {**made, "text": words} if words else made
    if (node.text or "").strip():
        made["text"] = one_line(node.text or "")
    for kid in node:
        key = local(kid) or "comment"
        value = _element(kid, depth + 1, name)
        if key not in made:
            made[key] = value
        elif isinstance(made[key], _Many):
            made[key].append(value)
        else:
            made[key] = _Many([made[key], value])
    return made


class _Many(list[Any]):
    """Children of one name; an array in the file itself is a plain list."""


_READERS: dict[str, Callable[[bytes, str], tuple[str, Any]]] = {
    ".json": _json,
    ".geojson": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".xml": _xml,
    ".rss": _xml,
    ".atom": _xml,
    ".nxml": _xml,
    ".xsd": _xml,
}


class _Writer:
    """Writes a value into a document."""

    def __init__(self, assembly: Assembly, name: str) -> None:
        self.assembly, self.name = assembly, name
        self.lines: list[str] = []

    def add(self, value: Any, path: str, depth: int) -> None:
        """Tables for arrays of like objects, lines for the rest, in order."""
        self._walk(value, path, depth)
        self._flush()

    def _walk(self, value: Any, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SourceError(f"{self.name}: is nested deeper than {MAX_DEPTH}", "broken")
        if isinstance(value, dict):
            for key, inner in value.items():
                self._walk(inner, f"{path}.{key}", depth + 1)
        elif isinstance(value, list):
            columns = _columns(value)
            if columns:
                self._flush()
                self.assembly.add("caption", path)
                self.assembly.add_table(list(_cells(value, columns)), head_rows=1, caption=path)
            elif value and all(not isinstance(inner, dict | list) for inner in value) and len(value) <= 20:
                self._line(path, ", ".join(_shown(inner) for inner in value))
            else:
                for n, inner in enumerate(value):
                    self._walk(inner, f"{path}[{n}]", depth + 1)
        else:
            self._line(path, _shown(value))

    def _line(self, path: str, words: str) -> None:
        if len(words) > 400 or "\n" in words.strip():
            self._flush()
            self.assembly.add("caption", f"{path}:")
            self.assembly.add("paragraph", words)
            return
        self.lines.append(f"{path}: {words}")
        if len(self.lines) >= LINES_A_BLOCK:
            self._flush()

    def _flush(self) -> None:
        self.assembly.add("list", "\n".join(self.lines))
        self.lines.clear()


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)


def _columns(value: list[Any]) -> list[str]:
    """The keys of an array of like objects without depth, in order; empty where it is something else."""
    if len(value) < 2 or not all(isinstance(row, dict) for row in value):
        return []
    keys = dict.fromkeys(str(key) for row in value for key in row)
    filled = sum(len(row) for row in value)
    flat = all(not isinstance(inner, dict | list) and len(str(inner)) <= 400 for row in value for inner in row.values())
    return list(keys) if keys and flat and len(keys) <= MAX_COLUMNS and filled * 2 >= len(keys) * len(value) else []


def _cells(value: list[Any], columns: list[str]) -> Iterator[GridCell]:
    at = {key: n for n, key in enumerate(columns)}
    for key, n in at.items():
        yield GridCell(0, n, key or "(no name)", kind="text")
    for r, row in enumerate(value, start=1):
        for key, inner in row.items():
            yield _cell(r, at[str(key)], inner)


def _cell(row: int, col: int, value: Any) -> GridCell:
    if isinstance(value, bool):
        return GridCell(row, col, _shown(value), kind="boolean", value=float(value))
    if isinstance(value, int | float) and abs(value) < 1e300:
        return GridCell(row, col, _shown(value), kind="number", value=float(value))
    words = "" if value is None else _shown(value)
    return GridCell(row, col, words) if not re.fullmatch(r"0\d+", words) else GridCell(row, col, words, kind="text")
