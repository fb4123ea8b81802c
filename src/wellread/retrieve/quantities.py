"""Numbers with their units, dates and times of day, read from a text so that two ways of writing one compare equal.

«61,600 kr», «61 600 kroner» and «NOK 61600» are one quantity, as are «two years» and «24 months». Words are English,
digits and symbols those of any language; units are those of the table below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from wellread.index.words.stopwords import STOPWORDS
from wellread.types import Span

SLACK = 1e-12  # relative: two ways to compute one value
Day = tuple[int, int, int]  # year, month, day; 0 where it is not said

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_WORDS = {word: n for n, word in enumerate((*_ONES.split(), "seventeen", "eighteen", "nineteen"))}
_ABOVE = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * n for n, word in enumerate(_ABOVE.split(), 2)}
_FOURTH = "fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"  # first to third say too much else
_ORDINALS = {word: n for n, word in enumerate(_FOURTH.split(), 4)}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "mio": 1e6, "billion": 1e9, "bn": 1e9}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# unit → (dimension, how many of the dimension's own unit) for each of its meanings
_UNITS: dict[str, tuple[tuple[str, float], ...]] = {}
for _dimension, _listed in {
    "time": "second seconds sec secs s=1/60 minute minutes min mins=1 hour hours hr hrs h=60 day days=1440"
    " week weeks=10080 fortnight fortnights=20160",
    "nights": "night nights=1",
    "months": "month months=1 quarter quarters=3 year years yr yrs=12 decade decades=120 century centuries=1200",
    "length": "mm millimetre millimetres millimeter millimeters=0.001 cm centimetre centimetres centimeter centimeters"
    "=0.01 m metre metres meter meters=1 km kilometre kilometres kilometer kilometers=1000 mile miles=1609.344"
    " nm nautical_mile nautical_miles=1852 foot feet ft=0.3048 inch inches=0.0254 yard yards=0.9144",
    "mass": "mg milligram milligrams=0.000001 g gram grams gramme grammes=0.001 kg kilo kilos kilogram kilograms=1"
    " t ton tons tonne tonnes=1000 lb lbs pound pounds=0.45359237",
    "volume": "ml millilitre millilitres=0.001 cl=0.01 l litre litres liter liters=1 m3 cubic_metre cubic_metres"
    " cubic_meter cubic_meters=1000",
    "area": "m2 sqm square_metre square_metres square_meter square_meters=1 ha hectare hectares=10000"
    " km2 square_kilometre square_kilometres square_kilometer square_kilometers=1000000",
    "speed": "m/s metres_per_second meters_per_second=1 km/h kph kmh kilometres_per_hour kilometers_per_hour=1/3.6"
    " mph miles_per_hour=0.44704 knot knots kn kt kts=1852/3600",
    "power": "w watt watts=1 kw kilowatt kilowatts=1000 mw megawatt megawatts=1000000 hp horsepower=745.7",
    "energy": "wh=1 kwh kilowatt-hour kilowatt-hours kilowatt_hours=1000 mwh=1000000",
    "celsius": "°c c degrees_celsius degree_celsius degree degrees °=1",
    "fahrenheit": "°f degrees_fahrenheit degree degrees °=1",
    "angle": "degree degrees °=1",
    "pressure": "mbar millibar hpa=0.001 kpa=0.01 bar bars=1",
    "data": "byte bytes=1 kb kilobyte kilobytes=1000 mb megabyte megabytes=1e6 gb gigabyte gigabytes=1e9 tb=1e12",
    "bits": "kbit/s=1e3 mbit/s mbps=1e6 gbit/s gbps=1e9",
    "volt": "v volt volts=1 kv=1000",
    "ampere": "amp amps ampere amperes=1",
    "hertz": "hz=1 khz=1e3 mhz=1e6 ghz=1e9",
    "share": "% per_cent percent pct percentage_point percentage_points=1 ‰ per_mille=0.1",
    "NOK": "kr krone kroner kronen crown crowns nok=1 øre=0.01",
    "DKK": "kr krone kroner kronen crown crowns dkk=1 øre=0.01",
    "SEK": "kr krona kronor kronen crown crowns sek=1 öre=0.01",
    "USD": "$ us$ dollar dollars usd=1 cent cents=0.01",
    "EUR": "€ euro euros eur=1 cent cents=0.01",
    "GBP": "£ pound pounds gbp=1 pence=0.01",
    "CHF": "chf franc francs=1",
    "JPY": "¥ yen jpy=1",
    "CNY": "¥ yuan rmb cny=1",
    "INR": "₹ rupee rupees inr=1",
    "persons": "person persons people=1",
}.items():
    for _names, _factor in re.findall(r"([^=]+)=([\d./e]+)\s*", _listed):
        _top, _, _bottom = _factor.partition("/")
        for _name in _names.split():
            _meaning = (_dimension, float(_top) / float(_bottom or 1))
            _UNITS[_name.replace("_", " ")] = (*_UNITS.get(_name.replace("_", " "), ()), _meaning)


def _any(words: Mapping[str, object]) -> str:
    return "|".join(re.escape(w).replace(r"\ ", r"[ -]") for w in sorted(words, key=len, reverse=True))


_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_FIRST_DAY = r"(?:(?P<first>\d{1,2})(?:st|nd|rd|th)?(?: of)?\s*(?:-|to|and|or|until)\s*(?:the )?)?"
_DATES = [
    re.compile(pattern)
    for pattern in (
        r"(?<![\w.,:-])(?P<year>[12]\d{3})-(?P<month>\d{2})-(?P<day>\d{2})(?![\w-])",
        rf"(?<![\w.,:]){_FIRST_DAY}{_DAY}(?: of)?[ -]{_MONTH}(?:,?[ -](?P<year>[12]\d{{3}})\b)?",
        rf"\b{_MONTH} (?:the )?{_DAY}(?![\d:]|[.,]\d)(?:,? (?P<year>[12]\d{{3}})\b)?",
        rf"\b{_MONTH},? (?:of )?(?P<year>[12]\d{{3}})\b",
        r"(?<![\w.,:/])(?P<day>\d{1,2})(?P<mark>[./])(?P<month>\d{1,2})(?P=mark)(?P<year>[12]\d{3})(?![\w/])",
    )
]
_COMMA = re.compile(r",(?! )")
_BESIDE_A_WORD = re.compile(r"[^\W\d_],(?! )|,[^\W\d_]")
_FRACTIONS = {"½": "0.5", "¼": "0.25", "¾": "0.75"}
_HALF = r"(?P<half>[ap])\.?m\b\.?"
_CLOCKS = [
    re.compile(pattern)
    for pattern in (
        rf"(?<![\w.,:])(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d{{2}}))? ?{_HALF}",
        r"(?<![\w.,:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?: ?(?:hours|hrs|h))?(?![\w:])",
        rf"(?<![\w.,:])(?P<hour>\d{{1,2}}|{_any({w: 0 for w, n in _WORDS.items() if 0 < n < 13})}) o'?clock\b",
        r"\b(?P<name>noon|midday|midnight)\b",
    )
]
_DIGITS = (
    r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?"  # 61,600.50
    r"|\d{1,3}(?:'\d{3})+(?!\d)(?:\.\d+)?"  # 61'600
    r"|\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?"  # 61 600,50: or several numbers beside each other
    r"|\d{1,3}(?:\.\d{3})+,\d+(?!\d)"  # 61.600,50
    r"|\d{1,3}(?:\.\d{3}){2,}(?!\d)"  # 1.061.600
    r"|\d+(?:[.,]\d+)?"
)
_SYMBOLS = r"(?P<before>us\$|[$€£¥₹]|(?:usd|eur|gbp|nok|sek|dkk|chf|jpy|cny|inr|kr)\b\.?) ?"
_SPELT = rf"(?:{_any(_TENS)})(?:[ -](?:{_any({w: 0 for w, n in _WORDS.items() if 0 < n < 10})}))?|{_any(_WORDS)}"
_ARTICLE = r"half an?|an?(?= (?:second|minute|hour|day|night|week|month|year|dozen|hundred|thousand|million)\b)"
_NUMBERS = re.compile(
    rf"(?:{_SYMBOLS})?(?:(?<![\w.,:)])(?P<sign>-|minus )|(?<![\w.:#])(?<!\d,)(?<![a-z]-))(?P<digits>{_DIGITS})"
    rf"(?P<ordinal>(?:st|nd|rd|th)\b)?|(?<![\w-])(?P<below>minus )?"
    rf"(?P<words>{_any(_ORDINALS)}|{_SPELT}|{_ARTICLE}|dozen)\b",
)
_AFTER = re.compile(
    rf"(?P<half> and a half)?(?: ?(?P<scale>{_any(_SCALES)}|dozen)\b)?(?:[ -]?(?P<unit>{_any(_UNITS)})(?!\w))?"
    r"(?: ?(?:/|per |an? |each |every )(?P<rate>hour|day|night|week|month|year|annum)\b)?"
)
_COUNTED = re.compile(r" (?P<noun>[^\W\d_]{3,}s)\b")
_BETWEEN = re.compile(r" ?(?:-|to|or|and|until) ?")
_JOINED = re.compile(r" ?(?:and |, ?)?")
_FILLERS = re.compile(
    r"\b(?:about|around|approximately|roughly|circa|ca|at least|at most|up to|by|only|exactly|over|under|nearly|almost"
    r"|less than|more than|between|in|on|at|the|of|from|until|to|and|or|it is|is|was"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b|[\s.,;:!~≈<>≤≥()/-]+"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it stands and what it is in each dimension that its unit may mean; none where it has no unit.

    ``rate`` is the time that it is counted by («185 kroner a night»); ``days`` are the dates that it may be (a quantity
    is either a number or a date); a time of day is a number of minutes in the dimension ``clock``.
    """

    span: Span
    number: float = 0.0
    meanings: tuple[tuple[str, float], ...] = ()
    rate: str = ""
    days: tuple[Day, ...] = ()


def fold(text: str) -> str:
    """Text for comparison: compatibility forms, lower case, plain quotes and dashes, single spaces."""
    for sign, fraction in _FRACTIONS.items():
        text = re.sub(rf"(?<=\d) ?{sign}", fraction[1:], text).replace(sign, fraction)
    text = unicodedata.normalize("NFKC", text).lower()
    text = text.translate({0x2019: "'", 0x2018: "'", 0x2010: "-", 0x2011: "-", 0x2012: "-", 0x2013: "-", 0x2212: "-"})
    return " ".join(text.split())


def quantities(text: str, *, every: bool = True) -> list[Quantity]:
    """Every quantity of a text in order of its place; spans are those of the folded text.

    With ``every``, what can be read in two ways gives both: «61 600» is one number or two, «9.45» a number or a time.
    """
    folded = fold(_cells(text) if every else text)
    free = folded
    found: list[Quantity] = []
    for read, patterns in ((_dates, _DATES), (_clocks, _CLOCKS)):
        for pattern in patterns:
            for match in pattern.finditer(free):
                new = list(read(match))
                if new:
                    found += new
                    free = free[: match.start()] + "\x00" * len(match[0]) + free[match.end() :]
    numbers: list[Quantity] = []
    end = 0
    for match in _NUMBERS.finditer(free):
        if match.start() >= end:
            numbers += (new := list(_numbers(match, free, every)))
            end = max((q.span.end for q in new), default=end)
    found += _inherit(_join(numbers, free), free)
    return sorted(found, key=lambda q: q.span)


def _cells(text: str) -> str:
    """A text whose lines of comma-separated cells have blanks between them: «Brannholm,1378,1» holds 1378 and 1."""
    return "\n".join(
        _COMMA.sub(" ; ", line) if len(_COMMA.findall(line)) >= 3 and _BESIDE_A_WORD.search(line) else line
        for line in text.splitlines()
    )


def alone(text: str) -> tuple[Quantity, ...]:
    """The quantities of a text that says nothing else («about 24 per cent», «12 to 30 October»); empty otherwise."""
    found, rest = quantities(text, every=False), fold(text)
    for quantity in reversed(found):
        start, end = quantity.span
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return () if _FILLERS.sub("", rest) else tuple(found)


def same(wanted: Quantity, found: Quantity, tolerance: float = 0.0) -> bool:
    """Whether ``found`` says what ``wanted`` does.

    A number without unit agrees with any unit; two units agree when they share a dimension. A date agrees when it says
    all that is wanted (a year alone agrees with a date of that year). Times and dates have no tolerance.

    Args:
        wanted: what is to be found.
        found: what stands in the text.
        tolerance: relative to the wanted number, >= 0.
    """
    if found.days or wanted.days:
        return _same_day(wanted, found)
    if wanted.rate and found.rate and wanted.rate != found.rate:
        return False
    clock = any(name == "clock" for name, _ in (*wanted.meanings, *found.meanings))
    if not wanted.meanings or not found.meanings:
        return not clock and _close(wanted.number, found.number, tolerance)
    return any(
        one == other and _close(value, held, 0.0 if clock else tolerance)
        for one, value in wanted.meanings
        for other, held in found.meanings
    )


def _close(wanted: float, found: float, tolerance: float) -> bool:
    return abs(wanted - found) <= max(tolerance, SLACK) * abs(wanted)


def _same_day(wanted: Quantity, found: Quantity) -> bool:
    if wanted.days:
        return any(
            all(w in (0, f) for w, f in zip(want, find, strict=True)) for want in wanted.days for find in found.days
        )
    year = not wanted.meanings and 1000 <= wanted.number <= 2999
    return year and any(day[0] == wanted.number for day in found.days)


def _dates(match: re.Match[str]) -> Iterator[Quantity]:
    part = match.groupdict()
    year, day = int(part.get("year") or 0), int(part.get("day") or 0)
    month = part["month"]
    month_of = int(month) if month.isdigit() else _MONTHS.index(month[:3]) + 1
    options = [(year, month_of, day)]
    if part.get("mark") and day != month_of:
        options.append((year, day, month_of))  # 9/5 is May here and September there
    days = tuple(d for d in options if d[1] <= 12 and d[2] <= 31 and d[1])
    if days:
        yield Quantity(Span(*match.span()), days=days)
        if part.get("first"):
            yield Quantity(Span(*match.span()), days=((year, month_of, int(part["first"])),))


def _clocks(match: re.Match[str]) -> Iterator[Quantity]:
    part = match.groupdict()
    span = Span(*match.span())
    if part.get("name"):
        minutes = [0.0, 1440.0] if part["name"] == "midnight" else [720.0]
        yield Quantity(span, meanings=tuple(("clock", m) for m in minutes))
        return
    hour = _WORDS.get(part["hour"]) or int(part["hour"])
    minute, second = int(part.get("minute") or 0), int(part.get("second") or 0)
    half = part.get("half")
    if hour > 24 or minute > 59 or (half and not 1 <= hour <= 12):
        return
    hours = [hour % 12 + 12 * (half == "p")] if half else [hour]
    if "clock" in match[0]:
        hours = [hour, hour % 12 + 12]
    meanings = [("clock", 60.0 * h + minute + second / 60) for h in hours]
    if minute and not half:  # 2:35 may be a length of time too: hours and minutes, or minutes and seconds
        meanings += [("time", 60.0 * hour + minute + second / 60)]
        meanings += [] if second else [("time", hour + minute / 60)]
    yield Quantity(span, meanings=tuple(meanings))


def _numbers(match: re.Match[str], text: str, every: bool) -> Iterator[Quantity]:
    """The number at a match with its unit; several where digits in groups may be one number or more."""
    part = match.groupdict()
    digits, spelt = part["digits"], part["words"]
    after = _AFTER.match(text, match.end())
    if after is None or (digits and not part["ordinal"] and _is_name(digits, after, text)):
        return
    unit = after["unit"] or ""
    value = _value(digits) if digits else _spelt(spelt)
    if after["half"]:
        value += 0.5
    value *= 12.0 if after["scale"] == "dozen" else _SCALES.get(after["scale"] or "", 1.0)
    if part["sign"] or part["below"]:
        value = -value
    meanings = _UNITS.get(unit.replace("-", " "), _UNITS.get(unit, ()))
    before = (part["before"] or "").rstrip(". ")
    if before:
        million = 1e6 if unit == "m" else 1.0
        value, meanings = value * million, _UNITS[before]
    meanings = tuple((name, value * factor) for name, factor in meanings)
    end = after.end()
    if part["ordinal"] or spelt in _ORDINALS:
        meanings = (("ordinal", value),)
    elif not meanings:
        counted = _COUNTED.match(text, end)
        if counted and counted["noun"] not in STOPWORDS and not counted["noun"].endswith("ss"):
            meanings, end = ((f"count {counted['noun'][:-1]}", value),), counted.end()
    if not meanings and digits and re.fullmatch(r"[012]?\d\.[0-5]\d" if every else r"0\d\.[0-5]\d", digits):
        hour, minute = digits.split(".")
        yield Quantity(Span(match.start(), end), meanings=(("clock", 60.0 * int(hour) + int(minute)),))
        if not every:
            return
    rate = "year" if after["rate"] == "annum" else after["rate"] or ""
    yield Quantity(Span(match.start(), end), value, meanings, rate)
    if every and digits and re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", digits):  # 1200 elsewhere
        thousands = tuple((name, amount * 1000) for name, amount in meanings)
        yield Quantity(Span(match.start(), end), value * 1000, thousands, rate)
    if digits and " " in digits and every:
        at = match.start("digits")
        yield from (Quantity(Span(at, end), float(group.replace(",", "."))) for group in digits.split(" "))


def _is_name(digits: str, after: re.Match[str], text: str) -> bool:
    """Whether digits are part of a name: 12b, an address, a version, the 1990s."""
    following = text[after.end() : after.end() + 2]
    if not after[0]:
        return following[:1].isalpha() or bool(re.match(r"[.:]\d", following))
    return after[0] == "s" and len(digits) == 4


def _value(digits: str) -> float:
    plain = digits.replace(" ", "").replace("'", "")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
        plain = plain.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}", plain):
        plain = plain.replace(".", "")
    return float(plain.replace(",", "."))


def _spelt(words: str) -> float:
    if words in ("a", "an"):
        return 1.0
    if words.startswith("half"):
        return 0.5
    if words == "dozen":
        return 12.0
    if words in _ORDINALS:
        return float(_ORDINALS[words])
    return float(sum(_TENS.get(word, _WORDS.get(word, 0)) for word in re.split("[ -]", words)))


def _join(found: list[Quantity], text: str) -> list[Quantity]:
    """«1 hour 25 minutes» as one: neighbours of one dimension, the later one in the smaller unit."""
    joined: list[Quantity] = []
    for quantity in found:
        last = joined[-1] if joined else None
        if last and _continues(last, quantity, text):
            held = dict(quantity.meanings)
            both = tuple((name, value + held[name]) for name, value in last.meanings if name in held)
            joined[-1] = replace(last, span=Span(last.span.start, quantity.span.end), meanings=both)
        else:
            joined.append(quantity)
    return joined


def _continues(last: Quantity, quantity: Quantity, text: str) -> bool:
    shared = dict(last.meanings).keys() & dict(quantity.meanings).keys() - {"clock"}
    if not shared or not last.number or not quantity.number:
        return False
    if not _JOINED.fullmatch(text, last.span.end, max(last.span.end, quantity.span.start)):
        return False
    name = min(shared)
    return dict(quantity.meanings)[name] / quantity.number < dict(last.meanings)[name] / last.number


def _inherit(found: list[Quantity], text: str) -> list[Quantity]:
    """«5 to 10 minutes»: the first number takes the unit of the second."""
    given = list(found)
    for n in range(len(given) - 2, -1, -1):
        first, second = given[n], given[n + 1]
        between = _BETWEEN.fullmatch(text, first.span.end, max(first.span.end, second.span.start))
        if between and second.meanings and second.number and not first.meanings:
            meanings = tuple((name, value / second.number * first.number) for name, value in second.meanings)
            given[n] = replace(first, meanings=meanings, rate=second.rate)
    return given
