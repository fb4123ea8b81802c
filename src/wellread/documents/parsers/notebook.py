"""Notebooks: cells in order, their source and what they printed; pictures as pictures, never as base64."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import Any

from wellread.documents.assemble import Assembly
from wellread.documents.containers.inner import add_parsed, read
from wellread.documents.encodings import decode
from wellread.errors import SourceError
from wellread.types import Image, Parsed

IPYNB = "application/x-ipynb+json"
MAX_CELLS, MAX_OUTPUT = 50_000, 10 << 20
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, unknown-type)."""
    text, _ = decode(data, name)
    try:
        book = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name}: not a notebook: {error}", "broken") from error
    cells = _cells(book)
    if cells is None:
        raise SourceError(f"{name}: JSON, but not a notebook (no list of cells)", "unknown-type")
    assembly = Assembly()
    for cell in cells[:MAX_CELLS]:
        _add_cell(assembly, cell, name)
    facts = book.get("metadata", {})
    kernel, language = _inner(facts, "kernelspec"), _inner(facts, "language_info")
    found = {
        "kernel": kernel.get("display_name"),
        "programming_language": language.get("name") or kernel.get("language"),
    }
    title = facts.get("title") if isinstance(facts, dict) else ""
    return assembly.parsed(
        IPYNB,
        title if isinstance(title, str) else "",
        {key: value for key, value in found.items() if isinstance(value, str) and value},
    )


def _inner(facts: Any, key: str) -> dict[str, Any]:
    value = facts.get(key) if isinstance(facts, dict) else None
    return value if isinstance(value, dict) else {}


def _cells(book: Any) -> list[Any] | None:
    if not isinstance(book, dict):
        return None
    if isinstance(book.get("cells"), list):
        return list(book["cells"])
    sheets = book.get("worksheets")  # notebooks before format 4
    if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict) and isinstance(sheets[0].get("cells"), list):
        return list(sheets[0]["cells"])
    return None


def _words(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _add_cell(assembly: Assembly, cell: Any, name: str) -> None:
    if not isinstance(cell, dict):
        return
    source = _words(cell.get("source")) or _words(cell.get("input"))
    outputs = cell.get("outputs")
    if not source.strip() and not outputs:
        return
    assembly.begin("cell")
    kind = cell.get("cell_type")
    if kind in ("markdown", "heading"):
        try:
            add_parsed(assembly, read(source.encode("utf-8", "replace"), "text/markdown", name))
        except SourceError:
            assembly.add("paragraph", source)
    else:
        assembly.add("code" if kind == "code" else "paragraph", source)
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            _add_output(assembly, output)


def _add_output(assembly: Assembly, output: dict[str, Any]) -> None:
    held = output.get("data")
    shown = held if isinstance(held, dict) else output
    text = _words(shown.get("text/plain")) or _words(output.get("text"))
    if output.get("output_type") in ("error", "pyerr"):
        text = f"{output.get('ename', '')}: {output.get('evalue', '')}"
    assembly.add("code", _ANSI.sub("", text)[:MAX_OUTPUT])
    for kind in ("image/png", "image/jpeg", "image/gif"):
        encoded = _words(shown.get(kind))
        if encoded:
            try:
                digest = hashlib.sha256(base64.b64decode(encoded)).hexdigest()
            except (binascii.Error, ValueError):
                continue
            assembly.add_image(Image(None, digest, page=assembly.unit))
