"""Numbers of sheets as they are shown: number formats of Office applied to stored values."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from wellread.documents.tables.values import Value

BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0",
    49: "@",
}  # fmt: skip
_PIECE = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[(h+|m+|s+)\]|\[[^\]]*\]|(.)', re.I | re.S)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_CURRENCY = re.compile(r"[€$£¥₹₩₽₺]|\b(?:EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|kr|Kč|zł)\b")


def shown(value: float, code: str, *, from_1904: bool = False) -> tuple[str, Value]:
    """The text of a number under a format, and what it says.

    Dates count days from 1900 (with the leap day that 1900 never had) or from 1904. A format that is not understood
    shows the number as it is stored.
    """
    pieces, is_date, is_elapsed = _pieces(_section(code, value))
    if is_elapsed:
        return _elapsed(value, pieces), Value("number", value)
    if is_date:
        moment = _moment(value, from_1904)
        if moment is None:
            return plain(value), Value("number", value)
        text = _date_text(moment, pieces)
        has_day = any(kind == "date" and piece[0] in "yd" for kind, piece in pieces)
        if not has_day and not any(kind == "date" and piece[0] in "m" and len(piece) > 2 for kind, piece in pieces):
            return text, Value("time", moment.strftime("%H:%M:%S"))
        iso = moment.date().isoformat() if moment.time() == moment.min.time() else moment.isoformat(timespec="seconds")
        return text, Value("date", iso)
    text = _number_text(value, pieces, signed=_sections(code) < 2 or value >= 0)
    currency = _CURRENCY.search(text)
    unit = "%" if "%" in text else currency[0] if currency else ""
    return text, Value("number", value, unit)


def plain(value: float) -> str:
    """A number without format: whole ones without a point, others to 11 significant digits."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.11g}"


def _sections(code: str) -> int:
    return len(_split(code))


@lru_cache(maxsize=512)
def _split(code: str) -> tuple[str, ...]:
    parts, held, quoted = [], "", False
    for at, letter in enumerate(code):
        if letter == '"':
            quoted = not quoted
        if letter == ";" and not quoted and (at == 0 or code[at - 1] != "\\"):
            parts.append(held)
            held = ""
        else:
            held += letter
    return (*parts, held)


def _section(code: str, value: float) -> str:
    parts = _split(code)
    if len(parts) > 1 and value < 0:
        return parts[1]
    if len(parts) > 2 and value == 0:
        return parts[2]
    return parts[0]


@lru_cache(maxsize=1024)
def _pieces(section: str) -> tuple[tuple[tuple[str, str], ...], bool, bool]:
    """Pieces of a format as (kind, text): literal, date or digit; whether it is of a date, and of elapsed time."""
    pieces: list[tuple[str, str]] = []
    is_date = elapsed = False
    if section.strip().lower() in ("general", ""):
        return (), False, False
    for found in _PIECE.finditer(section):
        quoted, escaped, currency, span, letter = found.groups()
        if quoted is not None or escaped is not None or currency is not None:
            pieces.append(("literal", quoted or escaped or currency or ""))
        elif span is not None:
            elapsed = True
            pieces.append(("elapsed", span.lower()))
        elif letter is not None and letter.lower() in "ymdhs":
            is_date = True
            if pieces and pieces[-1][0] == "date" and pieces[-1][1][0] == letter.lower():
                pieces[-1] = ("date", pieces[-1][1] + letter.lower())
            else:
                pieces.append(("date", letter.lower()))
        elif letter is not None:
            pieces.append(("digit" if letter in "0#?.,%E+-/" else "literal", letter))
    text = "".join(piece for _, piece in pieces)
    if is_date and re.search("AM/PM|A/P", section, re.I):
        return _with_noon(section), True, False
    return tuple(pieces), is_date and "General" not in text, elapsed


def _with_noon(section: str) -> tuple[tuple[str, str], ...]:
    """The pieces of a time on a twelve-hour clock."""
    before, _, after = re.sub("A/P", "AM/PM", section, flags=re.I).upper().partition("AM/PM")
    return (*_pieces(before.lower())[0], ("noon", ""), *_pieces(after.lower())[0])


def _moment(value: float, from_1904: bool) -> datetime | None:
    if not 0 <= value < 2_958_466:
        return None
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 31 if value < 60 else 30)
    return start + timedelta(milliseconds=round(value * 86_400_000 / 1000) * 1000)


def _date_text(moment: datetime, pieces: tuple[tuple[str, str], ...]) -> str:
    noon = any(kind == "noon" for kind, _ in pieces)
    parts = []
    for n, (kind, piece) in enumerate(pieces):
        if kind == "noon":
            parts.append("AM" if moment.hour < 12 else "PM")
        elif kind != "date":
            parts.append(piece)
        else:
            parts.append(_date_piece(moment, pieces, n, noon))
    return "".join(parts).strip()


def _date_piece(moment: datetime, pieces: tuple[tuple[str, str], ...], n: int, noon: bool) -> str:
    piece = pieces[n][1]
    letter, width = piece[0], len(piece)
    if letter == "y":
        return f"{moment.year:04}" if width > 2 else f"{moment.year % 100:02}"
    if letter == "d":
        name = _DAYS[moment.weekday()]
        return name if width > 3 else name[:3] if width == 3 else f"{moment.day:0{width}}"
    if letter == "h":
        hour = (moment.hour % 12 or 12) if noon else moment.hour
        return f"{hour:0{min(width, 2)}}"
    if letter == "s":
        return f"{moment.second:0{min(width, 2)}}"
    dates = [text for kind, text in pieces if kind == "date"]
    at = sum(1 for kind, _ in pieces[:n] if kind == "date")
    minutes = (at and dates[at - 1][0] == "h") or (at + 1 < len(dates) and dates[at + 1][0] == "s")
    if minutes:
        return f"{moment.minute:0{min(width, 2)}}"
    name = _MONTHS[moment.month - 1]
    return name if width == 4 else name[0] if width == 5 else name[:3] if width == 3 else f"{moment.month:0{width}}"


def _elapsed(value: float, pieces: tuple[tuple[str, str], ...]) -> str:
    seconds = round(abs(value) * 86_400)
    parts = ["-" if value < 0 else ""]
    for kind, piece in pieces:
        if kind == "elapsed":
            size = {"h": 3600, "m": 60, "s": 1}[piece[0]]
            parts.append(f"{seconds // size:0{len(piece)}}")
            seconds %= size
        elif kind == "date":
            size = {"h": 3600, "m": 60, "s": 1}.get(piece[0], 1)
            parts.append(f"{seconds // size:0{min(len(piece), 2)}}")
            seconds %= size
        else:
            parts.append(piece)
    return "".join(parts)


def _number_text(value: float, pieces: tuple[tuple[str, str], ...], *, signed: bool) -> str:
    mask = "".join(piece for kind, piece in pieces if kind == "digit")
    if not pieces or "/" in mask or not re.search("[0#?]", mask):
        literal = "".join(piece for kind, piece in pieces if kind == "literal" and piece not in "@")
        return plain(value) if not pieces or "/" in mask or "@" in literal else literal or plain(value)
    number = Decimal(repr(value)) * (100 if "%" in mask else 1)
    scale = re.search(r"[0#?](,+)(?:$|[.%E])", mask)
    number /= Decimal(1000) ** (len(scale[1]) if scale else 0)
    fraction = re.search(r"\.([0#?]*)", mask)
    places = fraction[1] if fraction else ""
    if "E" in mask:
        digits = f"{float(abs(number)):.{len(places)}E}"
    else:
        grouped = re.search(r"[0#?],[0#?]", mask) is not None
        rounded = abs(number).quantize(Decimal(1).scaleb(-len(places)), ROUND_HALF_UP)
        digits = f"{rounded:,f}" if grouped else f"{rounded:f}"
        optional = len(places) - len(places.rstrip("#"))
        for _ in range(optional):
            digits = digits.removesuffix("0")
        digits = digits.removesuffix(".")
        whole = re.match(r"[^.]*", mask)
        width = whole[0].count("0") if whole else 0
        if not grouped and "." not in digits[: width + 1]:
            head, dot, tail = digits.partition(".")
            digits = head.zfill(width) + dot + tail
    minus = "-" if value < 0 and signed and any(letter in "123456789" for letter in digits) else ""
    first = next(n for n, (kind, piece) in enumerate(pieces) if kind == "digit" and piece in "0#?.")
    last = max(n for n, (kind, piece) in enumerate(pieces) if kind == "digit" and piece in "0#?.,E+")
    before = "".join(piece for _, piece in pieces[:first])
    after = "".join(piece for _, piece in pieces[last + 1 :])
    return f"{minus}{before}{digits}{after}".strip()
