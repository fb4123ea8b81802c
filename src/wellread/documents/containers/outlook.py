"""Outlook messages (MSG): properties, the body as text, HTML or compressed RTF, attachments.

Source: Microsoft [MS-OXMSG] for the storage, [MS-OXRTFCP] for the compression (LZFu).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wellread.documents.clean import one_line, visible
from wellread.errors import SourceError
from wellread.types import Part

_PREBUF = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
MAX_RICH_BYTES, MAX_ATTACHMENTS = 64 << 20, 1_000
_SENT = (0x00390040, 0x0E060040)  # client submit time, message delivery time


@dataclass(slots=True)
class OutlookMessage:
    """What a message holds."""

    subject: str = ""
    people: str = ""
    text: str = ""
    page: bytes = b""
    rich: bytes = b""
    facts: dict[str, str] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)


def read(data: bytes, name: str) -> OutlookMessage:
    """Raises: SourceError (broken, unknown-type, too-large)."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            if not file.exists("__properties_version1.0"):
                raise SourceError(f"{name}: an OLE file, but not an Outlook message", "unknown-type")
            return _message(file)
    except (OSError, ValueError, IndexError, TypeError, struct.error, OverflowError) as error:
        raise SourceError(f"{name}: the message cannot be read: {error}; save it as EML", "broken") from error


def _message(file: Any) -> OutlookMessage:
    subject, body = _string(file, "", "0037"), _string(file, "", "1000")
    sender = f"{_string(file, '', '0C1A')} <{_string(file, '', '5D01') or _string(file, '', '0C1F')}>".replace(
        " <>", ""
    )
    to, cc = _string(file, "", "0E04"), _string(file, "", "0E03")
    sent = _time(file)
    lines = {"From": sender, "To": to, "Cc": cc, "Date": sent}
    rich = _stream(file, "", "10090102")
    facts = {"from": sender, "to": to, "cc": cc, "date": sent, "message_id": _string(file, "", "1035")}
    facts["reply_to"] = _string(file, "", "1042")
    references = _string(file, "", "1039").split()
    facts["thread"] = references[0] if references else facts["reply_to"] or facts["message_id"]
    message = OutlookMessage(
        subject,
        "\n".join(f"{key}: {one_line(value)}" for key, value in lines.items() if value.strip()),
        visible(body),
        _stream(file, "", "10130102") or _string(file, "", "1013").encode(),
        decompressed(rich) if rich else b"",
        {key: one_line(value)[:1000] for key, value in facts.items() if value.strip()},
    )
    if not message.text.strip() and not message.page and b"\\fromhtml1" in message.rich[:1000]:
        message.page = page_in(message.rich)
    folders = sorted({entry[0] for entry in file.listdir() if entry[0].startswith("__attach")})
    taken: set[str] = set()
    for folder in folders[:MAX_ATTACHMENTS]:
        inner = _stream(file, folder, "37010102")
        called = one_line(_string(file, folder, "3707") or _string(file, folder, "3704")).replace("/", "_")
        if inner and called:
            while called in taken:
                called = f"_{called}"
            taken.add(called)
            message.parts.append(Part(called, _string(file, folder, "370E"), inner))
    return message


def _stream(file: Any, folder: str, tag: str) -> bytes:
    path = [*([folder] if folder else []), f"__substg1.0_{tag}"]
    return bytes(file.openstream(path).read()) if file.exists(path) else b""


def _string(file: Any, folder: str, tag: str) -> str:
    wide = _stream(file, folder, f"{tag}001F")
    if wide:
        return visible(wide.decode("utf-16-le", "replace").rstrip("\0"))
    return visible(_stream(file, folder, f"{tag}001E").decode("cp1252", "replace").rstrip("\0"))


def _time(file: Any) -> str:
    data = file.openstream("__properties_version1.0").read()
    for at in range(32, len(data) - 15, 16):
        tag, _, value = struct.unpack_from("<IIQ", data, at)
        if tag in _SENT and 0 < value < 2**62:
            return (datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 10)).isoformat(
                timespec="seconds"
            )
    return ""


def decompressed(data: bytes) -> bytes:
    """RTF as it was before compression. Raises: ValueError for what was not compressed so."""
    if len(data) < 16:
        raise ValueError("compressed RTF without a head")
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if size > MAX_RICH_BYTES:
        raise ValueError(f"RTF of {size:,} bytes")
    if kind == 0x414C454D:  # "MELA": stored as it is
        return data[16 : 16 + size]
    if kind != 0x75465A4C:  # "LZFu"
        raise ValueError("RTF in an unknown compression")
    window = bytearray(_PREBUF.ljust(4096, b"\0"))
    place, out, at = len(_PREBUF), bytearray(), 16
    while at < len(data) and len(out) < size:
        control = data[at]
        at += 1
        for bit in range(8):
            if at >= len(data):
                break
            if control >> bit & 1:
                if at + 1 >= len(data):
                    return bytes(out)
                reference = data[at] << 8 | data[at + 1]
                at += 2
                offset, length = reference >> 4, (reference & 0xF) + 2
                if offset == place:
                    return bytes(out)
                letters = []
                for n in range(length):
                    letter = window[(offset + n) % 4096]
                    letters.append(letter)
                    window[place] = letter
                    place = (place + 1) % 4096
                out += bytes(letters)
            else:
                window[place] = data[at]
                place = (place + 1) % 4096
                out.append(data[at])
                at += 1
    return bytes(out[:size])


def page_in(rich: bytes) -> bytes:
    r"""The HTML that RTF encapsulates: what stands in ``\*\htmltag`` groups and between ``\htmlrtf0`` and ``\htmlrtf``.

    Source: Microsoft [MS-OXRTFEX].
    """
    import re

    text = rich.decode("latin-1")
    text = re.sub(r"\\htmlrtf(?!0)\d* ?.*?\\htmlrtf0 ?", "", text, flags=re.S)
    text = re.sub(r"\{\\\*\\mhtmltag\d* ?[^{}]*\}", "", text)
    text = re.sub(r"\{\\\*\\htmltag\d* ?((?:\\[{}]|[^{}])*)\}", lambda m: m[1], text)
    start = text.find("<")
    text = text[start:] if start >= 0 else ""
    text = re.sub(r"\\par\b ?|\\line\b ?", "\n", text)
    text = re.sub(r"\\tab\b ?", "\t", text)
    text = re.sub(r"\\'([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]).decode("cp1252", "replace"), text)
    text = re.sub(r"\\u(-?\d+) ?\??", lambda m: chr(int(m[1]) % 65536), text)
    text = re.sub(r"\\([{}\\])", r"\1", text)
    return re.sub(r"(?<!\\)[{}]|\\[a-z]+-?\d* ?", "", text).encode("utf-8", "replace")
