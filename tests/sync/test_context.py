from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.documents.changes import Gone, ItemState, Ready
from wellread.documents.chunk.chunk import chunk, chunks_of
from wellread.documents.settings import PRESETS, ChunkSettings
from wellread.errors import ModelUnavailable
from wellread.models.api import Message, Reply, Sampling
from wellread.sync import context
from wellread.types import Block, Chunk, Document, Parsed, Span, Usage

PARAGRAPHS = (
    "# Rules",
    "Short one.",
    "These rules say what the ferry line takes for animals on board. More follows.",
    "The fee is 12 crowns.",
)


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def ready(header: str = "Rules") -> Ready:
    text, blocks, chunks = "\n\n".join(PARAGRAPHS), [], []
    at = 0
    for n, paragraph in enumerate(PARAGRAPHS):
        span = Span(at, at + len(paragraph))
        blocks.append(Block("heading" if n == 0 else "paragraph", span, 1 if n == 0 else 0, None))
        chunks.append(Chunk(str(n), "d", 0, n, span, paragraph, header=header, n_tokens=len(paragraph.split()) + 1))
        at = span.end + 2
    document = Document("d", "/d.md", 0, "Rules", "text/markdown", text, "x", blocks=tuple(blocks))
    return Ready(ItemState(uri="/d.md", source_id=1), document, tuple(chunks), None, b"")


class Writer:
    """Says where a passage is from, or does not answer."""

    name, context_tokens, remote = "test:writer", 2048, None

    def __init__(self, answer: str | None) -> None:
        self.answer, self.asked = answer, list[str]()

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        self.asked.append(messages[0].content)
        if self.answer is None:
            raise ModelUnavailable("the writer sleeps")
        return Reply(self.answer, Usage())

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        yield self.reply(messages, sampling)


def over(how: str, writer: Writer | None = None, header: str = "Rules") -> tuple[Chunk, ...]:
    def opened() -> Writer:
        assert writer is not None, "no model is needed"
        return writer

    changes = iter([Gone("/x", None), ready(header)])
    gone, made = context.added(changes, ChunkSettings(context=how), count, opened)
    assert gone == Gone("/x", None)
    return made.chunks


def test_the_sentence_that_says_what_a_document_is_about_stands_over_its_other_passages() -> None:
    first, _, says, last = over("extract")
    about = "These rules say what the ferry line takes for animals on board."
    assert last.header == f"Rules\n{about}"
    assert last.indexed_text == f"Rules\n{about}\nThe fee is 12 crowns."
    assert last.n_tokens == 6 + len(about.split())
    assert first.header == f"Rules\n{about}" and says.header == "Rules"  # it says so itself
    assert [chunk.text for chunk in over("extract")] == list(PARAGRAPHS)


def test_a_head_row_of_a_table_stays_next_to_its_rows() -> None:
    assert over("extract", header="Rules\nanimal | fee")[3].header.split("\n")[::2] == ["Rules", "animal | fee"]


def test_without_the_setting_nothing_stands_over_a_passage() -> None:
    assert over("none") == ready().chunks


def test_a_model_writes_the_line_and_sees_document_and_passage() -> None:
    writer = Writer("\n| The fee for animals | of the ferry line.\nMore words.")
    chunks = over("model", writer)
    assert chunks[3].header == "Rules\nThe fee for animals of the ferry line."
    assert len(writer.asked) == 4
    assert "Document: Rules" in writer.asked[3] and "The fee is 12 crowns." in writer.asked[3]


def test_a_model_that_writes_nothing_leaves_the_documents_own_sentence() -> None:
    assert over("model", Writer("  \n"))[3].header.endswith("for animals on board.")


def test_a_model_that_cannot_be_asked_is_not_passed_over_in_silence() -> None:
    with pytest.raises(ModelUnavailable, match="the writer sleeps"):
        over("model", Writer(None))


def test_a_long_sentence_is_cut_after_a_word() -> None:
    text = "word " * 100 + "."
    line = context.lead(Document("d", "/d", 0, "", "text/plain", text, "x"))
    assert len(line) <= context.LONGEST + 2 and line.endswith("word …")
    assert context.lead(Document("d", "/d", 0, "", "text/plain", "Too short.", "x")) == ""


# presets


def test_the_default_preset_cuts_as_it_always_has() -> None:
    plain = ChunkSettings().resolved()
    assert (plain.size_tokens, plain.overlap_tokens, plain.min_tokens) == (200, 24, 40)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_its_sizes_and_what_is_named_goes_before_it(preset: str) -> None:
    wanted = PRESETS[preset]
    got = ChunkSettings(preset=preset).resolved()
    assert (got.size_tokens, got.overlap_tokens, got.min_tokens) == (
        wanted.size_tokens, wanted.overlap_tokens, wanted.min_tokens,
    )  # fmt: skip
    assert ChunkSettings(preset=preset, size_tokens=64).resolved(8).size_tokens == 64
    assert got.resolved() == got and len(wanted.why) > 30


@given(st.sampled_from(sorted(PRESETS)), st.integers(1, 2_000))
def test_a_preset_never_cuts_more_than_the_embedder_reads(preset: str, most: int) -> None:
    cut = ChunkSettings(preset=preset).resolved(most)
    assert cut.size_tokens <= max(8, most - 40)
    assert 0 <= cut.overlap_tokens < cut.size_tokens and 0 <= cut.min_tokens <= cut.size_tokens


def test_passages_of_a_preset_are_as_long_as_it_says() -> None:
    text = "\n\n".join(f"Sentence {n} has some words in it, eleven of them here." for n in range(300))
    parsed = Parsed(text, (), "text/plain", "", {})
    sizes = {name: max(p.n_tokens for p in chunk(parsed, ChunkSettings(preset=name), count)) for name in PRESETS}
    assert sizes["lines"] < sizes["facts"] < sizes["narrative"] < sizes["long-context"] <= 1000
    made = chunks_of(chunk(parsed, ChunkSettings(preset="code"), count), text, "d", "x")
    assert "".join(c.text for c in made).replace("\n", "") == text.replace("\n", "")  # nothing twice, nothing lost
