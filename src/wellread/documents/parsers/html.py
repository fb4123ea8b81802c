"""HTML: what a reader of the page sees, without menus, banners and scripts."""

from __future__ import annotations

import re
from collections import Counter

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.encodings import decode, told
from wellread.documents.hypertext.read import read
from wellread.documents.hypertext.seen import seen, tree_of
from wellread.types import Parsed

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})|\A\s*<\?xml[^>]{0,200}?encoding=["']([\w.:-]+)""",
    re.I,
)


def parse(data: bytes, name: str) -> Parsed:
    """Headings, paragraphs, lists, tables (a row per line), preformatted text, in the order of the page.

    Raises: SourceError for text that cannot be decoded.
    """
    declared = _CHARSET.search(data[:4096])
    charset = (declared.group(1) or declared.group(2)).decode("ascii").lower() if declared else ""
    text, encoding = decode(data, name, charset)
    tree = tree_of(text)
    title_node = tree.css_first("head > title") or tree.css_first("title")
    title = one_line(title_node.text()) if title_node else ""
    hidden: Counter[str] = Counter()
    root = seen(tree, hidden)
    if root is None:
        return Parsed("", (), "text/html", title)
    first = None if title else tree.css_first("h1")
    if first is not None:
        title = one_line(first.text())
    assembly = Assembly()
    read(root, assembly)
    facts = told(encoding)
    if hidden:
        facts = {**facts, "hidden_characters": ", ".join(f"{n} {why}" for why, n in sorted(hidden.items()))}
    return assembly.parsed("text/html", title, facts)
