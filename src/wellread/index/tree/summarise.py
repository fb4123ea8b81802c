"""Several texts become one short one: their most telling sentences, or what a chat model writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wellread import prompts
from wellread.documents.sentences import sentences
from wellread.errors import MissingExtra, ModelError
from wellread.models.api import Chat, Embedder, Message, Sampling
from wellread.types import Usage

EXTRACT = "extract"
CENTRAL = 0.7  # what being central counts in MMR, the rest is being new
LONGEST = 300  # characters of a sentence
LEAST_WORDS = 4  # of a sentence: shorter ones are headings, cells and the like
MOST_COMPARED = 400  # sentences under one summary
WORDS = 120  # of a written summary; those of the paper have 131 tokens
HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)
ROOM_TOKENS = 240  # for a written summary and the words of the prompt around the passages, beside WORDS


@dataclass(slots=True)
class Writer:
    """A chat model that is opened when it is first needed; once it has failed it is not asked again.

    ``reason`` says why it does not write, "" while it does.
    """

    open: Callable[[], Chat] | None = None
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    reason: str = ""
    host: str | None = None  # that texts were sent to
    _chat: Chat | None = None

    @property
    def name(self) -> str:
        """The model's, "" where it was not opened."""
        return self._chat.name if self._chat is not None else ""

    def write(self, texts: Sequence[str]) -> str:
        """A summary of the texts; "" where no model writes one."""
        if self.open is None or self.reason:
            self.reason = self.reason or "chat.model is empty"
            return ""
        try:
            self._chat = self._chat or self.open()
            prompt = prompts.filled("index.tree", "summary", words=WORDS, passages=fitted(texts, self._chat))
            self.calls += 1
            self.host = self._chat.remote
            reply = self._chat.reply([Message("user", prompt)], Sampling(max_tokens=2 * WORDS))
        except (ModelError, MissingExtra) as error:  # sentences are taken instead, and the report says why
            self.reason = str(error)
            return ""
        self.usage += reply.usage
        return " ".join(reply.text.split())


def fitted(texts: Sequence[str], chat: Chat) -> str:
    """The texts, each cut to its share of what the model can read at once."""
    room = chat.context_tokens - ROOM_TOKENS - 2 * WORDS
    share = max(40, room // max(1, len(texts)))
    cut = []
    for text in texts:
        tokens = max(1, chat.count_tokens(text))
        cut.append(text if tokens <= share else text[: len(text) * share // tokens])
    return "\n\n".join(f"[{n}] {text}" for n, text in enumerate(cut, 1))


def pieces(texts: Sequence[str]) -> list[str]:
    """The sentences of the texts, each once and on one line, in their order; at most MOST_COMPARED, of all parts."""
    found: dict[str, None] = {}
    for text in texts:
        text = HEADING.sub("\n\n", text)
        for start, end in sentences(text):
            piece = " ".join(text[start:end].split())
            if len(piece.split()) >= LEAST_WORDS:
                found[piece if len(piece) <= LONGEST else piece[:LONGEST].rsplit(" ", 1)[0] + " …"] = None
    every = list(found)
    if len(every) > MOST_COMPARED:
        every = [every[n] for n in np.linspace(0, len(every) - 1, MOST_COMPARED).astype(int)]
    return every


def extract(texts: Sequence[str], embedder: Embedder, n: int) -> str:
    """The ``n`` sentences nearest to all of them together and unlike each other, in the order of the texts.

    Source: Carbonell and Goldstein, SIGIR 1998 (MMR), with the middle of all sentences in the place of the query.
    """
    every = pieces(texts)
    if not every:
        return " ".join(" ".join(text.split()) for text in texts)[:LONGEST]
    if len(every) > n:
        every = [every[i] for i in sorted(telling(np.asarray(embedder.embed(every), np.float32), n))]
    return "\n\n".join(every)  # so that each is found again as one sentence


def telling(vectors: NDArray[np.float32], n: int) -> list[int]:
    """Indices of the ``n`` rows of length 1 that MMR takes, in the order in which it takes them."""
    centre = vectors.mean(axis=0)
    central = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
    known = np.full(len(vectors), -1.0, np.float32)  # nearness to what is taken
    taken: list[int] = []
    for _ in range(min(n, len(vectors))):
        worth = CENTRAL * central - (1 - CENTRAL) * np.maximum(known, 0)
        worth[taken] = -np.inf
        best = int(np.argmax(worth))
        taken.append(best)
        known = np.maximum(known, vectors @ vectors[best])
    return taken
