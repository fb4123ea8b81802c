"""Text without the characters that nobody sees: they hide instructions, break matching and garble a terminal.

Cleaning happens inside the parsers, before any span exists. Nothing is normalised (no NFC, no case, no quotes): what is
left stands letter for letter as in the source.
"""

from __future__ import annotations

import re

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_ASCII_INVISIBLE = bytes(set(range(32)) - {9, 10}) + b"\x7f"
# Controls, soft hyphen, zero-width, bidi controls, variation selectors, tag block; and private interlinear marks.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    # Joiners mean something between letters of the scripts that need them, nothing elsewhere.
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff])[\u200c\u200d]"
)
# Whatever the patterns above may take, as one set: most texts hold none of it, and a set is sought quickly.
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    r"""``text`` with ``\n`` line ends and without invisible characters; lone surrogates become U+FFFD.

    Zero-width joiners stay after letters of Arabic, Indic, Myanmar and Khmer script, where they are spelling.
    """
    if text.isascii():
        if text.isprintable():
            return text
        if "\r" in text or "\x0b" in text or "\x0c" in text:
            text = _LINE_ENDS.sub("\n", text)
        return text.encode("ascii").translate(None, _ASCII_INVISIBLE).decode("ascii")
    if _SUSPECT.search(text) is None:
        return text
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    return _SURROGATE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """``text`` with every run of white space as one space, none at the ends."""
    return " ".join(text.split())
