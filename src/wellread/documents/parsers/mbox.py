"""MBOX: a mailbox; every message in it is a document of its own."""

from __future__ import annotations

import re

from wellread.documents.assemble import Assembly
from wellread.errors import SourceError
from wellread.types import Parsed, Part

MBOX = "application/mbox"
MAX_MESSAGES = 100_000
_BEGINS = re.compile(rb"^From [^\n]*\n", re.MULTILINE)
_SUBJECT = re.compile(rb"^subject:[ \t]*([^\r\n]{0,120})", re.I | re.MULTILINE)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


def parse(data: bytes, name: str) -> Parsed:
    """The list of subjects; messages are its parts. Raises: SourceError (unknown-type, too-large)."""
    starts = [
        m
        for m in _BEGINS.finditer(data)
        if data[max(m.start() - 4, 0) : m.start()].replace(b"\r", b"")[-2:] in (b"", b"\n\n")
    ]
    if not starts or data[: starts[0].start()].strip():
        raise SourceError(f"{name}: not a mailbox: it does not begin with «From »", "unknown-type")
    if len(starts) > MAX_MESSAGES:
        raise SourceError(f"{name}: more than {MAX_MESSAGES:,} messages", "too-large")
    ends = [found.start() for found in starts[1:]] + [len(data)]
    assembly, parts = Assembly(), []
    lines = []
    for n, (found, end) in enumerate(zip(starts, ends, strict=True), start=1):
        message = _ESCAPED.sub(rb"\1", data[found.end() : end])
        subject = _SUBJECT.search(message[:65536])
        parts.append(Part(f"{n:05}.eml", "message/rfc822", message))
        lines.append(f"- {n:05}.eml {subject[1].decode('utf-8', 'replace') if subject else ''}".rstrip())
    assembly.add("list", "\n".join(lines))
    return assembly.parsed(MBOX, "", {"messages": str(len(parts))}, parts)


def _is_first(data: bytes, at: int) -> bool:
    """Whether an empty line or the beginning of the file stands before ``at``."""
    return data[max(at - 4, 0) : at].replace(b"\r", b"")[-2:] in (b"", b"\n\n")
