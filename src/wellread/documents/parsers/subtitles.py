"""SRT and WebVTT: what is said, a paragraph a minute, each with its times."""

from __future__ import annotations

import html
import re

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.encodings import decode
from wellread.errors import SourceError
from wellread.types import Parsed

SRT, VTT = "application/x-subrip", "text/vtt"
MINUTE_MS = 60_000
_STAMP = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_CUE = re.compile(rf"^[ \t]*{_STAMP}[ \t]*-->[ \t]*{_STAMP}", re.MULTILINE)
_VOICE = re.compile(r"<v(?:\.[^ >]*)?[ \t]+([^>]{1,80})>")
_TAG = re.compile(r"<[^>]{0,200}>|\{\\[^}]{0,80}\}")


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (unknown-type) for a file without cues."""
    text, _ = decode(data, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cues = list(_CUE.finditer(text))
    if not cues:
        raise SourceError(f"{name}: no subtitles in it (no line like 00:01:02,500 --> 00:01:04,000)", "unknown-type")
    assembly = Assembly()
    minutes: dict[int, list[tuple[int, int, str]]] = {}
    last = ""
    for found, after in zip(cues, [*cues[1:], None], strict=True):
        words = _words(text[found.end() : after.start() if after else len(text)], has_next=after is not None)
        start, end = _ms(found.groups()[:4]), _ms(found.groups()[4:])
        if words and words != last:  # rolling captions say a line twice
            minutes.setdefault(start // MINUTE_MS, []).append((start, max(end, start), words))
            last = words
    for minute, said in sorted(minutes.items()):
        assembly.begin("time", f"{minute // 60}:{minute % 60:02}:00" if minute >= 60 else f"{minute}:00")
        spoken = "\n".join(words for _, _, words in said)
        assembly.add("paragraph", spoken, ms=(said[0][0], max(end for _, end, _ in said)))
    return assembly.parsed(VTT if text.lstrip("\ufeff").startswith("WEBVTT") else SRT)


def _ms(groups: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction = groups
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    return whole * 1000 + int((fraction or "0").ljust(3, "0"))


def _words(text: str, *, has_next: bool) -> str:
    """The words of a cue: settings after its times, its number and tags left out, who speaks kept."""
    lines = text.split("\n")[1:]
    if has_next:
        blank = next((n for n, line in enumerate(lines) if not line.strip() and n), None)
        lines = lines[:blank] if blank is not None else lines
    else:
        blank = next((n for n, line in enumerate(lines) if not line.strip() and n), len(lines))
        lines = lines[:blank]
    spoken = _VOICE.sub(r"\1: ", " ".join(lines))
    return one_line(html.unescape(_TAG.sub("", spoken)))
