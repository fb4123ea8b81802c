"""Each part keeps wellread's contract, and does what it is there for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from wellread_example import identifiers, nearness, numbers, paragraphs, subtitles, trigrams

from wellread import contracts
from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.models.settings import EmbedSettings, RerankSettings
from wellread.retrieve.settings import RetrieveSettings, RewriteSettings
from wellread.types import Parsed

SRT = b"""1
00:00:01,000 --> 00:00:03,500
<i>The winch HF-203 was</i>
serviced in May.

2
00:00:04,000 --> 00:00:06,000
It may lift nine tonnes.

3
00:01:10,000 --> 00:01:12,000
Questions?
"""


def test_the_parser_keeps_its_contract_and_ends_a_paragraph_at_a_pause() -> None:
    parse = subtitles.open_parser("subtitles", ParseSettings())
    contracts.parser(parse, {"meeting.srt": SRT, "windows.srt": SRT.replace(b"\n", b"\r\n")})
    parsed = parse(SRT, "meeting.srt")
    assert parsed.text == "The winch HF-203 was serviced in May. It may lift nine tonnes.\n\nQuestions?"
    assert parsed.metadata == {"length_s": "72"}


def test_the_chunker_keeps_its_contract_and_never_cuts_a_paragraph() -> None:
    cut = paragraphs.open_chunker("paragraphs", ChunkSettings(size_tokens=8, overlap_tokens=0, min_tokens=0))
    contracts.chunker(cut)
    text = "One two three.\n\nFour five six.\n\nSeven eight nine ten."
    spans = cut(Parsed(text, (), "text/plain"), lambda texts: [len(t.split()) for t in texts])
    assert [text[a:b] for a, b in spans] == ["One two three.\n\nFour five six.", "Seven eight nine ten."]


def test_the_embedder_keeps_its_contract_and_forgives_a_slip() -> None:
    model = trigrams.open_embedder("256", EmbedSettings(), Path(), None)
    contracts.embedder(model)
    right, slip, other = model.embed(["a monthly ticket", "a monthly tiket", "a purple elephant"])
    assert np.dot(right, slip) > 2 * np.dot(right, other)


def test_the_reranker_keeps_its_contract_and_likes_words_close_together() -> None:
    model = nearness.open_reranker("nearness", RerankSettings(), Path(), None)
    contracts.reranker(model)
    near, far = model.score(
        "winch inspection", ["The winch inspection is due.", "The winch, and much later an inspection"]
    )
    assert near > far


def test_the_rewriter_keeps_its_contract_and_writes_numbers_both_ways() -> None:
    rewrite = numbers.open_rewriter("numbers", RewriteSettings())
    contracts.rewriter(rewrite, ["Who may lift nine tonnes?", "Bus 7 to town"])
    assert rewrite("Who may lift nine tonnes?") == ["Who may lift 9 tonnes?"]


def test_the_index_keeps_its_contract_and_finds_a_code_whole(tmp_path: Path) -> None:
    find = identifiers.open_index("identifiers", RetrieveSettings(), tmp_path)
    texts = {"winch": "The winch HF-203 is tested in May.", "crane": "The crane HF-204 is new.", "pier": "Pier 203."}
    contracts.index(find, texts, "When is hf-203 tested?")
    assert identifiers.codes("Ask for HF-203, 4711/B or 12 men") == {"HF-203", "4711/B"}
