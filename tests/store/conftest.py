"""A store in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread.store.engine.api import Store

sys.path.insert(0, str(Path(__file__).parent))  # store_samples is beside the tests that use it


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "base" / ".wellread") as opened:
        yield opened
