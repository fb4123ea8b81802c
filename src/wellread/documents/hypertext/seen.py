"""What a reader of a page sees: scripts, menus and hidden elements go, formulas and raised figures become text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from wellread.documents.hypertext.concealed import conceal
from wellread.documents.hypertext.formula import linear
from wellread.documents.notation import lowered, raised

_NEVER_SEEN = ["script", "style", "template", "noscript", "iframe", "canvas", "datalist", "rp", "rt", "rtc", "del", "s"]
_NEVER_SEEN += ["strike", "nav", "head", "audio", "video"]
_NOT_SEEN = (
    "[hidden]:not([hidden=until-found i]), dialog:not([open]), [role=navigation], [role=search], .katex-html,"
    ".navheader, .navfooter, .headerlink, .sphinxsidebar, .MathJax_Preview, .visually-hidden-focusable,"
    "#cookie-banner, .cookie-banner, #cookie-consent, .cookie-consent, #cookie-notice, .cookie-notice,"
    "#onetrust-banner-sdk, #CybotCookiebotDialog"
)
_STYLED = "[style*=none i], [style*=hidden i], [style*=collapse i]"
_HIDES = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))"
    r"\s*(?:!important)?\s*(?:;|$)",
    re.I,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)[^>]*>")
_NEVER_CLOSED = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "option",
        "optgroup",
        "colgroup",
        "rt",
        "rp",
        "html",
        "head",
        "body",
    ]
)
_BLOCKS = frozenset(
    [
        "div",
        "section",
        "article",
        "aside",
        "main",
        "ul",
        "ol",
        "dl",
        "table",
        "blockquote",
        "form",
        "fieldset",
        "figure",
        "header",
        "footer",
        "details",
        "center",
    ]
)
MAX_UNCLOSED = 3000  # lexbor takes time in the square of open elements: 300,000 of them 198 s
FURNITURE_LINKS = 5  # a list of so many links and little else is a menu, whatever its element
MAX_OPTIONS = 12  # of a selection that is read as a list; a list of all countries says nothing of the page


def tree_of(text: str) -> LexborHTMLParser:
    """The page as a tree; where thousands of elements are never closed, their tags are borders and nothing else."""
    if text.count("<") - 2 * text.count("</") > MAX_UNCLOSED:
        text = _without_unclosed(text)
    if any(mark in text for mark in _MARKS):
        text = text.translate(_NO_MARKS)
    if "&#" in text:
        text = _MARK_REFERENCE.sub(" ", text)
    return LexborHTMLParser(text)


_MARKS = "\x01\x02\x1d\x1e\x1f"  # what ``read`` sets between elements; a page has none of its own
_NO_MARKS = {1: None, 2: None, 29: " ", 30: " ", 31: " "}
_MARK_REFERENCE = re.compile(r"&#(?:0*(?:[12]|29|3[01])(?![0-9])|x0*(?:[12]|1[def])(?![0-9a-f]));?", re.I)


def _without_unclosed(text: str) -> str:
    open_tags: Counter[str] = Counter()
    for found in _TAG.finditer(text):
        open_tags[found.group(2).lower()] += -1 if found.group(1) else 1
    surplus = {tag for tag, n in open_tags.items() if n > MAX_UNCLOSED and tag not in _NEVER_CLOSED}
    if not surplus:
        return text

    def border(found: re.Match[str]) -> str:
        tag = found.group(2).lower()
        return found.group() if tag not in surplus else "<hr>" if tag in _BLOCKS else ""

    return _TAG.sub(border, text)


def seen(tree: LexborHTMLParser, hidden: Counter[str] | None = None) -> LexborNode | None:
    """The body with what a reader sees alone, as far as markup and styles inside the page tell; None without a body.

    ``hidden`` gets how many characters were concealed by style, by what.
    """
    body = tree.body
    if body is None:
        return None
    concealed = conceal(tree)
    if hidden is not None:
        hidden.update(concealed)
    for node in body.css("math"):
        node.replace_with(f" {linear(node)} ")
    for node in body.css("svg"):
        words = " ".join(label.text(strip=True) for label in node.css("text"))
        node.replace_with(f" {words} " if words else "")
    tree.strip_tags(_NEVER_SEEN, recursive=True)
    for node in body.css(_NOT_SEEN):
        node.decompose()
    for node in body.css(_STYLED):
        if _HIDES.search(node.attributes.get("style") or ""):
            node.decompose()
    for node in body.css("[aria-hidden=true]"):  # icons and marks of anchors; words are there for the eye
        if not any(map(str.isalnum, node.text())):
            node.decompose()
    for node in body.css("select"):
        if len(node.css("option")) > MAX_OPTIONS:
            node.decompose()
    for node in body.css("sup, sub"):
        before = node.prev.text() if node.prev is not None else ""
        node.replace_with((raised if node.tag == "sup" else lowered)(node.text(), before))
    _drop_furniture(body)
    return body


def _drop_furniture(body: LexborNode) -> None:
    """Menus in elements of another name, and what stands beside the one main part and is a list of links."""
    for node in body.css("aside, footer, header, [role=banner], [role=contentinfo]"):
        if _is_furniture(node):
            node.decompose()
    mains = body.css("main, [role=main]") or body.css("article")
    if len(mains) == 1:
        for node in _beside(mains[0], body):
            if _is_furniture(node):
                node.decompose()


def _beside(main: LexborNode, body: LexborNode) -> Iterator[LexborNode]:
    """Elements outside of ``main``, the highest ones."""
    within: LexborNode | None = main
    while within is not None and within.mem_id != body.mem_id:
        parent = within.parent
        if parent is not None:
            yield from [node for node in parent.iter() if node.mem_id != within.mem_id]
        within = parent


def _is_furniture(node: LexborNode) -> bool:
    """Whether links are most of its words, or it only says whose the page is."""
    words = node.text().split()
    if not words:
        return True
    if len(words) < FURNITURE_LINKS and (words[0].startswith(("©", "(c)")) or words[0].lower() == "copyright"):
        return True
    links = node.css("a[href]")
    return len(links) >= FURNITURE_LINKS and sum(len(a.text().split()) for a in links) * 10 >= len(words) * 7
