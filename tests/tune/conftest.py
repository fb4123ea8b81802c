"""A small model that the tests of the room train, made once."""

from pathlib import Path

import pytest
from tests.tune import tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of two layers and its tokenizer; not to be changed."""
    return tiny.make(tmp_path_factory.mktemp("tiny") / "model")
