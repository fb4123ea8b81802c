"""Running heads and feet: the same words at the same place of most pages, and the numbers of pages.

Lines that differ only in their digits are data and stay; of the same words the first copy of the document stays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from wellread.documents.pages.pieces import Piece, Rect

EDGE = 0.08  # share of the page's height in which heads and feet stand
LEAST_PAGES = 4
SHARE = 0.6
SHARE_BY_TURNS = 0.42  # of all pages, where left and right pages have their own
_PLACE = 6.0  # points

_NUMBER = re.compile(
    r"(?:[-–—|(\[]\s*)?(?:(?:page|pag\.?|pg\.?|p\.|seite|página|pagina|side|sida|strana|стр\.?|sivu|bladzijde)\s*)?"
    r"(\d{1,5}|[ivxlc]{1,7})(?:\s*(?:of|/|von|de|di|sur|из|av)\s*\d{1,5})?(?:\s*[-–—|)\]])?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
_TITLE = re.compile(r"(?=.*\d)[^\W\d_]{2,}\W+\S*\w")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}

PageOfPieces = tuple[int, float, Sequence[Piece]]  # number of the page, its height, its pieces


def running(pages: Sequence[PageOfPieces], kept: set[str]) -> tuple[dict[int, set[int]], dict[int, str]]:
    """Pieces to leave out, by page number and place in the text; and the number printed on each page.

    Args:
        pages: neighbouring pages of a document.
        kept: words of heads and feet that already stand in the text; those that are kept now are added.
    """
    dropped: dict[int, set[int]] = {}
    labels: dict[int, str] = {}
    if len(pages) < LEAST_PAGES:
        return dropped, labels
    repeated = _repeated(pages)
    offset = _offset(pages)
    for number, height, pieces in pages:
        outermost = _outermost(pieces)
        for piece in pieces:
            if piece.quarters or piece.field:
                continue
            if _is_repeated(piece, height, repeated) and not _in_row_of_data(piece, pieces, height, repeated):
                words = piece.text
                if words in kept:
                    dropped.setdefault(number, set()).add(piece.order)
                kept.add(words)
            elif offset is not None and piece.order in outermost and _near_edge(piece, height, EDGE):
                printed = _page_number(piece.text)
                if printed is not None and printed[1] - number == offset:
                    dropped.setdefault(number, set()).add(piece.order)
                    labels[number] = printed[0]
    return dropped, labels


def titles(pages: Sequence[PageOfPieces], dropped: dict[int, set[int]]) -> dict[int, set[int]]:
    """Heads that differ from page to page only in their digits («Statement for berth N3»), by number of the page.

    Args:
        pages: neighbouring pages of a document.
        dropped: pieces that are left out.
    """
    found: dict[tuple[str, int], dict[int, Piece]] = {}
    for number, height, pieces in pages:
        for piece in pieces:
            middle = (piece.box.top + piece.box.bottom) / 2
            alone = not any(
                other is not piece and other.box.top < piece.box.bottom and other.box.bottom > piece.box.top
                for other in pieces
            )
            if middle < EDGE * height and alone and not piece.quarters and _TITLE.search(piece.text):
                found.setdefault((_DIGITS.sub("#", piece.text), round(piece.box.left / _PLACE)), {})[number] = piece
    made: dict[int, set[int]] = {}
    for held in found.values():
        texts = {piece.text for piece in held.values()}
        if len(held) >= max(LEAST_PAGES, SHARE * len(pages)) and len(texts) > SHARE * len(held):
            for number, piece in held.items():
                if piece.order not in dropped.get(number, ()):
                    made.setdefault(number, set()).add(piece.order)
    return made


def _is_repeated(piece: Piece, height: float, repeated: frozenset[tuple[str, int]]) -> bool:
    return _near_edge(piece, height, EDGE) and _key(piece, height) in repeated


def _in_row_of_data(piece: Piece, pieces: Sequence[Piece], height: float, repeated: frozenset[tuple[str, int]]) -> bool:
    """Whether something close by on the same line is of this page alone, as in a row of a table."""
    return any(
        other is not piece
        and other.box.top < piece.box.bottom
        and other.box.bottom > piece.box.top
        and _is_near(other.box, piece)
        and not _is_repeated(other, height, repeated)
        for other in pieces
    )


def _near_edge(piece: Piece, height: float, share: float) -> bool:
    middle = (piece.box.top + piece.box.bottom) / 2
    return middle < share * height or middle > (1 - share) * height


def _key(piece: Piece, height: float) -> tuple[str, int]:
    middle = (piece.box.top + piece.box.bottom) / 2
    from_edge = middle if middle < height / 2 else middle - height
    return piece.text, round(from_edge / _PLACE)


def _repeated(pages: Sequence[PageOfPieces]) -> frozenset[tuple[str, int]]:
    """Words and places that most pages share, or that every second page does."""
    seen: Counter[tuple[str, int]] = Counter()
    odd: Counter[tuple[str, int]] = Counter()
    n_full = 0
    for number, height, pieces in pages:
        n_full += bool(pieces)
        edge = {_key(p, height) for p in pieces if not p.quarters and not p.field and _near_edge(p, height, EDGE)}
        keys = {(text, place + by) for text, place in edge for by in (0, 1)}  # a place on the border of two counts once
        seen.update(keys)
        if number % 2:
            odd.update(keys)
    found = set()
    for key, n in seen.items():
        by_turns = odd[key] in (0, n) and n >= SHARE_BY_TURNS * n_full
        if n >= LEAST_PAGES and (n >= SHARE * n_full or by_turns):
            found |= {key, (key[0], key[1] - 1)}
    return frozenset(found)


def _page_number(text: str) -> tuple[str, int] | None:
    """The printed number of a page and its value."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    printed = match[1]
    if printed.isdecimal():
        return printed, int(printed)
    values = [_ROMAN[letter] for letter in printed.lower()]
    return printed, sum(-v if v < max(values[n:]) else v for n, v in enumerate(values))


def _outermost(pieces: Sequence[Piece]) -> set[int]:
    """Pieces that look like numbers of pages and stand above or below all others, where no row of data stands."""
    found = set()
    for piece in pieces:
        if piece.quarters or piece.field or _page_number(piece.text) is None:
            continue
        others = [other.box for other in pieces if other is not piece and not other.quarters]
        level = [box for box in others if box.top < piece.box.bottom and box.bottom > piece.box.top]
        above = any(box.bottom <= piece.box.top for box in others)
        below = any(box.top >= piece.box.bottom for box in others)
        if not (above and below) and len(level) <= 1 and not any(box.height and _is_near(box, piece) for box in level):
            found.add(piece.order)
    return found


def _is_near(box: Rect, piece: Piece) -> bool:
    """Whether a box on the same line is no running head at the other side of the page."""
    return max(box.left - piece.box.right, piece.box.left - box.right) < 12 * piece.size


def _offset(pages: Sequence[PageOfPieces]) -> int | None:
    """What most printed numbers are ahead of the page's place; None where pages bear no numbers."""
    ahead: Counter[int] = Counter()
    for number, height, pieces in pages:
        outermost = _outermost(pieces)
        found = {
            printed[1] - number
            for piece in pieces
            if piece.order in outermost
            and _near_edge(piece, height, EDGE)
            and (printed := _page_number(piece.text)) is not None
        }
        ahead.update(found)
    if not ahead:
        return None
    offset, n = ahead.most_common(1)[0]
    return offset if n >= LEAST_PAGES and n >= SHARE * len(pages) else None
