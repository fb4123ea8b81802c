"""The encoding that a file's bytes are in: its mark, what it declares, UTF-8, then statistics over the whole file.

A wrong guess would be quoted letter for letter as if it stood so; what nothing tells the encoding of is refused.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterable, Mapping

from wellread.errors import SourceError

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_WORDS_WITH_HIGH = re.compile(rb"[^\s,;|<>\"=]*[\x80-\xff][^\s,;|<>\"=]*")
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# What Windows-1252 gives for Western text: small letters anywhere, capitals where words begin, signs outside of words.
_WESTERN = re.compile(
    "(?:[\x00-\x7f’àáâãäåæçèéêëìíîïñòóôõöøœšùúûüýÿžß]"
    "|(?<![A-Za-zÀ-ÿ0-9])[ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒŠÙÚÛÜ]|[ÄÖÜÉÅØÆ](?=[A-Z\\s.,;:!?]|\\Z)"
    "|[€£§°©®™«»“”‘‚„–—…•·µ×\xa0\xad¿¡½¼¾ªº²³±](?![A-Za-zÀ-ÿ])"
    "|(?<![A-Za-zÀ-ÿ])[€£§°©®«»“”‘‚„–—…•·µ×\xa0\xad¿¡])*"
)
MAX_STRAY_SHARE = 0.1  # of the characters beyond ASCII that may be broken in what is still UTF-8
SURE = 0.1  # confidence of the detector that its models reach on running text; docs/log.md 2026-12-01
CLEAR = 3.0  # times as likely as the next one that a double-byte encoding has to be, where there is little text
SAMPLE_BYTES = 200_000  # of the words that tell an encoding, taken from the whole file
_DOUBLE_BYTE = frozenset({"gb18030", "gb2312", "big5", "cp932", "shift_jis", "euc-jp", "cp949", "euc-kr"})
_CANDIDATES = frozenset(
    {"windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256"}
    | {"windows-1257", "windows-1258", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-8", "koi8-r", "koi8-u"}
    | {"cp866", "cp874", "macroman", "maccyrillic", "gb18030", "big5", "cp932", "euc-jp", "cp949"}
)


def decode(data: bytes, name: str, declared: str = "") -> tuple[str, str]:
    """The text of ``data`` and the encoding it was read in.

    A byte order mark decides; then ``declared`` (a page's charset), if it fits; then UTF-8, with single stray bytes as
    U+FFFD, counted in the name of the encoding; then what the letters of the whole file say.
    Raises: SourceError (broken) for what is not text, and for text whose encoding cannot be told.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError as error:
                raise SourceError(
                    f"{name}: begins as {encoding} and is not, at byte {error.start}; save it as UTF-8", "broken"
                ) from error
    if not _is_text(data):
        if wide := _unmarked_wide(data):
            return data.decode(wide), wide
        raise SourceError(f"{name}: holds control characters, not text; give it its own extension", "broken")
    if data.isascii():
        escaped = _in_escapes(data)
        return data.decode(escaped or "ascii"), escaped or "utf-8"
    with contextlib.suppress(UnicodeDecodeError):  # what is UTF-8 is nothing else, whatever it declares
        return data.decode("utf-8"), "utf-8"
    if stray := _stray(data):
        return data.decode("utf-8", "replace"), f"utf-8, {stray} byte{'s' * (stray > 1)} unreadable"
    encoding = _guessed(data, _usable(declared))
    if not encoding:
        raise SourceError(f"{name}: its encoding cannot be told; save it as UTF-8", "broken")
    return data.decode(encoding), encoding


def told(encoding: str) -> Mapping[str, str]:
    """The metadata that name the encoding where it is not plain UTF-8."""
    return {} if encoding in ("utf-8", "utf-8-sig") else {"encoding": encoding}


def _is_text(data: bytes) -> bool:
    sample = data[:65536]
    return b"\x00" not in sample and len(_BINARY.findall(sample)) * 50 <= len(sample)


def _unmarked_wide(data: bytes) -> str:
    """UTF-16 without a mark: every second byte of Latin text is zero."""
    sample = data[:4096]
    if len(data) % 2 or not sample:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros * 2 > len(sample) // 2 and not others:
            try:
                data.decode(encoding)
            except UnicodeDecodeError:
                return ""
            return encoding
    return ""


def _in_escapes(data: bytes) -> str:
    """The encoding that writes Japanese or Korean in seven bits, "" where no such escape stands."""
    for escape, encoding in ((b"\x1b$", "iso2022_jp_2"), (b"\x1b$)C", "iso2022_kr")):
        if escape in data:
            try:
                data.decode(encoding)
            except UnicodeDecodeError:
                continue
            return encoding
    return ""


def _usable(declared: str) -> str:
    """A declared encoding by Python's name, "" where it is none that ASCII markup can be in (as HTML has it)."""
    try:
        found = codecs.lookup(declared).name if declared else ""
        b"a".decode(found)
    except (LookupError, ValueError):  # unknown, or a codec that gives no text
        return ""
    if found.startswith(("utf-16", "utf-32", "utf-7")):
        return ""
    return {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}.get(
        found, found
    )


def _stray(data: bytes) -> int:
    """How many characters are broken in what is UTF-8 for the rest; 0 for what is not UTF-8."""
    good = len(_UTF8.findall(data))
    bad = len(_HIGH.findall(_UTF8.sub(b"", data)))
    return bad if good and bad <= max(1, MAX_STRAY_SHARE * good) and good > bad else 0


def _guessed(data: bytes, declared: str) -> str:
    """The encoding by the lines that hold bytes beyond ASCII, each counted once; "" where they do not tell it.

    What is declared and fits is believed, unless the letters are surely those of another encoding.
    """
    lines = _first(dict.fromkeys(line for line in data.split(b"\n") if _HIGH.search(line)))
    running = _ranked(data, lines)
    sure = running[0][0] if running and running[0][1] >= SURE else ""
    if declared and _fits(data, lines, declared):
        worth = dict(running).get(declared, 0.0) * CLEAR
        as_western = declared == "cp1252" and _WESTERN.fullmatch(_fits(data, lines, declared))
        return sure if sure and worth < running[0][1] and not as_western else declared
    if sure:
        return sure
    words = _first(dict.fromkeys(_WORDS_WITH_HIGH.findall(data)))
    by_words = _ranked(data, words)
    western = dict(by_words).get("cp1252", 0.0)
    if western and western * CLEAR >= by_words[0][1] and _WESTERN.fullmatch(_fits(data, words, "cp1252")):
        return "cp1252"
    for ranked in (running, by_words):  # little text: figures beside it hide a language, or tell it
        if ranked and ranked[0][0] in _DOUBLE_BYTE and ranked[0][1] >= CLEAR * (ranked[1][1] if ranked[1:] else 0):
            return ranked[0][0]
    return ""


def _ranked(data: bytes, sample: bytes) -> list[tuple[str, float]]:
    """The encodings that the whole file fits, the likeliest by ``sample`` first; of those that read it alike, one."""
    import chardet  # few files need a guess

    ranked: dict[str, tuple[str, float]] = {}  # by the text of the sample
    for found in chardet.detect_all(
        sample, ignore_threshold=True, include_encodings=_CANDIDATES, max_bytes=SAMPLE_BYTES, compat_names=False
    ):
        encoding = str(found["encoding"] or "").lower()
        text = _fits(data, sample, encoding)
        if text and text not in ranked:
            ranked[text] = encoding, float(found["confidence"])
    return list(ranked.values())


def _fits(data: bytes, words: bytes, encoding: str) -> str:
    """The words in that encoding; "" where the whole file does not fit it."""
    try:
        data.decode(encoding)
        text = words.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return ""
    return "" if re.search("[\x80-\x9f\ufffd\ue000-\uf8ff]", text) else text


def _first(pieces: Iterable[bytes]) -> bytes:
    taken, held = [], 0
    for piece in pieces:
        held += len(piece)
        if held > SAMPLE_BYTES:
            break
        taken.append(piece)
    return b"\n".join(taken)
