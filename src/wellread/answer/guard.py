"""Text of documents that speaks to the model instead of the reader; it is neither quoted nor put into a prompt."""

from __future__ import annotations

import re

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


def addresses_the_model(text: str) -> bool:
    """Whether a piece of a document reads like an instruction to a language model."""
    return _PATTERNS.search(text) is not None


def without_orders(text: str) -> str:
    """A text without those of its sentences that address the model."""
    if not addresses_the_model(text):
        return text
    return "\n".join(
        " ".join(kept)
        for line in text.splitlines()
        if (kept := [line[a:b] for a, b in sentences(line) if not addresses_the_model(line[a:b])])
    )
