"""How values look: styled text on a terminal, plain text in a pipe, JSON for a program.

Text of documents, file names and error messages may hold escape sequences that move the cursor, change the title or
hide what follows. ``clean`` removes them; everything that is printed here has gone through it.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, TextIO

from wellread.progress import Rate

WIDTH = 100  # columns of running text at most
ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]P^_X]|[\x9d\x90\x9e\x9f\x98])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and other strings
    r"|\x1b[ -/]*[0-~]?"  # the short ones
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # C0, C1, bidi
SURROGATES = re.compile(r"[\ud800-\udfff]")
UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")
REDRAW_S = 0.1


def clean(text: str) -> str:
    """Text without escape sequences, control characters (except tab and newline) and marks that turn its direction."""
    text = CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n")))
    return SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def line(text: str) -> str:
    """Text on one line, cleaned, white space collapsed."""
    return " ".join(clean(text).split())


def say(text: str = "", style: str = "", indent: int = 0) -> None:
    """A paragraph on stdout; styled and wrapped on a terminal, as it is otherwise."""
    _print(sys.stdout, text, style, indent)


def error(text: str) -> None:
    """One line ``error: …`` on stderr."""
    _print(sys.stderr, f"error: {text}", "red", 0)


def note(text: str) -> None:
    """A remark on stderr that is no part of the result."""
    _print(sys.stderr, text, "dim", 0)


def _print(stream: TextIO, text: str, style: str, indent: int) -> None:
    text = clean(text)
    if not stream.isatty() or not text:
        stream.write("\n".join(" " * indent + part if part else "" for part in text.split("\n")) + "\n")
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=False)
    console.width = min(console.width, WIDTH)
    console.print(Padding(Text(text, style=style), (0, 0, 0, indent), expand=False))


def piece(text: str) -> None:
    """A piece of running text, at once and without a line end."""
    sys.stdout.write(clean(text))
    sys.stdout.flush()


def rows(table: Sequence[tuple[str, ...]], indent: int = 0) -> None:
    """Columns, each as wide as its widest cell; the last one runs free."""
    cells = [[line(cell) for cell in row] for row in table]
    widths = [max(len(row[n]) for row in cells) for n in range(len(cells[0]) - 1)] if cells else []
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*padded, row[-1]]).rstrip(), indent=indent)


def asked(prompt: str) -> str | None:
    """A line that was typed, None at the end of input; the prompt goes to stderr, so that stdout stays a result."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    typed = sys.stdin.readline()
    return typed.strip() if typed else None


def dump(value: Any) -> None:
    """Exactly one JSON object on stdout."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=2)
    sys.stdout.write(UNSAFE_IN_JSON.sub(lambda m: f"\\u{ord(m[0]):04x}", text) + "\n")
    sys.stdout.flush()


def dump_line(value: Any) -> None:
    """One JSON object on one line of stdout, for a stream of them."""
    text = json.dumps(plain(value), ensure_ascii=True)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """What JSON can hold, by the fields of dataclasses; sets are sorted, times are ISO 8601, bytes are hex."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, date):  # datetime too
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON knows neither
    if value is None or isinstance(value, (str, int)):
        return value
    return plain(value.item()) if hasattr(value, "item") else str(value)


def count(n: int, noun: str) -> str:
    """``1 document``, ``9,310 chunks``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def size(n_bytes: int) -> str:
    """``512 bytes``, ``1.4 MB``: powers of 1000."""
    if n_bytes < 1000:
        return count(n_bytes, "byte")
    value, units = n_bytes / 1000, ["TB", "GB", "MB", "kB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop()
    return f"{value:.1f} {units[-1]}" if value < 9.95 else f"{value:.0f} {units[-1]}"


def duration(seconds: float) -> str:
    """``34 ms``, ``1.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def where(uri: str) -> str:
    """An address as a person would write it: below the current folder relative, below the home folder with ``~``."""
    if not uri.startswith("/"):
        return line(uri)
    path = Path(uri)
    for folder, lead in ((Path.cwd(), ""), (Path.home(), "~/")):
        if folder != Path(folder.anchor) and path.is_relative_to(folder):
            return line(lead + str(path.relative_to(folder)))
    return line(uri)


class Line:
    """Progress as one line of stderr that is drawn over and over; a new stage begins a new line."""

    def __init__(self) -> None:
        self._stage, self._rate, self._drawn = "", Rate(), 0.0

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        """Draws the line again, at most ten times a second, and always at the end of a stage."""
        if stage != self._stage:
            self.close()
            self._stage, self._rate, self._drawn = stage, Rate(), 0.0
        now = time.monotonic()
        if now - self._drawn < REDRAW_S and done != total:
            return
        self._drawn = now
        sys.stderr.write("\r\x1b[K" + line(f"{stage} {self._numbers(done, total)} {note}")[: WIDTH - 1])
        sys.stderr.flush()

    def _numbers(self, done: int, total: int | None) -> str:
        if total is None:
            return f"{done:,}"
        left = self._rate.seconds_left(done, total)
        return f"{done:,} of {total:,}" + (f", {duration(left)} left" if left and left > 1 else "")

    def close(self) -> None:
        """Removes the line, so that the result stands alone."""
        if self._stage:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._stage = ""
