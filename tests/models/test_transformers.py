from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from wellread.errors import MissingExtra, ModelError
from wellread.models.providers import transformers
from wellread.models.settings import EmbedSettings, RerankSettings

HERE = importlib.util.find_spec("sentence_transformers") is not None


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "model.pkl"])
def test_pickled_weights_are_refused_before_anything_is_loaded(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=f"{name}, a pickle, which can run code"):
        transformers.open_embedder(str(tmp_path), EmbedSettings(), tmp_path, None)
    with pytest.raises(ModelError, match="a pickle"):
        transformers.open_reranker(str(tmp_path), RerankSettings(), tmp_path, None)


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        transformers.check_weights(tmp_path)


def test_a_pulled_model_is_found_by_its_name_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "owner--name").mkdir()
    (tmp_path / "owner--name" / "model.safetensors").touch()
    assert transformers.resolve("owner/name", tmp_path) == str(tmp_path / "owner--name")
    assert transformers.resolve("owner/other", tmp_path) == "owner/other"


@pytest.mark.skipif(HERE, reason="sentence-transformers is installed")
def test_without_the_package_the_error_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'wellread\[transformers\]'"):
        transformers.open_embedder("owner/name", EmbedSettings(), tmp_path, None)


@pytest.mark.skipif(not HERE, reason="sentence-transformers is not installed: pip install 'wellread[transformers]'")
def test_a_model_that_is_not_on_this_machine_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="wellread models pull hf:owner/name"):
        transformers.open_embedder("owner/name", EmbedSettings(), tmp_path, None)


def test_a_reranker_with_several_labels_is_refused() -> None:
    class Classifier:
        """What a cross-encoder with three labels gives."""

        def predict(self, pairs: list[tuple[str, str]], **given: object) -> np.ndarray:
            return np.zeros((len(pairs), 3))

    with pytest.raises(ModelError, match="one label"):
        transformers.TransformersReranker("x", Classifier()).score("q", ["a", "b"])
