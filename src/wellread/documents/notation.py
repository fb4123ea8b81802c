"""What is raised, lowered or set as a formula, in running text: 10⁶, H₂O, d = 3 + 2.5 L.

A raised mark must not run into the number before it: «12¹» is twelve with a note, never 121.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_RAISED = dict(zip("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True))
_RAISED |= dict(zip("abcdefghjklmoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))
_LOWERED = dict(zip("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_ORDINAL = re.compile(r"(?:st|nd|rd|th|er|re|e|ème|o|a|os|as|te|de|tm|sm|r|c)\Z", re.I)
_LONG = 24  # characters that nobody reads as raised: a sentence set small


def raised(text: str, before: str = "") -> str:
    """``text`` as a superscript after ``before``: Unicode's own letters, else «^» with brackets where it is long.

    Endings of ordinals and marks that stand apart by themselves («[1]», «*») stay as they are.
    """
    text = " ".join(text.split())
    after_digit = before[-1:].isdigit()
    if not text or text.startswith(("[", "*", "†", "‡", "®", "©", "™", "º", "ª", "°")):
        return text
    if _ORDINAL.match(text) and (after_digit or before[-1:].isalpha()) and not (len(text) == 1 and after_digit):
        return text
    return _shifted(text, _RAISED, "^", before)


def lowered(text: str, before: str = "") -> str:
    """``text`` as a subscript: Unicode's own letters, else «_» with brackets where it is long."""
    return _shifted(" ".join(text.split()), _LOWERED, "_", before)


def _shifted(text: str, letters: dict[str, str], mark: str, before: str) -> str:
    if not text:
        return ""
    if all(letter in letters or letter in ", " for letter in text) and (text.isalnum() is False or not text.isalpha()):
        return "".join(letters.get(letter, letter) for letter in text)
    if len(text) == 1 and text in letters:
        return letters[text]
    if len(text) > _LONG or (" " in text and not before[-1:].isalnum()):
        return f" {text} "
    if not before[-1:].isalnum():
        return text
    return f"{mark}{text}" if text.isalnum() else f"{mark}({text})"


def fraction(over: str, under: str) -> str:
    """A fraction on one line, brackets where a part is a sum."""
    return f"{bracketed(over)}/{bracketed(under)}"


def bracketed(part: str) -> str:
    """``part`` in brackets where it is more than one number or name."""
    part = part.strip()
    return part if re.fullmatch(r"[\w.,′]*[^\W_]*", part) or (part[:1] == "(" and part[-1:] == ")") else f"({part})"


def power(base: str, exponent: str) -> str:
    """A base with its exponent: x², e^(2x)."""
    exponent = exponent.strip()
    if exponent and all(letter in _RAISED for letter in exponent) and not exponent.isalpha():
        return bracketed(base) + "".join(_RAISED[letter] for letter in exponent)
    return f"{bracketed(base)}^{bracketed(exponent)}" if exponent else base


def index(base: str, below: str) -> str:
    """A name with its index: d₁, d_max."""
    below = below.strip()
    if below and all(letter in _LOWERED for letter in below) and not below.isalpha():
        return base + "".join(_LOWERED[letter] for letter in below)
    return f"{base}_{bracketed(below)}" if below else base


def root(radicand: str, degree: str = "") -> str:
    """A root on one line."""
    return f"{''.join(_RAISED.get(letter, letter) for letter in degree.strip())}√{bracketed(radicand)}"


def joined(parts: Sequence[tuple[str, bool]]) -> str:
    """Parts of a formula side by side, each with whether it is an operator; operators stand between spaces.

    A name or number after another stands apart from it («2.5 L»), brackets and commas stand close.
    """
    out = ""
    for text, operator in parts:
        text = text.strip()
        if not text or text in "\u2061\u2062\u2063\u2064":
            continue
        if operator and text in "()[]{}|,;!′":
            out = out.rstrip() + text + (" " if text in ",;" else "") if text in ")]},;!′" else out + text
        elif operator:
            out = f"{out.rstrip()} {text} "
        else:
            out += (" " if out and (out[-1].isalnum() or out[-1] in ")]") else "") + text
    return " ".join(out.split())
