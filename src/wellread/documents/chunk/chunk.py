"""Passages of a document: ``document.text[span] == chunk.text``, always, for every strategy.

A pure function of what a parser made of a file, the settings and a token counter; it runs in the child process that
parsed the file, except for ``semantic``, which needs the embedder.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from wellread.documents import plugged
from wellread.documents.sentences import sentences
from wellread.documents.settings import ChunkSettings
from wellread.types import Block, Chunk, Parsed, Span, type_of_block

Count = plugged.Count
Embed = Callable[[Sequence[str]], Any]  # texts -> (n, dim), rows of length 1
_WORD = re.compile(r"\S{1,32}\s*")
_RULE_ROW = re.compile(r"[\s|:-]+\Z")
HARD_LEVEL = 2  # headings up to this level are never crossed


@dataclass(frozen=True, slots=True)
class Atom:
    """What is not cut further: a block, a sentence, a row or a word, with its tokens."""

    span: Span
    n_tokens: int
    block: int
    kind: type_of_block


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk before it has an id."""

    span: Span
    heading_path: tuple[str, ...]
    page: int | None
    kind: type_of_block
    n_tokens: int
    header: str


@dataclass(slots=True)
class Section:
    """Atoms below one heading path; ``level`` is that of the heading which opens it (0 without one)."""

    path: tuple[str, ...]
    level: int
    atoms: list[Atom]
    bare: bool = True  # nothing but headings so far

    @property
    def n_tokens(self) -> int:
        """Tokens of all atoms."""
        return sum(atom.n_tokens for atom in self.atoms)


def chunk(parsed: Parsed, settings: ChunkSettings, count: Count, embed: Embed | None = None) -> list[Passage]:
    """The passages of a document in order; together they hold every character that is not white space.

    Nothing of hidden blocks is in any of them.

    Raises: ValueError for strategy ``semantic`` without ``embed``; UsageError, PluginError for a plugin's chunker.
    """
    settings = settings.resolved()
    if settings.strategy == "semantic" and embed is None:
        raise ValueError("strategy 'semantic' needs an embed function")
    text, blocks = parsed.text, [block for block in _whole(parsed) if not block.hidden]
    passages: list[Passage] = []
    if settings.plugged:
        groups = _groups_at(text, blocks, plugged.chunker(settings)(parsed, count), count)
        return _passages(parsed, blocks, groups, [()] * len(groups), count, settings)
    if settings.strategy == "fixed":
        groups = _groups_of_words(text, blocks, settings, count)
        return _passages(parsed, blocks, groups, [()] * len(groups), count, settings)
    sections = _sections(text, blocks, settings, count)
    if settings.strategy == "structure":
        sections = _merged(sections, settings)
    for section in sections:
        if settings.strategy == "semantic" and embed is not None:
            groups = _by_meaning(text, section.atoms, settings, embed)
        else:
            groups = _packed(section.atoms, settings.size_tokens)
            if len(groups) > 1:  # leave room for what is repeated
                groups = _packed(section.atoms, settings.size_tokens - settings.overlap_tokens)
        groups = _overlapped(text, groups, settings, count)
        passages += _passages(parsed, blocks, groups, [section.path] * len(groups), count, settings)
    return passages


def chunks_of(passages: Sequence[Passage], text: str, document_id: str, digest: str) -> tuple[Chunk, ...]:
    """Passages as chunks; an id is a hash of document, source digest and span, so it is known before any commit."""
    made = []
    for ordinal, passage in enumerate(passages):
        start, end = passage.span
        key = f"{document_id}\0{digest}\0{start}\0{end}".encode()
        made.append(
            Chunk(
                id=hashlib.sha256(key).hexdigest()[:32],
                document_id=document_id,
                version=0,
                ordinal=ordinal,
                span=passage.span,
                text=text[start:end],
                header=passage.header,
                heading_path=passage.heading_path,
                page=passage.page,
                kind=passage.kind,
                n_tokens=passage.n_tokens,
            )
        )
    return tuple(made)


def _whole(parsed: Parsed) -> list[Block]:
    """The document's blocks, with paragraphs for text that no block holds."""
    blocks: list[Block] = []
    at = 0
    for block in parsed.blocks:
        if block.span.start < at or block.span.end <= block.span.start:
            continue
        _gap(blocks, parsed.text, at, block.span.start)
        blocks.append(block)
        at = block.span.end
    _gap(blocks, parsed.text, at, len(parsed.text))
    return blocks


def _gap(blocks: list[Block], text: str, start: int, end: int) -> None:
    span = _trimmed(text, start, end)
    if span.end > span.start:
        blocks.append(Block("paragraph", span, 0, blocks[-1].page if blocks else None))


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def heading_words(text: str) -> str:
    """A heading without Markdown marks, on one line."""
    first = text.strip().split("\n", 1)[0]
    return " ".join(re.sub(r"\A#{1,6}\s+|\s+#+\Z", "", first).split())[:200]


def _sections(text: str, blocks: list[Block], settings: ChunkSettings, count: Count) -> list[Section]:
    spans = [_trimmed(text, *block.span) for block in blocks]
    counts = count([text[start:end] for start, end in spans])
    sections = [Section((), 0, [])]
    stack: list[tuple[int, str]] = []
    for index, (block, span, n_tokens) in enumerate(zip(blocks, spans, counts, strict=True)):
        if span.end <= span.start:
            continue
        if block.kind == "heading":
            stack = [pair for pair in stack if pair[0] < block.level]
            stack.append((block.level, heading_words(text[span.start : span.end])))
            path = tuple(words for _, words in stack)
            last = sections[-1]
            if last.bare and last.atoms and last.level < block.level:
                last.path = path  # a bare heading goes with the section that it introduces
            else:
                sections.append(Section(path, block.level, []))
        sections[-1].bare = sections[-1].bare and block.kind == "heading"
        whole = n_tokens <= settings.size_tokens and settings.strategy == "structure"
        atoms = (
            [Atom(span, n_tokens, index, block.kind)]
            if whole
            else _cut(text, span, (index, block.kind), settings, count)
        )
        sections[-1].atoms += atoms
    return [section for section in sections if section.atoms]


def _cut(text: str, span: Span, block: tuple[int, type_of_block], settings: ChunkSettings, count: Count) -> list[Atom]:
    """A block in pieces: lines of tables, lists and code; sentences of paragraphs; words of what is still too long."""
    index, kind = block
    if kind in ("table", "list", "code"):
        pieces = []
        at = span.start
        for line in text[span.start : span.end].split("\n"):
            piece = _trimmed(text, at, at + len(line))
            if piece.end > piece.start:
                pieces.append(piece)
            at += len(line) + 1
    else:
        pieces = sentences(text, *span)
    atoms: list[Atom] = []
    for piece, n_tokens in zip(pieces, count([text[start:end] for start, end in pieces]), strict=True):
        if n_tokens <= settings.size_tokens:
            atoms.append(Atom(piece, n_tokens, index, kind))
        else:
            words = _words(text, piece, index, kind, count)
            atoms += [_joined(group) for group in _packed(words, settings.size_tokens)]
    return atoms


def _words(text: str, span: Span, index: int, kind: type_of_block, count: Count) -> list[Atom]:
    found = [Span(m.start(), m.start() + len(m.group().rstrip())) for m in _WORD.finditer(text, *span)]
    return [Atom(w, n, index, kind) for w, n in zip(found, count([text[a:b] for a, b in found]), strict=True)]


def _joined(atoms: list[Atom]) -> Atom:
    span = Span(atoms[0].span.start, atoms[-1].span.end)
    return Atom(span, sum(a.n_tokens for a in atoms), atoms[0].block, atoms[0].kind)


def _merged(sections: list[Section], settings: ChunkSettings) -> list[Section]:
    """Small sections below level 2 join the one before them, under the path that both share."""
    out: list[Section] = []
    for section in sections:
        last = out[-1] if out else None
        small = last is not None and min(section.n_tokens, last.n_tokens) < settings.min_tokens
        if (
            last is not None
            and small
            and section.level > HARD_LEVEL
            and section.n_tokens + last.n_tokens <= settings.size_tokens
        ):
            shared = [a for a, b in zip(last.path, section.path, strict=False) if a == b]
            last.path = tuple(shared)
            last.atoms = last.atoms + section.atoms
        else:
            out.append(section)
    return out


def _packed(atoms: list[Atom], size: int) -> list[list[Atom]]:
    """Groups of neighbours, each at most ``size`` tokens (one atom alone may be more), about equally full.

    A block that fits into one group is not split over two.
    """
    total = sum(atom.n_tokens for atom in atoms)
    if total <= size:
        return [atoms] if atoms else []
    target = total / -(-total // size)
    groups: list[list[Atom]] = [[]]
    held = 0
    for at, atom in enumerate(atoms):
        only_headings = all(a.kind == "heading" for a in groups[-1])
        if groups[-1] and (held + atom.n_tokens > size or (held >= target and not only_headings)):
            moved = [groups[-1].pop()] if len(groups[-1]) > 1 and groups[-1][-1].kind == "heading" and at else []
            groups.append(moved)  # a heading goes with what follows it
            held = sum(a.n_tokens for a in moved)
            if held + atom.n_tokens > size and moved:
                groups.append([])
                held = 0
        groups[-1].append(atom)
        held += atom.n_tokens
    return groups


def _overlapped(text: str, groups: list[list[Atom]], settings: ChunkSettings, count: Count) -> list[list[Atom]]:
    """Each group begun with the last sentences of the one before, as many whole ones as the overlap holds."""
    if not settings.overlap_tokens or len(groups) < 2:
        return groups
    out = [groups[0]]
    for before, group in pairwise(groups):
        last = before[-1]
        room = min(settings.overlap_tokens, settings.size_tokens - sum(a.n_tokens for a in group))
        prefix: list[Atom] = []
        if last.kind == "paragraph" and group[0].kind == "paragraph" and room > 0:
            pieces = sentences(text, *last.span)[1:] if len(before) == 1 else sentences(text, *last.span)
            for piece, n_tokens in reversed(list(zip(pieces, count([text[a:b] for a, b in pieces]), strict=True))):
                if n_tokens > room:
                    break
                room -= n_tokens
                prefix.insert(0, replace(last, span=piece, n_tokens=n_tokens))
        out.append(prefix + group)
    return out


def _groups_of_words(text: str, blocks: list[Block], settings: ChunkSettings, count: Count) -> list[list[Atom]]:
    atoms = [atom for index, block in enumerate(blocks) for atom in _words(text, block.span, index, block.kind, count)]
    groups: list[list[Atom]] = []
    at = 0
    while at < len(atoms):
        end, held = at, 0
        while end < len(atoms) and (end == at or held + atoms[end].n_tokens <= settings.size_tokens):
            held += atoms[end].n_tokens
            end += 1
        groups.append(atoms[at:end])
        if end == len(atoms):
            break
        back, repeated = end, 0
        while back - 1 > at and repeated + atoms[back - 1].n_tokens <= settings.overlap_tokens:
            back -= 1
            repeated += atoms[back].n_tokens
        at = back
    return groups


def _groups_at(text: str, blocks: list[Block], spans: Sequence[Span], count: Count) -> list[list[Atom]]:
    """What lies in each span, block by block; spans that hold the same text count once, blank ones not at all."""
    groups: list[list[Atom]] = []
    starts, last = [block.span.start for block in blocks], None
    for span in spans:
        first = max(0, bisect_right(starts, span.start) - 1)
        inside = range(first, bisect_left(starts, span.end))
        pieces = [
            (_trimmed(text, max(blocks[i].span.start, span.start), min(blocks[i].span.end, span.end)), i)
            for i in inside
        ]
        pieces = [(piece, i) for piece, i in pieces if piece.end > piece.start]
        if not pieces or (held := (pieces[0][0].start, pieces[-1][0].end)) == last:
            continue
        last = held
        counts = count([text[a:b] for (a, b), _ in pieces])
        groups.append([Atom(piece, n, i, blocks[i].kind) for (piece, i), n in zip(pieces, counts, strict=True)])
    return groups


def _by_meaning(text: str, atoms: list[Atom], settings: ChunkSettings, embed: Embed) -> list[list[Atom]]:
    """Groups that end where neighbouring sentences are least alike, each at most ``size_tokens``."""
    if len(atoms) < 3:
        return _packed(atoms, settings.size_tokens)
    vectors = embed([text[atom.span.start : atom.span.end] for atom in atoms])
    alike = [float(vectors[i] @ vectors[i + 1]) for i in range(len(atoms) - 1)]
    limit = sorted(alike)[len(alike) // 4]
    groups: list[list[Atom]] = [[atoms[0]]]
    held = atoms[0].n_tokens
    for atom, similarity in zip(atoms[1:], alike, strict=True):
        apart = similarity <= limit and held >= settings.min_tokens and groups[-1][-1].kind != "heading"
        if apart or held + atom.n_tokens > settings.size_tokens:
            groups.append([])
            held = 0
        groups[-1].append(atom)
        held += atom.n_tokens
    return groups


def _passages(
    parsed: Parsed,
    blocks: list[Block],
    groups: list[list[Atom]],
    paths: list[tuple[str, ...]],
    count: Count,
    settings: ChunkSettings,
) -> list[Passage]:
    groups, paths = _without_hidden(parsed, groups, paths)
    headings = _heading_starts(parsed.text, blocks) if settings.strategy == "fixed" or settings.plugged else None
    continued = _continued(parsed)
    made = []
    for group, path in zip(groups, paths, strict=True):
        first = next((atom for atom in group if atom.kind != "heading"), group[0])
        if headings is not None:
            at = bisect_right(headings[0], group[0].span.start) - 1
            path = headings[1][at] if at >= 0 else ()
        header = _header(parsed, blocks, path, first, continued)
        span = Span(group[0].span.start, group[-1].span.end)
        kinds: set[type_of_block] = {atom.kind for atom in group if atom.kind != "heading"} or {"heading"}
        kind: type_of_block = kinds.pop() if len(kinds) == 1 else "paragraph"
        made.append((span, path, blocks[group[0].block].page, kind, sum(a.n_tokens for a in group), header))
    extra = dict(zip(*_counted({row[5] for row in made}, count), strict=True))
    return [Passage(span, path, page, kind, n + extra[header], header) for span, path, page, kind, n, header in made]


def _without_hidden(
    parsed: Parsed, groups: list[list[Atom]], paths: list[tuple[str, ...]]
) -> tuple[list[list[Atom]], list[tuple[str, ...]]]:
    """The same where nothing is hidden; a group with a hidden block between its atoms becomes two."""
    ends = [block.span.end for block in parsed.blocks if block.hidden]
    if not ends:
        return groups, paths
    pieces: list[list[Atom]] = []
    of_pieces: list[tuple[str, ...]] = []
    for group, path in zip(groups, paths, strict=True):
        last = None
        for atom in group:
            at = bisect_right(ends, atom.span.start)
            if at != last:
                pieces.append([])
                of_pieces.append(path)
            last = at
            pieces[-1].append(atom)
    return pieces, of_pieces


def _counted(texts: set[str], count: Count) -> tuple[list[str], list[int]]:
    ordered = sorted(texts)
    return ordered, count(ordered)


def _heading_starts(text: str, blocks: list[Block]) -> tuple[list[int], list[tuple[str, ...]]]:
    starts: list[int] = []
    paths: list[tuple[str, ...]] = []
    stack: list[tuple[int, str]] = []
    for block in blocks:
        if block.kind == "heading":
            stack = [pair for pair in stack if pair[0] < block.level]
            stack.append((block.level, heading_words(text[block.span.start : block.span.end])))
            starts.append(block.span.start)
            paths.append(tuple(words for _, words in stack))
    return starts, paths


def _continued(parsed: Parsed) -> dict[Span, Span]:
    """For a table that goes on from an earlier page without a head of its own: where its columns are named."""
    roots: dict[Span, Span] = {}
    for table in parsed.tables:
        root, seen = table, 0
        while root.continues is not None and 0 <= root.continues < len(parsed.tables) and seen < len(parsed.tables):
            root, seen = parsed.tables[root.continues], seen + 1
        if root is not table and root.head_rows and not table.head_rows:
            roots[parsed.blocks[table.block].span] = parsed.blocks[root.block].span
    return roots


def _header(
    parsed: Parsed, blocks: list[Block], path: tuple[str, ...], first: Atom, continued: dict[Span, Span]
) -> str:
    """Title and heading path, the title not twice; below them a table's head row where the passage begins after it."""
    names = [parsed.title, *path] if parsed.title else list(path)
    if len(names) > 1 and names[0].casefold() == names[1].casefold():
        names = names[1:]
    header = " > ".join(filter(None, names))[:400]
    block = blocks[first.block]
    named = continued.get(block.span)
    if first.kind == "table" and (named or first.span.start > _trimmed(parsed.text, *block.span).start):
        start, end = named or block.span
        head = parsed.text[start:end].lstrip().split("\n", 1)[0].strip()
        if "|" in head and len(head) <= 400 and not _RULE_ROW.match(head):
            header = f"{header}\n{head}" if header else head
    return header
