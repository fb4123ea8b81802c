"""A parser: what was said in a film or a meeting, from its .srt file."""

from __future__ import annotations

import re

from wellread.documents.assemble import Assembly
from wellread.documents.encodings import decode
from wellread.documents.plugged import Parse
from wellread.documents.settings import ParseSettings
from wellread.errors import SourceError, UsageError
from wellread.types import Parsed

_TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})[^\n]*\n")
_MARKS = re.compile(r"<[^>]*>|\{[^}]*\}")
PAUSE_S = 2.0  # a longer silence ends a paragraph


def open_parser(name: str, settings: ParseSettings) -> Parse:
    """``example:subtitles``."""
    if name != "subtitles":
        raise UsageError(f"example:{name}: there is only example:subtitles")
    return parse


def parse(data: bytes, name: str) -> Parsed:
    """The spoken text in paragraphs; ``length_s`` is when the last line ends. Raises: SourceError without any time."""
    text, _ = decode(data, name)
    text = text.replace("\r\n", "\n") + "\n"
    cues = list(_TIMES.finditer(text))
    if not cues:
        raise SourceError(f"{name}: has no line like 00:00:01,000 --> 00:00:02,500", "broken")
    made, said, quiet_from = Assembly(), list[str](), 0.0
    for cue, after in zip(cues, [*cues[1:], None], strict=True):
        start, end = _seconds(cue.groups()[:4]), _seconds(cue.groups()[4:])
        if said and start - quiet_from > PAUSE_S:
            made.add("paragraph", " ".join(said))
            said = []
        lines = text[cue.end() : after.start() if after else len(text)].splitlines()
        if after and lines and lines[-1].strip().isdigit():  # the number of the next one
            lines.pop()
        said += filter(None, (" ".join(_MARKS.sub("", line).split()) for line in lines))
        quiet_from = end
    made.add("paragraph", " ".join(said))
    return made.parsed("application/x-subrip", metadata={"length_s": f"{quiet_from:g}"})


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")
