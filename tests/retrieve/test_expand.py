from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.retrieve.expand import covered, expand, section, window
from wellread.retrieve.settings import ExpandSettings
from wellread.types import Block, Chunk, Document, Hit, Span

TEXT = (
    "# Dogs\n\nDogs may ride. They pay four euros. They wear a lead.\n\n"
    "## On deck\n\nThe upper deck is closed to them. A bowl of water is free.\n\n"
    "# Cats\n\nCats stay in a box.\n"
)


def document(text: str = TEXT) -> Document:
    blocks = []
    for line in text.split("\n"):
        start = text.index(line)
        if line.startswith("#"):
            blocks.append(Block("heading", Span(start, start + len(line)), line.count("#")))
        elif line:
            blocks.append(Block("paragraph", Span(start, start + len(line))))
    return Document("d", "/x.md", 1, "Animals", "text/markdown", text, "0", blocks=tuple(blocks))


def hit(words: str, score: float = 1.0) -> Hit:
    start = TEXT.index(words)
    span = Span(start, start + len(words))
    return Hit(Chunk(words, "d", 1, 0, span, words, header="Animals"), document(""), score)


def widened(hits: list[Hit], k: int = 10, **settings: object) -> tuple[list[str], dict[str, object]]:
    detail: dict[str, object] = {}
    found = expand(hits, lambda _: document(), ExpandSettings(**settings), k, detail)  # type: ignore[arg-type]
    for one in found:
        assert TEXT[one.chunk.span.start : one.chunk.span.end] == one.chunk.text
    return [one.chunk.text for one in found], detail


def test_a_window_adds_whole_sentences_on_both_sides() -> None:
    found, detail = widened([hit("They pay four euros.")], mode="window", sentences=1)
    assert found == ["Dogs may ride. They pay four euros. They wear a lead."]
    assert detail["widened"] == 1


def test_a_window_never_grows_beyond_its_characters_nor_below_what_was_found() -> None:
    assert widened([hit("They pay four euros.")], mode="window", sentences=5, max_chars=40)[0] == [
        "Dogs may ride. They pay four euros."
    ]
    assert widened([hit("They pay four euros.")], mode="window", sentences=5, max_chars=3)[0] == [
        "They pay four euros."
    ]


def test_a_section_reaches_from_its_heading_to_the_next_of_its_level() -> None:
    found, _ = widened([hit("They pay four euros.")], mode="section")
    assert found[0].startswith("# Dogs") and found[0].endswith("water is free.")
    found, _ = widened([hit("A bowl of water is free.")], mode="section")
    assert found[0].startswith("## On deck") and "Cats" not in found[0] and "lead" not in found[0]


def test_hits_of_one_section_become_one_and_later_hits_move_up() -> None:
    found, detail = widened(
        [hit("They pay four euros."), hit("They wear a lead.", 0.9), hit("Cats stay in a box.", 0.5)], 2, mode="section"
    )
    assert len(found) == 2 and found[1].startswith("# Cats")
    assert detail["joined"] == 1


def test_merge_takes_the_section_only_where_most_of_it_was_found() -> None:
    one = [hit("The upper deck is closed to them.")]
    both = [*one, hit("A bowl of water is free.")]
    assert widened(one, mode="merge", share=0.6)[0] == ["The upper deck is closed to them."]
    assert widened(both, mode="merge", share=0.6)[0][0].startswith("## On deck")


def test_a_document_without_headings_is_one_section() -> None:
    plain = Document("d", "/x", 1, "t", "text/plain", "One. Two. Three.", "0")
    assert section(plain, Span(5, 9)) == Span(0, 16)


def test_what_the_reader_may_not_see_is_not_widened() -> None:
    found = expand([hit("They pay four euros.")], lambda _: None, ExpandSettings(mode="section"), 3, {})
    assert found[0].chunk.text == "They pay four euros."


def test_overlapping_parts_are_counted_once() -> None:
    assert covered(Span(0, 10), [Span(0, 4), Span(2, 5), Span(20, 30)]) == pytest.approx(0.5)


@given(st.integers(0, len(TEXT) - 2), st.integers(1, 60), st.integers(0, 6), st.integers(1, 200))
def test_a_window_holds_the_passage_and_keeps_to_the_limit(start: int, length: int, n: int, most: int) -> None:
    span = Span(start, min(len(TEXT), start + length))
    wide = window(TEXT, span, n, most)
    assert wide.start <= span.start and wide.end >= span.end
    assert wide.end - wide.start <= max(most, span.end - span.start)
