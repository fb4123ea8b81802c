"""What a part of each kind must keep to, as functions that take the open part; wellread's own are held to the same.

Each raises AssertionError with what is broken and where, and returns nothing where all is well:

    from wellread import contracts

    def test_my_embedder_keeps_the_contract():
        contracts.embedder(open_embedder("small", EmbedSettings(), Path(), None))
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from wellread.documents.assemble import numbers
from wellread.documents.clean import visible
from wellread.documents.plugged import Cut, Parse, misplaced, unsound
from wellread.errors import SourceError
from wellread.index.open import Snapshot
from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Chat, Embedder, Message, Reply, Reranker, Sampling
from wellread.retrieve.parts import Query
from wellread.retrieve.retrievers.plugged import MOST_WORDINGS, Rewrite, Search
from wellread.types import Block, Parsed, Principal, Span

TEXTS = ("The ferry takes dogs.", "", "Fahrpläne — 時刻表 🚢", "word " * 400, "a\x00b\ud800", "The ferry takes dogs.")
ASK = (Message("system", "Answer in one sentence."), Message("user", "The ferry leaves at nine. When does it leave?"))
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
SEVERAL = 12  # damaged copies that a parser is given of each sample


def parser(parse: Parse, samples: Mapping[str, bytes]) -> None:
    """A parser: sound text and structure, the same every time, and for damaged bytes either that or SourceError.

    Sound: blocks in order and apart, `text[cell.span] == cell.text` for every cell of a table, cells in the order of
    rows inside their block, and every unit that gave nothing named in `metadata["units_not_read"]`.

    Args:
        parse: as in ``documents.plugged.Parse``.
        samples: good files of the format, by name; each must give some text.
    """
    _holds(bool(samples), "at least one sample is needed")
    for name, data in samples.items():
        parsed = parse(data, name)
        _sound(parsed, name)
        _holds(bool(parsed.text.strip()), f"{name}: gave no text")
        _holds(parse(data, name) == parsed, f"{name}: gave something else the second time")
        chance = random.Random(0)
        for n in range(SEVERAL):
            broken = bytearray(data[: chance.randrange(len(data) + 1)] if n % 2 else data)
            for _ in range(1 + n // 3):
                if broken:
                    broken[chance.randrange(len(broken))] = chance.randrange(256)
            try:
                _sound(parse(bytes(broken), name), f"{name}, damaged")
            except SourceError:
                continue
            except Exception as error:
                error.add_note(f"{name}: damaged bytes must give SourceError or a sound Parsed")
                raise


def _sound(parsed: Parsed, name: str) -> None:
    fault = unsound(parsed)
    _holds(not fault, f"{name}: gave {fault}")
    _holds(MEDIA_TYPE.fullmatch(parsed.media_type) is not None, f"{name}: no media type: {parsed.media_type!r}")
    _holds(
        parsed.text == visible(parsed.text), f"{name}: text with controls or invisible characters; see clean.visible"
    )
    for block in parsed.blocks:
        words = parsed.text[block.span.start : block.span.end]
        _holds(bool(words.strip()), f"{name}: a blank {block.kind} at {block.span.start}")
        _holds((block.kind == "heading") == (block.level > 0), f"{name}: level {block.level} of a {block.kind}")
    _told(parsed, name)


def _told(parsed: Parsed, name: str) -> None:
    """Every unit that gave nothing is named in the metadata, and no part is without a name."""
    given = {block.page for block in parsed.blocks}
    silent = [unit.number for unit in parsed.units if unit.number not in given]
    told = numbers(parsed.metadata.get("units_not_read", ""))
    missing = [number for number in silent if number not in told]
    _holds(not missing, f"{name}: units {missing[:5]} gave nothing, and metadata units_not_read does not name them")
    names = [part.name for part in parsed.parts]
    _holds(all(names) and len(set(names)) == len(names), f"{name}: parts without a name, or with the same")


def chunker(cut: Cut, count: Callable[[Sequence[str]], list[int]] | None = None, *, whole: bool = True) -> None:
    """A chunker: spans inside the text, in order, the same every time, that leave no word out.

    Args:
        cut: as in ``documents.plugged.Cut``.
        count: tokens of texts; None counts words.
        whole: False for a chunker that drops text on purpose.
    """
    count = count or (lambda texts: [len(text.split()) for text in texts])
    for parsed in documents():
        spans = [Span(*span) for span in cut(parsed, count)]
        fault = misplaced(spans, len(parsed.text))
        _holds(not fault, f"{parsed.title}: gave {fault}")
        _holds([Span(*span) for span in cut(parsed, count)] == spans, f"{parsed.title}: other spans the second time")
        held = set[int]().union(*(range(*span) for span in spans))
        left = [at for at, letter in enumerate(parsed.text) if not letter.isspace() and at not in held]
        where = parsed.text[left[0] : left[0] + 40] if left else ""
        _holds(not whole or not left, f"{parsed.title}: {len(left)} characters are in no passage, from {where!r} on")


def documents() -> list[Parsed]:
    """What a chunker is tried on: structure and none, a long word, a script without spaces, a table, blank ends."""
    sentence = "Dogs travel free of charge on the car deck. "
    headed = f"# Rules\n\n{sentence * 30}\n\n## Cats\n\nCats stay in their basket."
    table = "| day | fare |\n|---|---|\n" + "".join(f"| {n} | {n * 3} |\n" for n in range(60)).rstrip()
    return [
        Parsed("", (), "text/plain", "an empty document"),
        Parsed("One word", (Block("paragraph", Span(0, 8)),), "text/plain", "two words"),
        Parsed(headed, _blocks(headed), "text/markdown", "headings"),
        Parsed(sentence * 80, (), "text/plain", "text without blocks"),
        Parsed("x" * 5_000, (Block("code", Span(0, 5_000)),), "text/plain", "one long word"),
        Parsed("時刻表はこちらです。" * 60, (), "text/plain", "a script without spaces"),
        Parsed(table, (Block("table", Span(0, len(table))),), "text/csv", "a table"),
        Parsed("  First.\n\n\n   Last. \n\n ", (Block("paragraph", Span(2, 8)),), "text/plain", "blank ends"),
    ]


def _blocks(text: str) -> tuple[Block, ...]:
    made, at = [], 0
    for part in text.split("\n\n"):
        level = len(part) - len(part.lstrip("#"))
        made.append(Block("heading" if level else "paragraph", Span(at, at + len(part.rstrip())), level))
        at += len(part) + 2
    return tuple(made)


def embedder(model: Embedder) -> None:
    """An embedder: vectors of length 1 whatever the text, the same in any company and order, tokens text by text."""
    _holds(isinstance(model, Embedder), "lacks a member of wellread.models.api.Embedder")
    _holds(":" in model.id and model.dim > 0 and model.max_tokens > 0, "id is kind:name, dim and max_tokens above 0")
    _holds(model.remote is None or bool(model.remote), "remote is a host, or None where nothing leaves the machine")
    vectors = model.embed(TEXTS)
    _holds(vectors.shape == (len(TEXTS), model.dim), f"{vectors.shape} for {len(TEXTS)} texts of {model.dim}")
    _holds(vectors.dtype == np.float32, f"vectors are {vectors.dtype}, not float32")
    lengths = np.linalg.norm(vectors, axis=1)
    _holds(bool(np.all(np.abs(lengths - 1) < 1e-4)), f"lengths are {lengths.round(4).tolist()}, not 1")
    _holds(model.embed([]).shape == (0, model.dim), f"no texts give {model.embed([]).shape}, not (0, {model.dim})")
    backwards = model.embed(TEXTS[::-1])[::-1]
    _holds(np.allclose(vectors, backwards, atol=2e-5), "a text has another vector in another order or company")
    _holds(np.allclose(vectors[0], vectors[-1], atol=2e-5), "the same text twice has two vectors")
    _holds(model.embed(["dogs"], kind="query").shape == (1, model.dim), "a question lies in another space")
    counts = model.count_tokens(TEXTS)
    _holds(len(counts) == len(TEXTS) and model.count_tokens([]) == [], "count_tokens is one number a text")
    _holds(counts[1] == 0 and counts[0] == counts[-1] > 0, f"tokens of '', and twice of the same: {counts}")
    _holds(counts[3] > 10 * counts[0], f"tokens of 400 words: {counts[3]}; of four words: {counts[0]}")


def reranker(model: Reranker) -> None:
    """A reranker: a finite score for each passage, which does not depend on the others, and more for what answers."""
    _holds(isinstance(model, Reranker), "lacks a member of wellread.models.api.Reranker")
    _holds(bool(model.id), "has no id")
    question = "which ferries take dogs today"
    passages = ["All ferries take dogs to Skerry.", "The tax office opens at nine.", *TEXTS]
    scores = np.asarray(model.score(question, passages))
    _holds(scores.shape == (len(passages),), f"{scores.shape} for {len(passages)} passages")
    _holds(scores.dtype == np.float32, f"scores are {scores.dtype}, not float32")
    _holds(bool(np.isfinite(scores).all()), f"scores that are no numbers: {scores.tolist()}")
    backwards = np.asarray(model.score(question, passages[::-1]))[::-1]
    _holds(np.allclose(scores, backwards, atol=1e-3), "a passage has another score in another order or company")
    _holds(np.asarray(model.score(question, [])).shape == (0,), "no passages give no scores, shape (0,)")
    _holds(bool(scores[0] > scores[1]), "a passage that answers is not above one about something else")


def rewriter(rewrite: Rewrite, questions: Sequence[str]) -> None:
    """A rewriter: a few texts, none blank, the same every time, for any question; some for each of ``questions``."""
    odd = ("", "?", "Wo ist die Fähre — 時刻表 🚢?", "word " * 400, "a\x00b")
    for question in (*questions, *odd):
        made = rewrite(question)
        _holds(isinstance(made, list | tuple), f"{question[:40]!r}: gave a {type(made).__name__}, not a list of texts")
        _holds(all(isinstance(text, str) and text.strip() for text in made), f"{question[:40]!r}: gave {made!r:.80}")
        _holds(len(made) <= MOST_WORDINGS, f"{question[:40]!r}: gave {len(made)} wordings, more than {MOST_WORDINGS}")
        _holds(list(rewrite(question)) == list(made), f"{question[:40]!r}: gave others the second time")
    silent = [question for question in questions if not set(rewrite(question)) - {question}]
    _holds(not silent, f"{silent[:1]}: gave no wording but the question")


def index(search: Search, texts: Mapping[str, str], question: str) -> None:
    """An index: finds only what may be seen and where it is told to look, and keeps in step with the documents.

    Args:
        search: as in ``retrieve.plugged.Search``.
        texts: documents by name.
        question: finds at least one of them.
    """
    outsider, insider = Principal(), Principal(groups=frozenset({"crew"}))
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase.create(Path(folder) / "base") as base:
        names = list(texts)
        for name in names:
            base.add(name, text=texts[name])

        def found(who: Principal, within: tuple[int, ...] | None = None, *, vector: bool = True) -> dict[str, set[int]]:
            return _found(search, base, question, who, within, vector)

        first = found(outsider)
        _holds(bool(first), f"{question!r}: found nothing in {names}")
        _holds(found(outsider) == first, f"{question!r}: found something else the second time")
        _holds(set(found(outsider, vector=False)) <= set(first), "without a vector (retrieve.mode bm25) finds others")
        uri, versions = next(iter(first.items()))
        elsewhere = max(set().union(*first.values())) + 1_000
        _holds(set(found(outsider, tuple(versions))) == {uri}, "looks beyond Query.within")
        _holds(not found(outsider, ()) and not found(outsider, (elsewhere,)), "looks beyond an empty Query.within")
        text = texts[uri.removeprefix("stdin:")]
        base.add("hidden", text=f"{text}\n\nFor the crew alone.", labels=("crew",))
        _holds("stdin:hidden" in found(insider), "does not find a document that was added")
        _holds("stdin:hidden" not in found(outsider), "finds a document that the asker may not read")
        base.remove(uri)
        _holds(uri not in found(outsider), "finds a document that was removed")


def _found(
    search: Search, base: KnowledgeBase, question: str, who: Principal, within: tuple[int, ...] | None, vector: bool
) -> dict[str, set[int]]:
    """The documents that were found, by uri, with their versions' ids."""
    dense = base.embedder.embed([question], "query")[0] if vector else None
    with base.reader.snapshot(who=who) as look:
        scores = search(Query(question, dense, base.embedder.id, within, 10), look)
        _holds(isinstance(scores, Mapping), f"gave a {type(scores).__name__}, not a mapping of keys to scores")
        _holds(all(isinstance(key, int) for key in scores), "gave keys that are not whole numbers")
        _holds(bool(np.isfinite([float(score) for score in scores.values()]).all()), "gave a score that is no number")
        rows = _everything(look)
        _holds(set(scores) <= set(rows), "gave keys of passages that are gone, or that the asker may not read")
        made: dict[str, set[int]] = {}
        for key in scores:
            uri, version = rows[key]
            made.setdefault(uri, set()).add(version)
        return made


def _everything(look: Snapshot) -> dict[int, tuple[str, int]]:
    from wellread.index.passages import passages

    versions = {entry.key: entry.version for entry in passages(look)}
    rows = look.chunks(list(versions))
    return {key: (rows[key][1].uri, version) for key, version in versions.items() if key in rows}


def chat(model: Chat) -> None:
    """A chat model: the stream gives what the reply gives, temperature 0 repeats itself, limits and usage are told."""
    _holds(isinstance(model, Chat), "lacks a member of wellread.models.api.Chat")
    _holds(bool(model.name) and model.context_tokens > 0, "name and context_tokens are set")
    whole = model.reply(ASK, Sampling(max_tokens=12))
    *pieces, last = model.stream(ASK, Sampling(max_tokens=12))
    _holds(all(isinstance(piece, str) and piece for piece in pieces), f"pieces of the stream: {pieces!r:.80}")
    _holds(isinstance(last, Reply), f"the stream ends in a {type(last).__name__}, not in a Reply")
    if isinstance(last, Reply):
        _holds("".join(map(str, pieces)) == last.text == whole.text, f"stream {last.text!r}, reply {whole.text!r}")
        _holds(last.usage == whole.usage, f"usage of stream and reply: {last.usage}, {whole.usage}")
        _holds(last.stop_reason == whole.stop_reason, f"ends: {last.stop_reason}, {whole.stop_reason}")
    _holds(
        model.reply(ASK, Sampling(max_tokens=8)) == model.reply(ASK, Sampling(max_tokens=8)), "does not repeat itself"
    )
    short = model.reply(ASK, Sampling(max_tokens=2))
    _holds(
        short.stop_reason == "length" and len(short.text) < 40, f"max_tokens=2 gave {short.text!r}, {short.stop_reason}"
    )
    used = model.reply(ASK, Sampling(max_tokens=4)).usage
    _holds(used.calls == 1 and used.prompt_tokens > 10 and used.completion_tokens > 0, f"usage of one call: {used}")
    few, many = model.count_tokens("ferry"), model.count_tokens("ferry " * 20)
    _holds(model.count_tokens("") == 0 < few < many, f"tokens of '', one and twenty words: 0, {few}, {many}")


def _holds(true: bool, what: str) -> None:
    if not true:
        raise AssertionError(what)
