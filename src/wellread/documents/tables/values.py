"""What the text of a cell says: a number with its unit, a date, a time; else text.

Thousands and decimal marks, and the order of day and month, are decided for a column as a whole: one «1.234,56» says
how «1.234» is to be read. What stays open keeps its text and is flagged, never guessed into another number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from wellread.types import flag_of_cell, type_of_value

_CURRENCIES = "€$£¥₹₩₽₺₴₫₱฿"
_CODES = "EUR USD GBP CHF JPY CNY SEK NOK DKK PLN CZK HUF RON BGN TRY INR KRW AUD CAD NZD ZAR BRL MXN kr Kč zł Fr"
_MEASURES = (
    "% ‰ °C °F K mm cm dm m km in ft mi nm ha m² m³ km² l L ml hl g kg mg t lb oz s sec min h d days day hours hour "
    "years year months weeks kW kWh MW MWh GWh W V A Hz kHz MHz GHz bar Pa kPa hPa kB MB GB TB pcs km/h m/s kn knots "
    "Mio Mrd million billion thousand k€ T€ TEUR k$ pt px pp"
)
_UNITS = [*_CURRENCIES, *_CODES.split(), *_MEASURES.split()]
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[-−–+]\s?)?(?P<before>{_UNIT})?\s?(?P<sign2>[-−+])?"
    r"(?P<digits>\d[\d.,'’\u00a0\u2009\u202f ]*\d|\d|[.,]\d+)"
    rf"(?P<minus>-)?\s?(?P<after>{_UNIT})?(?P<close>\))?"
)
_FOOTNOTE = re.compile(r"(?<=[\d%])(?:\s?(?:\*+|†|‡|[¹²³⁴-⁹]+|\[\w{1,2}\])|\s\d?\d\))$")
_NOTES = frozenset("*†‡¹²³⁴⁵⁶⁷⁸⁹])")  # what a footnote's mark ends in
_DIGIT = re.compile(r"\d")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?")
_TIME = re.compile(r"([01]?\d|2[0-4])[:.]([0-5]\d)(?::([0-5]\d))?(?:\s?(am|pm|a\.m\.|p\.m\.))?", re.I)
_NUMERIC_DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})")
_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "january jan januar janvier janv enero januari",
            "february feb februar février févr febrero februari",
            "march mar märz mars marzo maart mrz",
            "april apr avril avr abril",
            "may mai mayo mei maj",
            "june jun juni juin junio",
            "july jul juli juillet juil julio",
            "august aug août agosto augustus augusti",
            "september sep sept septembre septiembre",
            "october oct okt oktober octobre octubre",
            "november nov novembre noviembre",
            "december dec dez dezember décembre déc diciembre desember",
        ),
        1,
    )
    for name in names.split()
}
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?\s+([^\W\d_]+)\.?,?\s+(\d{4})")
_MONTH_DAY = re.compile(r"([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_HEAD_UNIT = re.compile(
    rf"(?:\(|\[|\bin |, )(?:in )?(?P<unit>(?:{_UNIT})|per [^\W\d_]+)[)\]]?\s*$|^(?P<alone>{_UNIT})$"
)


class Value(NamedTuple):
    """What a cell says; fields as in ``types.Cell``."""

    kind: type_of_value = "text"
    value: float | str | None = None
    unit: str = ""
    flags: frozenset[flag_of_cell] = frozenset()


TEXT = Value()


def unit_of_head(text: str) -> str:
    """The unit that the head of a column names: «Weight (kg)», «in k€», «Trailer, per m»; "" for none."""
    found = _HEAD_UNIT.search(text.strip())
    return (found["unit"] or found["alone"] or "") if found else ""


def read_column(texts: Sequence[str]) -> list[Value]:
    """The values of a column's cells, in order; a text that stands in it again is read once.

    Without a digit all is text: «–», «n/a» and «x» are never read as 0.
    """
    bare = {text: text.strip() for text in texts if _DIGIT.search(text)}
    if not bare:
        return [TEXT] * len(texts)
    dates = dict(zip(bare, _dates(list(bare.values())), strict=True))
    values = {text: day for text, day in dates.items() if day is not None}
    numbers = {text: _NUMBER.fullmatch(_unnoted(bare[text])) for text in bare if text not in values}
    mark = _decimal_mark([found["digits"] for text in texts if (found := numbers.get(text))])
    clock = sum(1 for text in texts if ":" in text and text in bare and _TIME.fullmatch(bare[text]))
    dotted = clock > 0 and clock * 2 >= len(texts)
    for text, found in numbers.items():
        time = _time(bare[text], dotted=dotted)
        if time is not None:
            values[text] = time
        else:
            values[text] = _number(found, mark, noted=_unnoted(bare[text]) != bare[text]) if found else TEXT
    return [values.get(text, TEXT) for text in texts]


def _unnoted(text: str) -> str:
    """``text`` without the mark of a footnote."""
    return _FOOTNOTE.sub("", text) if text[-1] in _NOTES and "(" not in text else text


def _decimal_mark(digits: Sequence[str]) -> str:
    """The mark that one cell at least proves; "" where none does."""
    votes = {".": 0, ",": 0}
    for text in digits:
        if text.isdecimal():
            continue
        last = max(text.rfind("."), text.rfind(","))
        if last < 0:
            continue
        mark = text[last]
        other = "," if mark == "." else "."
        n_mark, rest = text.count(mark), len(text) - last - 1
        if other in text:
            votes[mark] += n_mark == 1
        elif n_mark > 1:
            votes[other] += 1
        elif rest != 3 or text[:last] in ("0", ""):
            votes[mark] += 1
    if votes["."] == votes[","]:
        return ""
    return "." if votes["."] > votes[","] else ","


def _number(found: re.Match[str], mark: str, *, noted: bool) -> Value:
    """A number as it stands; text where signs or groups do not fit each other."""
    if bool(found["open"]) != bool(found["close"]):
        return TEXT
    digits = found["digits"]
    flags: set[flag_of_cell] = {"footnote"} if noted else set()
    if digits.isdecimal():
        return _signed(found, float(digits), flags)
    if not mark and _OPEN_MARK.fullmatch(digits):  # 1.234: nothing in the column says which
        mark = "."
        if "." in digits:
            flags.add("uncertain")
    mark = mark or _decimal_mark([digits]) or "."
    plain = _plain(digits, mark)
    if plain is None:
        return TEXT
    return _signed(found, float(plain), flags)


def _signed(found: re.Match[str], value: float, flags: set[flag_of_cell]) -> Value:
    """``value`` with the sign and the unit that stand beside its digits."""
    opened, sign, sign2, minus = found.group("open", "sign", "sign2", "minus")
    if opened or minus or (sign and sign[0] in "-−–") or (sign2 and sign2 in "-−–"):
        value = -value
    unit = found["after"] or found["before"] or ""
    if unit == "%":
        value = value / 100
    elif unit == "‰":
        value = value / 1000
    return Value("number", value, unit, frozenset(flags))


# Thousands by threes, or as in India.
_GROUPED = re.compile(
    r"\d{1,3}([.,'’\u00a0\u2009\u202f ])(?:\d{3}(?:\1\d{3})*|(?:\d\d\1)*\d{3})"
)  # by threes, or as in India
_OPEN_MARK = re.compile(r"\d{1,3}[.,]\d{3}")


def _plain(digits: str, mark: str) -> str | None:
    """``digits`` with a point and no marks of thousands; None where those are not in threes or the decimal not last."""
    whole, point, fraction = digits.partition(mark)
    if fraction and not fraction.isdigit():
        return None
    if whole and not whole.isdecimal():
        grouped = _GROUPED.fullmatch(whole)
        if grouped is None:
            return None
        whole = whole.replace(grouped[1], "")
    return f"{whole}.{fraction}" if point else whole


def _dates(texts: Sequence[str]) -> list[Value | None]:
    """Dates among ``texts``; a day above 12 anywhere tells the order of the column, else only dots do.

    Args:
        texts: without space around them.
    """
    found = [_NUMERIC_DATE.fullmatch(text) for text in texts]
    first = any(int(m[1]) > 12 for m in found if m)
    second = any(int(m[3]) > 12 for m in found if m)
    made: list[Value | None] = []
    for text, numeric in zip(texts, found, strict=True):
        if numeric is None:
            made.append(_written_date(text))
            continue
        day_first = numeric[2] == "." or (first and not second)
        if not day_first and not (second and not first):
            made.append(Value(flags=frozenset({"uncertain"})))
            continue
        day, month = (numeric[1], numeric[3]) if day_first else (numeric[3], numeric[1])
        year = int(numeric[4])
        year += 0 if year > 99 else 2000 if year < 70 else 1900
        made.append(_date(year, int(month), int(day)))
    return made


def _written_date(text: str) -> Value | None:
    iso = _ISO.fullmatch(text) if text[4:5] == "-" else None
    if iso:
        made = _date(int(iso[1]), int(iso[2]), int(iso[3]))
        if made is None or iso[4] is None:
            return made
        return Value("date", f"{made.value}T{iso[4]}:{iso[5]}:{iso[6] or '00'}") if int(iso[4]) < 24 else None
    if not text[-4:].isdecimal():  # no year at the end
        return None
    for pattern, day, month in ((_DAY_MONTH, 1, 2), (_MONTH_DAY, 2, 1)):
        found = pattern.fullmatch(text)
        if found and found[month].casefold() in _MONTHS:
            return _date(int(found[3]), _MONTHS[found[month].casefold()], int(found[day]))
    return None


def _date(year: int, month: int, day: int) -> Value | None:
    try:
        return Value("date", date(year, month, day).isoformat())
    except ValueError:
        return None


def _time(text: str, *, dotted: bool) -> Value | None:
    """A time of day; with a dot only where the column is one of times."""
    if not dotted and ":" not in text and text[-1] not in "mM.":
        return None
    found = _TIME.fullmatch(text)
    if found is None or (":" not in text and not found[4] and not dotted):
        return None
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4].casefold().startswith("p") else 0)
    return Value("time", f"{hour:02}:{found[2]}:{found[3] or '00'}")


MOST_STEP = 0.1  # of all that ``_step`` gives


@dataclass(slots=True)
class RunningSum:
    """The numbers of a column so far, added up; for one thread."""

    n: int = 0
    total: float = 0.0
    step: float = 0.0
    first: float = 0.0
    differ: bool = False

    def add(self, value: float) -> None:
        """``value`` is the next number."""
        if self.n == 0:
            self.first = value
        elif value != self.first:
            self.differ = True
        self.n += 1
        self.total += value
        if self.step < MOST_STEP:
            self.step = max(self.step, _step(value))

    def is_sum(self, value: float) -> bool:
        """Whether ``value`` is what the numbers add up to, each rounded as it may have been."""
        if self.n < 2 or value == 0 or not self.differ:
            return False
        off = abs(self.total - value)
        if off > MOST_STEP * (self.n + 1) / 2 + 1e-9:
            return False
        return off <= max(self.step, _step(value)) * (self.n + 1) / 2 + 1e-9


def _step(value: float) -> float:
    """The place of the last digit that is written; 0 for whole numbers."""
    if value.is_integer():
        return 0.0
    fraction = repr(value).partition(".")[2]
    return 0.0 if fraction in ("", "0") else 10.0 ** -len(fraction) if "e" not in fraction else 0.0
