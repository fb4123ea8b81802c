"""Documents alike in what they are about and in how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wellread.documents.chunk import chunk as chunking
from wellread.documents.parse import ParserPool, Request
from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.errors import SourceError, UsageError
from wellread.index.open import IndexReader, Snapshot
from wellread.models.api import Embedder
from wellread.retrieve.similar import tone as writing
from wellread.store import layout
from wellread.types import Compare, Document, Parsed, Principal

By = Literal["both", "topic", "tone"]
COMPARED = 200  # documents nearest in topic whose tone is looked at


@dataclass(frozen=True, slots=True)
class Sample:
    """The document that others are compared with; ``uri`` is empty where it is not in the base."""

    title: str
    text: str
    vector: NDArray[np.float32]  # (dim,), of length 1: the middle of its passages
    uri: str = ""


@dataclass(frozen=True, slots=True)
class SimilarDocument:
    """A document, how near its subject is (cosine of the middles of the passages), and how near its tone (0 to 1).

    ``shares`` and ``differs`` are (measure, in the sample, here) of the tone.
    """

    document: Document
    score: float
    topic: float
    tone: float
    words: int
    shares: tuple[tuple[str, float, float], ...]
    differs: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class FileReading:
    """What it takes to compare a file that is not in the base: it is parsed and cut as the base's documents are."""

    embedder: Embedder
    parse: ParseSettings
    chunk: ChunkSettings


def alike(
    what: str, reader: IndexReader, reading: FileReading, *, who: Principal, k: int, by: By = "both"
) -> list[SimilarDocument]:
    """The ``k`` documents most like one of the base (by address or name) or a file on this machine.

    Raises: UsageError where it is neither, or several are called so; SourceError, ModelError, StoreError.
    """
    reader.check_embedder(reading.embedder.id)
    with reader.snapshot(who=who) as snapshot:
        sample = from_base(what, snapshot)
        if sample is None:
            path = Path(what).expanduser()
            if not path.is_file():
                raise UsageError(f"{what}: no such document in the base, and no such file")
            sample = from_file(path.resolve(), reading)
        return similar(sample, snapshot, k, by)


def from_base(name: str, snapshot: Snapshot) -> Sample | None:
    """A document of the base by its address or file name; None where none has it. Raises UsageError for several."""
    path = str(Path(name).expanduser().absolute())
    ids = snapshot.matching(Compare("uri", "=", name)) or snapshot.matching(Compare("uri", "=", path))
    ids = ids or snapshot.matching(Compare("uri", "like", f"*/{name}"))
    if not ids:
        return None
    if len(ids) > 1:
        raise UsageError(f"{name}: {len(ids)} documents are called so; give more of the path")
    vectors = snapshot.middles(versions=ids)
    document = snapshot.version(ids[0])
    if document is None or not vectors:
        return None
    return Sample(document.title, document.text, vectors[ids[0]], document.uri)


def from_file(path: Path, reading: FileReading) -> Sample:
    """A file that is not in the base, parsed in a child process like any other. Raises SourceError, ModelError."""
    request = Request(str(path), str(path), fallback_title=path.stem)
    with ParserPool(reading.parse) as pool:
        reply = next(iter(pool.run([request])))
    if reply.kind:
        raise SourceError(reply.reason, reply.kind)
    structure = layout.from_rows(reply.fields, reply.fields["text"])
    parsed = Parsed(reply.fields["text"], structure.blocks, reply.fields["media_type"], reply.fields["title"])
    passages = chunking.chunk(parsed, reading.chunk, reading.embedder.count_tokens, reading.embedder.embed)
    if not passages:
        raise SourceError(f"{path}: has no text to compare", "empty")
    texts = [f"{p.header}\n{parsed.text[p.span.start : p.span.end]}".strip() for p in passages]
    middle = np.asarray(reading.embedder.embed(texts), np.float32).mean(axis=0)
    return Sample(parsed.title or path.stem, parsed.text, middle / np.linalg.norm(middle))


def similar(sample: Sample, snapshot: Snapshot, k: int, by: By = "both") -> list[SimilarDocument]:
    """The ``k`` documents most like the sample, best first; the sample itself is left out.

    Tone is compared among the COMPARED documents nearest in topic, so that a base of any size is answered quickly.
    ``both`` orders by the mean of the two.
    """
    middles = snapshot.middles()
    ids = list(middles)
    if not ids:
        return []
    near = np.stack([middles[i] for i in ids]) @ sample.vector
    found: list[tuple[Document, float]] = []
    for at in np.argsort(-near, kind="stable"):
        document = snapshot.version(ids[at])
        if document is not None and document.uri != sample.uri:
            found.append((document, float(near[at])))
        if len(found) == COMPARED:
            break
    tones = [writing.tone(document.text) for document, _ in found]
    alike = writing.likeness(writing.tone(sample.text), tones)
    made = [
        SimilarDocument(document, _score(topic, like.value, by), topic, like.value, tone.words, like.alike, like.apart)
        for (document, topic), like, tone in zip(found, alike, tones, strict=True)
    ]
    return sorted(made, key=lambda one: -one.score)[:k]


def _score(topic: float, tone: float, by: By) -> float:
    return {"topic": topic, "tone": tone, "both": (topic + tone) / 2}[by]


def told(pairs: Sequence[tuple[str, float, float]]) -> str:
    """``words in a sentence 14 / 15, figures 9.1 / 8.7``: the sample first."""
    return ", ".join(f"{name} {here:.3g} / {there:.3g}" for name, here, there in pairs)
