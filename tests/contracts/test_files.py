"""What every parser and every chunker keeps to, run over wellread's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.documents.samples import good

from wellread import config, contracts
from wellread.documents import media
from wellread.documents.chunk.chunk import chunk
from wellread.documents.settings import STRATEGIES, ChunkSettings
from wellread.errors import MissingExtra
from wellread.models import select
from wellread.models.settings import EmbedSettings
from wellread.types import Parsed, Span

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "harbour" / "documents"
SMALL = 60_000  # bytes: a file this small is parsed a dozen times in no time


@pytest.mark.parametrize("kind", sorted(set(media.TYPES.values())))
def test_every_parser_keeps_the_contract_of_parsers(kind: str) -> None:
    ends = {end for end, of in media.TYPES.items() if of == kind}
    files = [f for f in sorted(SAMPLES.rglob("*")) if f.suffix in ends and f.stat().st_size < SMALL]
    scans = {"incident-report-scan.pdf"}
    samples = {f.name: f.read_bytes() for f in files[:6] if f.name not in scans and "scan" not in f.name}
    if kind == "text/tab-separated-values":
        samples = {"fares.tsv": b"crossing\tfare\nSkerry\t4.50\nHolm\t6.25\n"}
    samples |= {name: data for name, data in good().items() if Path(name).suffix in ends}
    if not samples:
        pytest.skip(f"no sample of {kind} is small enough, or it needs an extra and is tried beside it")
    try:
        contracts.parser(media.parser_for(kind), samples)
    except MissingExtra as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("size", "overlap"), [(8, 0), (8, 3), (200, 24)])
def test_every_strategy_keeps_the_contract_of_chunkers(strategy: str, size: int, overlap: int) -> None:
    settings = ChunkSettings(strategy=strategy, size_tokens=size, overlap_tokens=overlap, min_tokens=min(size, 4))
    model = select.embedder(EmbedSettings(), config.models_folder())

    def cut(parsed: Parsed, count: object) -> list[Span]:
        return [passage.span for passage in chunk(parsed, settings, model.count_tokens, model.embed)]

    contracts.chunker(cut, model.count_tokens)
