"""A small base over real HTTP, for the tests that ask questions."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.evaluate.small_base import Reader, make, reading
from tests.models.loopback import Server

from wellread import KnowledgeBase


@pytest.fixture
def reader() -> Reader:
    """Answers from its prompt alone."""
    return Reader()


@pytest.fixture
def server(reader: Reader) -> Iterator[Server]:
    """The reader at an address of this machine."""
    with reading(reader) as opened:
        yield opened


@pytest.fixture
def base(tmp_path: Path, server: Server) -> Iterator[KnowledgeBase]:
    """Four documents, one of them for the crew; the reader is its chat model."""
    with make(tmp_path, server.url) as opened:
        yield opened
