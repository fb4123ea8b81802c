"""A line over each passage that says what its document is about: from the document itself, or by a chat model.

A passage that says «the fee is 12 crowns» does not say whose. The line is part of the header: it is embedded and
searched with the passage, and never quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from wellread import prompts
from wellread.documents.changes import Change, Ready
from wellread.documents.sentences import sentences
from wellread.documents.settings import ChunkSettings
from wellread.models.api import Chat, Message, Sampling
from wellread.types import Chunk, Document, Span

LONGEST = 200  # characters of the line
FEWEST_WORDS = 6  # of a sentence that says what a document is about
ABOUT = 2_000  # characters of the document that a model reads beside the passage
MOST_TOKENS = 60  # that a model writes

Count = Callable[[Sequence[str]], list[int]]


def added(
    changes: Iterator[Change], settings: ChunkSettings, count: Count, chat: Callable[[], Chat]
) -> Iterator[Change]:
    """The changes with the line over every passage that ``chunk.context`` says; the model is opened when it is needed.

    Raises: ModelError, ModelUnavailable where a model is to write it and cannot.
    """
    for change in changes:
        if settings.context != "none" and isinstance(change, Ready) and change.chunks:
            yield replace(change, chunks=_over(change.document, change.chunks, settings.context, count, chat))
        else:
            yield change


def _over(
    document: Document, chunks: Sequence[Chunk], how: str, count: Count, chat: Callable[[], Chat]
) -> tuple[Chunk, ...]:
    about = lead(document)
    if how == "model":
        model = chat()
        lines = [written(document, chunk, model) or about for chunk in chunks]
    else:
        lines = [about] * len(chunks)
    extra = dict(zip(lines, count(lines), strict=True))
    return tuple(
        chunk
        if not line or line in chunk.text
        else replace(chunk, header=_with(chunk.header, line), n_tokens=chunk.n_tokens + extra[line])
        for chunk, line in zip(chunks, lines, strict=True)
    )


def _with(header: str, line: str) -> str:
    """The line below title and headings, above a table's head row."""
    names, _, head_row = header.partition("\n")
    return "\n".join(filter(None, (names, line, head_row)))


def lead(document: Document) -> str:
    """The first sentence of a paragraph with enough words to say something, on one line; "" where there is none."""
    paragraphs = [block.span for block in document.blocks if block.kind == "paragraph"]
    for start, end in paragraphs or [Span(0, len(document.text))]:
        for span in sentences(document.text, start, end):
            line = _line(document.text[span.start : span.end])
            if len(line.split()) >= FEWEST_WORDS:
                return line
    return ""


def written(document: Document, chunk: Chunk, model: Chat) -> str:
    """What a model says of the place of a passage in its document, on one line. Raises ModelError, ModelUnavailable.

    Source: Anthropic, Introducing contextual retrieval, 2024: a model places each chunk before it is indexed.
    """
    asked = prompts.filled("sync", "context", title=document.title, about=document.text[:ABOUT], passage=chunk.text)
    reply = model.reply([Message("user", asked)], Sampling(max_tokens=MOST_TOKENS))
    return _line(next((line for line in reply.text.splitlines() if line.strip()), ""))


def _line(passage: str) -> str:
    """On one line, without the bars of tables (they mark a head row in a header), cut after a word."""
    line = " ".join(passage.replace("|", " ").split())
    return line if len(line) <= LONGEST else line[:LONGEST].rsplit(" ", 1)[0] + " …"
