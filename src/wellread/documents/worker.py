"""The child process that parses files: one request after the other over pipes, within limits, without network.

A frame is four bytes of length (big endian) and JSON. The first frame from the child says what holds it in. Started by
``parse``; never fork: nothing of the parent's memory, handles or secrets is here.
"""

# Paths are bytes from the file system, opened once.
# ruff: noqa: PTH123

from __future__ import annotations

import base64
import contextlib
import ctypes
import gc
import hashlib
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

from wellread.documents import ocr
from wellread.documents.chunk.chunk import Count, chunk
from wellread.documents.media import PDF, media_type, parser_for
from wellread.documents.pages.marks import Quoted
from wellread.documents.pages.picture import draw
from wellread.documents.plugged import Parsers
from wellread.documents.scans import with_scans
from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.documents.tokens import counter
from wellread.errors import PluginError, SourceError, UsageError
from wellread.store import layout
from wellread.types import Box, Parsed

_LENGTH = struct.Struct(">I")
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    body = stream.read(_LENGTH.unpack(head)[0])
    message: dict[str, Any] = json.loads(body)
    return message


def frame(message: Mapping[str, Any]) -> bytes:
    """``message`` as bytes on the pipe."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return _LENGTH.pack(len(body)) + body


def confine(memory_bytes: int) -> dict[str, bool]:
    """Limits of this process from now on; says which of them hold.

    Memory beyond the present size, no file may grow, few handles, no core, no new rights, no network.
    """
    size = _size_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    network_off = False
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # Without a user namespace where that is allowed: root in a new one loses the right to read others' files.
        network_off = libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    if size:
        ceiling = size + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling + (ocr.MEMORY_BYTES if ocr.available() else 0)))
    return {"memory": bool(size), "network": network_off, "files": True}


def _size_bytes() -> int:
    """The address space of this process; 0 where the system does not tell."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[0]) * resource.getpagesize() if told.exists() else 0


def _limit_again(memory_bytes: int) -> None:
    """After the models of OCR were loaded: as much room beyond the present size for the next file as for any other."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if _size_bytes() and most != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (min(_size_bytes() + memory_bytes, most), most))


class Inside:
    """The parts of the container that was read last, so that its parts are not unpacked again for each of them.

    One per child; not to be shared between threads.
    """

    def __init__(self, parsers: Parsers) -> None:
        self._parsers = parsers
        self._key: tuple[object, ...] = ()
        self._parts: Mapping[str, bytes] = {}

    def part(self, request: Mapping[str, Any], data: bytes) -> bytes:
        """What ``request`` asks for in the file ``data``: the file itself, or a part of a part of it.

        Raises: SourceError (broken) where there is no such part any more.
        """
        *folders, last = request["part"]
        key = (request["path"], hashlib.sha256(data).digest(), *folders)
        if key != self._key:
            parts = {part.name: part.data for part in self._parsed(data, str(request["outer"])).parts}
            for folder in folders:
                parts = {part.name: part.data for part in self._parsed(parts[folder], folder).parts}
            self._parts = parts
            self._key = key
        if last not in self._parts:
            raise SourceError(f"{request['name']}: is not there any more; run sync again", "broken")
        return self._parts[last]

    def _parsed(self, data: bytes, name: str) -> Parsed:
        parse = self._parsers.for_name(name) or parser_for(media_type(data, name))
        return parse(data, name)


def _read(request: Mapping[str, Any], inside: Inside) -> bytes:
    name = str(request["name"])
    with open(str(request["path"]).encode("latin-1"), "rb") as stream:
        data = stream.read(int(request["max_bytes"]) + 1)
    if len(data) > int(request["max_bytes"]):
        raise SourceError(f"{name}: larger than {request['max_bytes']:,} bytes; raise parse.max_bytes", "too-large")
    return inside.part(request, data) if request.get("part") else data


def _parsed(data: bytes, name: str, suffix: str, parsers: Parsers) -> Parsed:
    parse = parsers.for_name(name, suffix) or parser_for(media_type(data, name, suffix))
    parsed = parse(data, name)
    if parsed.media_type == PDF:
        parsed = with_scans(parsed, data, name)
    if not parsed.text.strip():
        cure = parsed.metadata.get("ocr") or "a scan needs OCR"
        raise SourceError(f"{name}: has no text ({len(data):,} bytes); {cure}", "suspect")
    return parsed


def answer(request: Mapping[str, Any], count: Count | None, parsers: Parsers, inside: Inside) -> dict[str, Any]:
    """What one file gives: text, blocks and passages, or the reason why not."""
    name = str(request["name"])
    digest = ""
    try:
        data = _read(request, inside)
        digest = hashlib.sha256(data).hexdigest()
        if not data.strip():
            raise SourceError(f"{name}: is empty", "empty")
        if (wanted := request.get("picture")) is not None:
            return _pictured(data, digest, name, wanted)
        reply = _reply(_parsed(data, name, str(request["suffix"]), parsers), request, count)
    except SourceError as error:
        return {"kind": error.kind, "reason": str(error), "digest": digest}
    except PluginError as error:
        return {"kind": "plugin", "reason": f"{name}: {error}", "digest": digest}
    except UsageError as error:  # nobody's file is at fault: the run ends
        return {"kind": "usage", "reason": str(error), "digest": digest}
    except MemoryError:
        return {
            "kind": "memory",
            "reason": f"{name}: needs more memory than a parser may take",
            "digest": digest,
            "spent": 1,
        }
    except RecursionError:
        return {"kind": "broken", "reason": f"{name}: is nested too deep", "digest": digest}
    except OSError as error:
        return {"kind": "unreadable", "reason": f"{name}: cannot be read: {error.strerror}", "digest": digest}
    reply["digest"] = digest
    reply["size_bytes"] = len(data)
    return reply


def _reply(parsed: Parsed, request: Mapping[str, Any], count: Count | None) -> dict[str, Any]:
    title = str(request["title"] or parsed.title or request["fallback_title"])
    parsed = replace(parsed, title=title)
    structure, left = layout.limited(layout.layout_of(parsed))
    reply: dict[str, Any] = {
        "text": parsed.text,
        **layout.rows(structure),
        "media_type": parsed.media_type,
        "title": title,
        "metadata": {**parsed.metadata, **left},
        "parts": [[part.name, part.media_type, len(part.data)] for part in parsed.parts],
    }
    if count is not None and request["chunk"] is not None:
        passages = chunk(parsed, ChunkSettings(**request["chunk"]), count)
        reply["passages"] = [[p.span, p.heading_path, p.page, p.kind, p.n_tokens, p.header] for p in passages]
    return reply


def _pictured(data: bytes, digest: str, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the very version that ``wanted`` names, drawn. Raises: SourceError."""
    if digest != wanted["digest"]:
        raise SourceError(f"{name}: the file has changed since this version was read", "changed")
    quoted = [Quoted(part["text"], Box(*part["box"]) if part["box"] else None) for part in wanted["quoted"]]
    drawn = draw(data, name, int(wanted["page"]), quoted, wanted["part"])
    fields = asdict(drawn)
    return {**fields, "png": base64.b64encode(drawn.png).decode("ascii"), "digest": digest}


def serve(requests: BinaryIO, send: Callable[[bytes], None], settings: ParseSettings, count: Count | None) -> None:
    """Answer requests until the stream ends."""
    parsers = Parsers(settings)
    inside = Inside(parsers)
    while (request := read_frame(requests)) is not None:
        data = frame(answer(request, count, parsers, inside))
        if len(data) > settings.max_text_bytes:
            reason = f"{request['name']}: gives {len(data):,} bytes of text; more than parse.max_text_bytes"
            data = frame({"kind": "too-large", "reason": reason})
        if ocr.loaded():
            _limit_again(settings.memory_bytes)
        send(data)


def main() -> None:
    """Reads its settings as the first frame, confines itself, then serves."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(null, handle)
    first = read_frame(requests)
    if first is None:
        return
    settings = ParseSettings(**first["parse"])
    sys.path += [folder for folder in first["folders"] if folder not in sys.path]
    sys.dont_write_bytecode = True  # no file may grow here, and a part from elsewhere is imported here
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)  # parsing makes many small values and hardly a cycle
    count = counter(first["tokenizer_file"]) if first["tokenizer_file"] else None
    state = confine(settings.memory_bytes)

    def send(data: bytes) -> None:
        replies.write(data)
        replies.flush()

    send(frame(state))
    with contextlib.suppress(BrokenPipeError):
        serve(requests, send, settings, count)


if __name__ == "__main__":
    main()
