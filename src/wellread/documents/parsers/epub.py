"""EPUB: chapters in the order of the book, each item once; one without heading has its name of the contents."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote
from xml.etree import ElementTree

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.containers.inner import add_parsed, read
from wellread.documents.containers.packages import Package, attribute, child, children, every, local, opened
from wellread.errors import SourceError
from wellread.types import Parsed

EPUB = "application/epub+zip"
MAX_ITEMS = 5_000
_FURNITURE = re.compile(rb"<(/?)(?:header|footer|aside)\b")  # on a page of the web; in a book it is text
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large, encrypted, unknown-type)."""
    assembly = Assembly()
    with opened(data, name, "an EPUB") as package:
        package.need("META-INF/container.xml")
        _refuse_locked(package)
        rootfile = next(every(package.xml("META-INF/container.xml"), "rootfile"), None)
        book_part = attribute(rootfile, "full-path")
        package.need(book_part)
        book = package.xml(book_part)
        folder = posixpath.dirname(book_part)
        items = {attribute(i, "id"): i for i in children(child(book, "manifest"), "item")}
        contents = [attribute(i, "href") for i in items.values() if "nav" in attribute(i, "properties").split()]
        names = _contents(package, folder, contents)
        seen: set[str] = set()
        for reference in children(child(book, "spine"), "itemref")[:MAX_ITEMS]:
            item = items.get(attribute(reference, "idref"))
            part = _path(folder, attribute(item, "href"))
            if item is None or part in seen or "html" not in attribute(item, "media-type"):
                continue
            seen.add(part)
            _add_chapter(package, assembly, part, names.get(part, ""))
        facts, title = _facts(book)
    return assembly.parsed(EPUB, title, facts)


def _refuse_locked(package: Package) -> None:
    if not package.has("META-INF/encryption.xml"):
        return
    methods = {
        attribute(node, "Algorithm") for node in every(package.xml("META-INF/encryption.xml"), "EncryptionMethod")
    }
    if methods - set(_FONTS) or package.has("META-INF/rights.xml"):
        raise SourceError(f"{package.name}: an EPUB locked by DRM; only the shop's reader opens it", "encrypted")


def _path(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.split("#", 1)[0]))) if href else ""


def _contents(package: Package, folder: str, hrefs: list[str]) -> dict[str, str]:
    """Names of chapters by part, from the table of contents."""
    names: dict[str, str] = {}
    for href in hrefs:
        part = _path(folder, href)
        if not package.has(part):
            continue
        try:
            root = package.xml(part)
        except SourceError:  # a table of contents is a help; the chapters are read without it
            continue
        for link in every(root, "a"):
            target = _path(posixpath.dirname(part), attribute(link, "href"))
            names.setdefault(target, one_line("".join(link.itertext())))
    return names


def _add_chapter(package: Package, assembly: Assembly, part: str, name: str) -> None:
    if not package.has(part):
        assembly.begin("chapter", name)
        return
    page = _FURNITURE.sub(rb"<\1div", package.read(part))
    parsed = read(page, "text/html", f"{package.name}: {part}")
    first = next((block for block in parsed.blocks if block.kind == "heading"), None)
    label = name or (parsed.text[first.span.start : first.span.end] if first else "")
    assembly.begin("chapter", label)
    if first is None and name and parsed.blocks:
        assembly.add("heading", name, level=1)
    add_parsed(assembly, parsed)


def _facts(book: ElementTree.Element) -> tuple[dict[str, str], str]:
    keys = {
        "creator": "author",
        "language": "language",
        "identifier": "identifier",
        "date": "date",
        "publisher": "publisher",
    }
    facts: dict[str, str] = {}
    title = ""
    about = child(book, "metadata")
    for node in about if about is not None else ():
        words = one_line(node.text or "")
        if local(node) == "title" and not title:
            title = words
        elif local(node) in keys and words:
            facts.setdefault(keys[local(node)], words)
    return facts, title
