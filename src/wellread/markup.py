"""HTML that cannot be broken by what it shows: text is escaped unless it was made here."""

from __future__ import annotations

import html
import re

# Control characters, marks that turn the direction of text, and surrogates: none of them belongs into a page.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
VOID = frozenset({"meta", "br", "hr", "img", "input", "link", "source"})
DRAWN = frozenset({"circle", "line", "rect", "path"})  # SVG's, without children here

Attribute = str | float | bool | None


class Markup(str):
    """A piece of HTML or SVG; any other text is escaped where it enters one. Immutable."""

    __slots__ = ()


def text(value: str) -> Markup:
    """Text as it may stand in a page, between tags or in an attribute."""
    return Markup(html.escape(UNSAFE.sub("\N{REPLACEMENT CHARACTER}", value)))


def join(*children: str | None) -> Markup:
    """Pieces one after the other; None is left out."""
    return Markup("".join(c if isinstance(c, Markup) else text(c) for c in children if c is not None))


def el(tag: str, *children: str | None, **attributes: Attribute) -> Markup:
    """An element. ``class_`` is the attribute class, ``data_x`` is data-x; True has no value, None is left out."""
    given = "".join(
        f" {_name(name)}" if value is True else f' {_name(name)}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    inside = join(*children)
    if tag in VOID or tag in DRAWN:
        return Markup(f"<{tag}{given}>" if tag in VOID else f"<{tag}{given}/>")
    return Markup(f"<{tag}{given}>{inside}</{tag}>")


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-") if name != "viewBox" else name


def _value(value: Attribute) -> str:
    return f"{value:g}" if isinstance(value, int | float) else text(str(value))
