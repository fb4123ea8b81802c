"""Personal data in a text, by the form of addresses and numbers and by their check digits; names are not looked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

LONGEST_MARK = 48  # characters of «[US social security number 12]» and the like


class Personal(NamedTuple):
    """A kind of personal data, and what was found with its middle hidden."""

    kind: str
    shown: str


def find(text: str) -> list[Personal]:
    """What looks like personal data, each kind once; [] for most texts.

    Numbers with check digits (IBAN, cards, national numbers) count only where the digits agree.
    """
    found: dict[str, Personal] = {}
    taken: list[tuple[int, int]] = []
    for kind, start, end in _matches(text):
        if any(start < other_end and end > other_start for other_start, other_end in taken):
            continue
        taken.append((start, end))
        name = kind.partition(",")[0]
        shown = re.search(r"\d.*", text[start:end]) if name != kind else None
        found.setdefault(name, Personal(name, _hidden(shown[0] if shown else text[start:end])))
    return list(found.values())


def masked(text: str, marks: dict[str, str]) -> str:
    """The text with «[e-mail address 1]» in place of each; ``marks`` gets what each mark stands for, and is kept to."""
    known = {original: mark for mark, original in marks.items()}
    pieces, at = [], 0
    for name, start, end in _spans(text):
        original = text[start:end]
        if original not in known:
            bare = name.removeprefix("an ").removeprefix("a ")
            number = 1 + sum(mark.startswith(f"[{bare} ") for mark in marks)
            known[original] = f"[{bare} {number}]"
            marks[known[original]] = original
        pieces += [text[at:start], known[original]]
        at = end
    return "".join([*pieces, text[at:]])


def _spans(text: str) -> list[tuple[str, int, int]]:
    """Kind, start and end of everything found, in order, none over another; of a number by the word before it alone."""
    found: list[tuple[str, int, int]] = []
    for kind, start, end in _matches(text):
        name = kind.partition(",")[0]
        digits = re.search(r"\d.*", text[start:end]) if name != kind else None
        begin = start + digits.start() if digits else start
        if not any(begin < other_end and end > other_start for _, other_start, other_end in found):
            found.append((name, begin, end))
    return sorted(found, key=lambda one: one[1])


def _matches(text: str) -> Iterator[tuple[str, int, int]]:
    for kind, (pattern, agrees) in _KINDS.items():
        for match in pattern.finditer(text):
            if agrees(match[0]):
                yield kind, match.start(), match.end()


def _hidden(text: str) -> str:
    return text if len(text) < 5 else f"{text[:2]}…{text[-2:]}"


def _digits(text: str) -> list[int]:
    return [int(c) for c in text if c.isdecimal()]  # «²» is a digit that no number is written with


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN agree. Source: ISO 13616, ISO 7064 mod 97-10."""
    bare = re.sub(r"[^A-Za-z0-9]", "", text).upper()
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Whether the number of a payment card agrees with its last digit. Source: Luhn, US patent 2950048."""
    digits = _digits(text)
    if not 12 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (d if n % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for n, d in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def _is_phone(text: str) -> bool:
    digits = _digits(text)
    return 8 <= len(digits) <= 15 and not re.fullmatch(
        r"\d{4}[-./ ]\d{2}[-./ ]\d{2}.*|\d{1,2}[-./]\d{1,2}[-./]\d{4}.*", text
    )


def _is_dni(text: str) -> bool:
    """Spanish national number: its letter is the number modulo 23."""
    bare = re.sub(r"\W", "", text).upper()
    return bare[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(bare[:-1]) % 23]


def _is_fnr(text: str) -> bool:
    """Norwegian national number: two check digits modulo 11, and a day that exists."""
    d = _digits(text)
    first = sum(a * b for a, b in zip((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), d, strict=False)) % 11
    second = sum(a * b for a, b in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), d, strict=False)) % 11
    return first == 0 and second == 0 and 1 <= (10 * d[0] + d[1]) % 40 <= 31


def _is_nir(text: str) -> bool:
    """French social number: its key is 97 less the number modulo 97."""
    digits = "".join(map(str, _digits(text)))
    return int(digits[-2:]) == 97 - int(digits[:-2]) % 97


def _is_ssn(text: str) -> bool:
    """US social security number: no part is all zeros, and the area exists."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _always(text: str) -> bool:
    return True


# In this order: what has check digits first, so that a card is not called a telephone number.
_KINDS: Mapping[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "an e-mail address": (re.compile(r"\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b"), _always),
    "an IBAN": (re.compile(r"\b(?:[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}|[a-z]{2}\d{2}[a-z0-9]{11,30})\b"), is_iban),
    "a French social number": (
        re.compile(r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}\b"),
        _is_nir,
    ),
    "a card number": (
        re.compile(
            r"(?<![\w.,-])(?:[3-6]\d{3}(?:[ -]?\d{3,6}){2,4}|2[2-7]\d{14}|(?:2131|1800)\d{11}"
            r"|(?:5018|5020|5038|6304|6759|676[1-3])\d{8})(?![\d.,-]\d|\w)"
        ),
        is_card,
    ),
    "a US social security number": (re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"), _is_ssn),
    "a UK national insurance number": (
        re.compile(r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"),
        _always,
    ),
    "a Spanish national number": (re.compile(r"\b\d{8}-?[A-Z]\b"), _is_dni),
    "an Italian tax code": (re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b"), _always),
    "a Norwegian national number": (re.compile(r"(?<!\d)\d{6} ?\d{5}(?!\d)"), _is_fnr),
    "a telephone number": (
        re.compile(
            r"(?<![\w.,:/-])(?:\+\d{1,3}[ ./-]?)(?:\(\d{1,4}\)[ ./-]?)?\d{1,4}(?:[ ./-]?\d{2,4}){1,5}(?!\w)"
            r"|(?<![\w.,:/-])(?:\(\d{2,5}\)|0\d{1,4})[ ./-]\d{2,4}(?:[ ./-]\d{2,4}){1,3}(?!\w)"
            r"|(?<![\w.,:/-])\d{3}[-.]\d{3}[-.]\d{4}(?!\w)"
        ),
        _is_phone,
    ),
    "a telephone number, by the word before it": (
        re.compile(
            r"\b(?:(?:tele)?phone|tel|call|mobile|cell|fax|ring|whatsapp|number is|contact|answering)\b[^\d]{0,30}?"
            r"(?<!\w)\d{2,4}(?:[ ./-]\d{2,4}){1,4}(?![\w/]|[.,-]\d)",
            re.IGNORECASE,
        ),
        lambda text: 7 <= len(_digits(text)) <= 13,
    ),
}
