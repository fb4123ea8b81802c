from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.documents.chunk.chunk import chunk, chunks_of
from wellread.documents.clean import visible
from wellread.documents.parsers import markdown
from wellread.documents.settings import ChunkSettings
from wellread.types import Block, Parsed, Span

STRATEGIES = ("structure", "sentence", "fixed", "semantic")


def count(texts):
    return [len(text.split()) + len(text) // 40 for text in texts]


def embed(texts):
    vectors = np.array([[len(text) % 7 + 1, len(text) % 5 + 1, 1.0] for text in texts])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def parse(text):
    return markdown.parse(text.encode(), "a.md")


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
lines = st.one_of(
    words,
    st.sampled_from(["# One", "## Two", "### Three", "", "", "- item", "| a | b |", "|---|---|", "| 1 | 2 |", "```"]),
    st.sampled_from(
        [
            "A short sentence. Another one! And dogs?",
            "船は正午に出ます。犬は無料です。",
            "นี่คือ ประโยค ยาว",
            "यह वाक्य है। दूसरा।",
        ]
    ),
)


@given(
    st.lists(lines, max_size=40).map("\n".join),
    st.sampled_from(STRATEGIES),
    st.integers(8, 40),
    st.integers(0, 7),
)
def test_chunks_stand_in_the_text_and_hold_all_of_it(text, strategy, size, overlap):
    parsed = parse(visible(text) + " at noon")
    settings = ChunkSettings(strategy=strategy, size_tokens=size, overlap_tokens=overlap, min_tokens=4)
    chunks = chunks_of(chunk(parsed, settings, count, embed), parsed.text, "d", "digest")
    held = set()
    for one in chunks:
        assert parsed.text[one.span.start : one.span.end] == one.text == one.text.strip()
        held.update(range(*one.span))
    assert all(at in held or letter.isspace() for at, letter in enumerate(parsed.text))
    assert len({one.id for one in chunks}) == len(chunks)
    assert [one.span for one in chunks] == sorted(one.span for one in chunks)


@given(st.text(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=6))
def test_blocks_that_overlap_or_leave_gaps_lose_no_text(text, spans):
    blocks = tuple(Block("paragraph", Span(a, min(b, len(text)))) for a, b in sorted(spans) if a < min(b, len(text)))
    parsed = Parsed(text, blocks, "text/plain")
    held = set()
    for passage in chunk(parsed, ChunkSettings(size_tokens=8, overlap_tokens=2, min_tokens=2), count):
        held.update(range(*passage.span))
    assert all(at in held or letter.isspace() for at, letter in enumerate(text))


def test_a_chunk_never_crosses_a_heading_of_level_two():
    parsed = parse("# Ferry\n\n## Dogs\n\nThey cost 40.\n\n## Cats\n\nThey are free.\n")
    passages = chunk(parsed, ChunkSettings(), count)
    assert [passage.heading_path for passage in passages] == [("Ferry", "Dogs"), ("Ferry", "Cats")]
    assert passages[0].header == "Ferry > Dogs"
    assert parsed.text[slice(*passages[0].span)].startswith("# Ferry")


def test_small_sections_below_level_two_join_under_the_path_they_share():
    parsed = parse("## Animals\n\n### Dogs\n\nForty.\n\n### Cats\n\nFree.\n")
    [passage] = chunk(parsed, ChunkSettings(), count)
    assert passage.heading_path == ("Animals",)


def test_a_long_table_is_cut_between_rows_and_its_head_goes_into_the_header():
    table = "| ship | cars |\n|---|---|\n" + "\n".join(f"| Ship {n} | {n} |" for n in range(60))
    parsed = parse(f"# Fleet\n\n{table}\n")
    passages = chunk(parsed, ChunkSettings(size_tokens=60), count)
    assert len(passages) > 2
    for passage in passages[1:]:
        assert passage.kind == "table" and passage.header == "Fleet\n| ship | cars |"
        assert all(
            line.startswith("| Ship") and line.endswith("|") for line in parsed.text[slice(*passage.span)].split("\n")
        )


def test_overlap_repeats_whole_sentences_only():
    parsed = parse(" ".join(f"Sentence number {n} is here." for n in range(40)))
    passages = chunk(parsed, ChunkSettings(size_tokens=50, overlap_tokens=12), count)
    for before, after in pairwise(passages):
        assert before.span.start < after.span.start < before.span.end
        assert parsed.text[after.span.start :].startswith("Sentence number")


def test_semantic_without_an_embedder_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="embed"):
        chunk(parse("x"), ChunkSettings(strategy="semantic"), count)


@pytest.mark.parametrize("wrong", [{"size_tokens": 2}, {"overlap_tokens": 200}, {"min_tokens": 201}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ChunkSettings(**wrong)
