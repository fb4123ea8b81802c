"""Source code as it stands: a block is a function or class; methods of a long class are blocks of their own."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import PurePosixPath

from wellread.documents.clean import visible
from wellread.documents.encodings import decode
from wellread.errors import SourceError
from wellread.types import Block, Parsed, Span

MAX_BYTES = 2 << 20
LONG_CLASS = 60  # lines
LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".jsx": "javascript",
    ".ts": "typescript", ".tsx": "typescript", ".java": "java", ".c": "c", ".h": "c", ".cpp": "c++", ".hpp": "c++",
    ".cc": "c++", ".cs": "c#", ".go": "go", ".rs": "rust", ".rb": "ruby", ".php": "php", ".swift": "swift",
    ".kt": "kotlin", ".scala": "scala", ".sh": "shell", ".bash": "shell", ".ps1": "powershell", ".sql": "sql",
    ".r": "r", ".lua": "lua", ".pl": "perl", ".css": "css", ".scss": "css", ".ini": "ini", ".cfg": "ini",
    ".conf": "configuration", ".properties": "properties", ".bat": "batch", ".tex": "latex",
}  # fmt: skip


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (too-large, unknown-type)."""
    if len(data) > MAX_BYTES:
        raise SourceError(
            f"{name}: {len(data):,} bytes of source code; more than {MAX_BYTES:,} is generated", "too-large"
        )
    text, _ = decode(data, name)
    text = visible(text).expandtabs(4) if name.endswith((".py", ".pyi")) else visible(text)
    language = LANGUAGES.get(PurePosixPath(name).suffix.lower(), "")
    lines = text.split("\n")
    starts = _python_starts(text) if language == "python" else None
    if not starts:
        starts = _starts_of_others(lines)
    return Parsed(
        text, tuple(_blocks(lines, starts)), f"text/x-{language or 'code'}", "", {"programming_language": language}
    )


def _blocks(lines: list[str], starts: list[int]) -> Iterator[Block]:
    """From each first line to the one before the next, blank lines at the ends left out."""
    at, offsets = 0, []
    for line in lines:
        offsets.append(at)
        at += len(line) + 1
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        first, last = start, end
        while first < last and not lines[first].strip():
            first += 1
        while last > first and not lines[last - 1].strip():
            last -= 1
        if first < last:
            yield Block("code", Span(offsets[first], offsets[last - 1] + len(lines[last - 1].rstrip())))


def _python_starts(text: str) -> list[int] | None:
    """First lines (from 0) of functions, classes and methods with their decorators and comments; None for no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = text.split("\n")
    starts = {0}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            starts |= {_first(node, lines), node.end_lineno or 0}
        if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno > LONG_CLASS:
            inner = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
            starts |= {_first(n, lines) for n in inner}
    return sorted(start for start in starts if start < len(lines))


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: list[str]) -> int:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


_CLOSES = re.compile(r"[\s})\];]*(?:end|fi|done|esac)?[\s;]*$")


def _starts_of_others(lines: list[str]) -> list[int]:
    """Lines at the margin after a blank line; one that only closes what is open begins nothing."""
    starts = [0]
    for n in range(1, len(lines)):
        line = lines[n]
        at_margin = line[:1].strip() and not _CLOSES.fullmatch(line)
        if at_margin and not lines[n - 1].strip():
            starts.append(n)
    return starts
