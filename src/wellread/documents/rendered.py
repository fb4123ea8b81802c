"""Markdown as its reader sees it: comments, struck text and tags of HTML go, tables of HTML become tables of pipes.

What stands in listings and between backticks is code and stays as it is.
"""

from __future__ import annotations

import re

from wellread.documents.hypertext.read import rows_of_tables
from wellread.documents.notation import lowered, raised

_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*\Z)|~{3,})")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n[ \t]*\n).)*?(?<!`)\1(?!`)", re.S)
_COMMENT = re.compile(r"(?:^[ \t]*)?<!--.*?-->(?:[ \t]*\n)?", re.S | re.M)
_COMMENT_LABEL = re.compile(r"^ {0,3}\[(?://|comment|#)\]:[^\n]*\n?", re.M | re.I)
_TABLE = re.compile(r"<table\b.*?</table\s*>", re.S | re.I)
_PRE = re.compile(r"<pre\b[^>]*>\s*(?:<code\b[^>]*>)?(.*?)(?:</code>\s*)?</pre\s*>", re.S | re.I)
_UNREAD = re.compile(r"<(script|style|template|svg|iframe|noscript)\b[^>]*>.*?</\1\s*>", re.S | re.I)
_STRUCK = re.compile(
    r"<(del|s|strike)>(?:(?!\n[ \t]*\n).)*?</\1>|(?<!~)~~(?=\S)(?:(?!\n[ \t]*\n)[^~])+?(?<=\S)~~(?!~)", re.S | re.I
)
_SHIFTED = re.compile(r"(\w?)<(su[pb])\b[^>]*>(.{0,80}?)</\2>", re.S | re.I)
_BREAK = re.compile(r"<br\s*/?>", re.I)
_RUBY = re.compile(r"<r([tp])>.*?</r\1>", re.S | re.I)
_BLOCK_TAGS = (
    "div|p|section|article|aside|center|details|figure|figcaption|header|footer|main|nav|blockquote|address|hr|h[1-6]"
)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK_TAGS}|summary|dl|dt|dd|ul|ol|li)(?:\s[^<>]*)?/?>", re.I)
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|cite|code|dfn|em|font|i|img|input|ins|kbd|label|mark|picture|q|ruby|rb|samp|small|"
    r"source|span|strong|sub|sup|time|tt|u|var|wbr|button|s|del|strike)(?:\s[^<>]*)?/?>",
    re.I,
)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def rendered(text: str) -> str:
    """``text`` without what a reader of the page does not see; text without any such marks comes back as it is."""
    if "<" not in text and "~~" not in text and "]:" not in text:
        return text
    pieces: list[str] = []
    for is_code, piece in _parted(text):
        pieces.append(piece if is_code else _without_markup(piece))
    return "".join(pieces)


def _parted(text: str) -> list[tuple[bool, str]]:
    """The text in pieces, each with whether it is a fenced listing."""
    pieces: list[tuple[bool, list[str]]] = [(False, [])]
    fence = ""
    commented = False
    for line in text.splitlines(keepends=True):
        found = None if commented else _FENCE.match(line.rstrip("\n"))
        if not fence and found:
            fence = found.group(1)
            pieces.append((True, [line]))
            continue
        pieces[-1][1].append(line)
        closing = line.strip()
        if fence and len(closing) >= len(fence) and closing == fence[0] * len(closing):
            fence = ""
            pieces.append((False, []))
        elif not fence:
            opened, closed = line.rfind("<!--"), line.rfind("-->")
            commented = opened > closed or (commented and closed < 0)
    return [(is_code, "".join(lines)) for is_code, lines in pieces if lines]


def _without_markup(text: str) -> str:
    if "<" not in text and "~~" not in text and "]:" not in text:
        return text
    spans: list[str] = []

    def kept(found: re.Match[str]) -> str:
        spans.append(found.group())
        return f"\x01{len(spans) - 1}\x02"

    text = _CODE_SPAN.sub(kept, _COMMENT.sub("", text)) if "`" in text else _COMMENT.sub("", text)
    text = _UNREAD.sub("", _COMMENT_LABEL.sub("", text))
    text = _PRE.sub(lambda found: f"\n```\n{_bare(found.group(1)).strip(chr(10))}\n```\n", text)
    text = _TABLE.sub(lambda found: _pipes(found.group()), text)
    text = _RUBY.sub("", _STRUCK.sub("", text))
    text = _SHIFTED.sub(_moved, text)
    text = _BREAK.sub(lambda found: " " if "|" in _line_of(found) else "\n", text)
    if _BLOCK_TAG.search(text):
        text = _BLANK_LINES.sub("\n\n", _BLOCK_TAG.sub("\n\n", text))
    text = _INLINE_TAG.sub("", text)
    return re.sub("\x01(\\d+)\x02", lambda found: spans[int(found.group(1))], text)


def _moved(found: re.Match[str]) -> str:
    before, tag, inner = found.groups()
    return before + (raised if tag.lower() == "sup" else lowered)(_bare(inner), before)


def _bare(text: str) -> str:
    return _INLINE_TAG.sub("", text)


def _line_of(found: re.Match[str]) -> str:
    start = found.string.rfind("\n", 0, found.start()) + 1
    end = found.string.find("\n", found.end())
    return found.string[start : end if end >= 0 else len(found.string)]


def _pipes(markup: str) -> str:
    """A table of HTML as one of Markdown: a value over several rows or columns stands in each of them."""
    made: list[str] = []
    for rows, n_head in rows_of_tables(markup):
        width = max(map(len, rows), default=0)
        lines = [f"| {' | '.join(cell.replace('|', chr(0xA6)) for cell in row)} |" for row in rows]
        head = [" ".join(dict.fromkeys(filter(None, (row[n] for row in rows[:n_head])))) for n in range(width)]
        made.append("\n".join([f"| {' | '.join(head)} |", "|---" * width + "|", *lines[n_head:]]))
    return "\n\n" + "\n\n".join(made) + "\n\n" if made else ""
