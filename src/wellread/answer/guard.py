"""Text of documents that speaks to the model instead of the reader goes into no prompt; what a model links to is held.

Everything here is a function of its arguments; threads may share it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from wellread.documents.clean import visible
from wellread.documents.sentences import sentences

# The commonest openings of planted instructions (OWASP LLM01:2026 names the class). This is a filter against the plain
# ones, no proof: what a document says can never do more here than be quoted, because no tool hangs on the answer.
_PATTERNS = re.compile(
    r"""(ignore|disregard|forget)\s+(all\s+|any\s+)?(the\s+|your\s+|of\s+the\s+)?(previous|prior|above|earlier|preceding)
    |(previous|prior|earlier)\s+(instructions?|prompts?)\s+(are|no\s+longer)
    |(system|developer)\s+(prompt|message|override)
    |<\|?(im_start|im_end|system|assistant|user)\|?>
    |\b(you\s+are|act\s+as)\s+(now\s+)?(an?\s+)?(ai|assistant|language\s+model|chatbot)\b
    |\b(note|instructions?|attention|message)\s+(to|for)\s+(the\s+|any\s+|all\s+)?(ai|assistants?|language\s+models?|llms?|chatbots?)\b
    |\b(ai(\s+assistants?)?|language\s+models?|llms?|chatbots?)\b.{0,60}\b(must|should|shall)\s+(now\s+)?(answer|reply|respond|say|tell|state|output|reveal)
    |\bdo\s+not\s+(tell|mention|reveal)\b.{0,40}\bto\s+the\s+user""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


# Letters of Cyrillic and Greek that look like Latin ones, as orders are written that shall not be found.
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһѵԝкмтвнΑΒΕΗΙΚΜΝΟΡΤΥΧαορν", "aeopcyxijsdhvwkmtbhABEHIKMNOPTYXaopv")

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|.)|\x9b[0-?]*[ -/]*[@-~]")
_IMAGE = re.compile(r"!\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_LOADS = re.compile(
    r"<\s*(?:img|iframe|script|link|object|embed|video|audio|source|form|svg|meta|base)\b[^>]*//[^>]*(?:>|$)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|(?<!:)//(?=[\w-]+\.)|\bwww\.|\b(?:data|javascript|vbscript):(?=\S)"
    r"|\b(?:[\w-]+\.)+[a-z]{2,24}[/?#])[^\s<>\"'`)\]}|]*",  # the last: host and path without a scheme
    re.IGNORECASE,
)
_LINKING = re.compile(r"//|www\.|!\[|\b(?:data|javascript|vbscript):|\.[a-z]{2,24}[/?#]", re.IGNORECASE)
REMOVED = "[link removed]"


def addresses_the_model(text: str) -> bool:
    """Whether a piece of a document reads like an instruction to a language model, in whatever letters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)
    return _PATTERNS.search(text) is not None


def without_orders(text: str) -> str:
    """A text without those of its sentences that address the model, also where one runs over several lines."""
    if not addresses_the_model(text):
        return text
    kept = "\n".join(filter(None, (_plain(line, " ") for line in text.splitlines())))
    if addresses_the_model(kept):
        kept = _plain(kept, "\n")
    return "" if addresses_the_model(kept) else kept


def _plain(text: str, between: str) -> str:
    return between.join(text[a:b] for a, b in sentences(text) if not addresses_the_model(text[a:b]))


def shown(text: str, quotes: Sequence[str]) -> str:
    """A sentence of an answer as it may leave: without terminal controls, hidden letters, and what loads by itself.

    An address stays only where it stands letter for letter in one of the ``quotes`` that the sentence cites, so that a
    model that was talked into it can send nothing away in a link.
    """
    text = visible(_TERMINAL.sub("", text) if "\x1b" in text or "\x9b" in text else text)
    if _LINKING.search(text) is None:
        return text
    text = _LOADS.sub(REMOVED, _IMAGE.sub(r"\1", text))
    return _ADDRESS.sub(lambda match: _held(match[0], quotes), text)


def _held(address: str, quotes: Sequence[str]) -> str:
    bare = address.rstrip(".,;:!?")
    return address if any(bare in quote for quote in quotes) else REMOVED + address[len(bare) :]
