"""Slides of PowerPoint before 2007: the texts of the outline and the notes, in the order of the show."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.errors import SourceError

_SLIDE_LIST, _PERSIST, _HEADER = 0x0FF0, 0x03F3, 0x0F9F
_UNICODE, _BYTES = 0x0FA0, 0x0FA8
_CONTAINERS = {0x03E8, _SLIDE_LIST}
_SHAPE_TEXTS = {0x03EE, 0x03F0, 0x040C, 0xF002, 0xF003, 0xF004, 0xF00D}
MAX_DEPTH = 12


def read(data: bytes, name: str, assembly: Assembly) -> None:
    """The slides as units. Raises: SourceError (broken, encrypted)."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            if file.exists("EncryptedSummary") or file.exists("EncryptedPackage"):
                raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted")
            stream = file.openstream("PowerPoint Document").read()
    except (OSError, ValueError, IndexError, TypeError, struct.error) as error:
        raise SourceError(f"{name}: the presentation cannot be read: {error}; save it as PPTX", "broken") from error
    slides, notes, loose = _outline(stream)
    for n, texts in enumerate(slides):
        own = texts or (loose[n] if n < len(loose) else [])
        title = own[0] if own else ""
        assembly.begin("slide", one_line(title))
        if title:
            assembly.add("heading", one_line(title), level=1)
        for text in own[1:]:
            lines = [line.strip() for line in text.replace("\x0b", "\n").splitlines() if line.strip()]
            assembly.add(
                "list" if len(lines) > 1 else "paragraph",
                "\n".join(f"- {x}" for x in lines) if len(lines) > 1 else text,
            )
        for text in loose[n] if texts and n < len(loose) else ():
            if text not in own:
                assembly.add("paragraph", text)
        if n < len(notes):
            assembly.add("note", "\n".join(notes[n]))


def _outline(stream: bytes) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """Texts of each slide in the outline, of each note, and of the shapes of each slide."""
    slides: list[list[str]] = []
    notes: list[list[str]] = []
    shapes: list[list[str]] = []
    for kind, instance, body in _records(stream, 0):
        if kind == _SLIDE_LIST and instance in (0, 2):
            into = slides if instance == 0 else notes
            for inner, _, words in _records(body, 1):
                if inner == _PERSIST:
                    into.append([])
                elif inner in (_UNICODE, _BYTES) and into:
                    into[-1].append(_words(inner, words))
        elif kind in (0x03EE, 0x03F0):
            texts = [_words(inner, words) for inner, _, words in _records(body, 1) if inner in (_UNICODE, _BYTES)]
            (shapes if kind == 0x03EE else notes).append([text for text in texts if text.strip()])
    return slides, [note for note in notes if any(text.strip() for text in note)], shapes


def _records(data: bytes, depth: int) -> Iterator[tuple[int, int, bytes]]:
    """Records in order; those inside of containers that hold no slide of their own come with them."""
    at = 0
    while at + 8 <= len(data):
        head, kind, length = struct.unpack_from("<HHI", data, at)
        body = data[at + 8 : at + 8 + length]
        yield kind, head >> 4, body
        inner = kind in _CONTAINERS if depth == 0 else kind in _SHAPE_TEXTS
        if head & 0xF == 0xF and depth < MAX_DEPTH and inner and kind != _SLIDE_LIST:
            yield from _records(body, depth if depth == 0 else depth + 1)
        at += 8 + length


def _words(kind: int, data: bytes) -> str:
    return data.decode("utf-16-le" if kind == _UNICODE else "cp1252", "replace").replace("\r", "\n").strip()
