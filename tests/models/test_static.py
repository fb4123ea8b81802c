from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import ModelError
from wellread.models import tokens
from wellread.models.providers import static

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "ferry": 2, "dog": 3, "##s": 4}


def tokenizer_file(folder: Path) -> Path:
    """A WordPiece tokenizer of five tokens, otherwise as the packaged one."""
    made = json.loads(tokens.MINILM_TOKENIZER.read_text("utf-8"))
    made["model"]["vocab"] = VOCABULARY
    made["added_tokens"] = [t | {"id": VOCABULARY[t["content"]]} for t in made["added_tokens"][:2]]
    made["post_processor"] = None
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(made))
    return path


def safetensors_file(folder: Path, vectors: np.ndarray, scales: np.ndarray) -> Path:
    header, body = {}, b""
    for name, tensor, dtype in (("vectors", vectors, "I8"), ("scales", scales, "F32")):
        data = tensor.tobytes()
        header[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header).encode()
    path = folder / "vectors.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)
    return path


VECTORS = np.array([[9, 9], [0, 0], [3, 0], [0, 4], [0, 0]], np.int8)
SCALES = np.array([1, 1, 2, 1, 0], np.float32)


@pytest.fixture
def small(tmp_path: Path) -> static.StaticEmbedder:
    return static.load(safetensors_file(tmp_path, VECTORS, SCALES), tokenizer_file(tmp_path), "small")


def test_a_text_is_the_direction_of_the_mean_of_its_tokens(small: static.StaticEmbedder) -> None:
    # ferry is 2 x (3, 0), dog is (0, 4), ##s is nothing: (6, 8) / 10 for "ferry dog dogs" with the dog twice
    np.testing.assert_allclose(small.embed(["Ferry dog dogs"]), [[0.6, 0.8]], rtol=1e-6)
    assert small.count_tokens(["Ferry dog dogs", ""]) == [4, 0]


def test_a_text_without_known_tokens_is_still_a_row_of_length_one(small: static.StaticEmbedder) -> None:
    np.testing.assert_array_equal(small.embed(["", "??", "ferry"]), [[1, 0]] * 3)
    assert small.embed([]).shape == (0, 2)


def test_one_scale_for_all_rows_serves_too(tmp_path: Path) -> None:
    model = static.load(safetensors_file(tmp_path, VECTORS, np.ones(1, np.float32)), tokenizer_file(tmp_path), "s")
    np.testing.assert_allclose(model.embed(["ferry dog"]), [[0.6, 0.8]], rtol=1e-6)


def test_other_weights_have_another_id(tmp_path: Path, small: static.StaticEmbedder) -> None:
    other = static.load(safetensors_file(tmp_path, VECTORS + 1, SCALES), tokenizer_file(tmp_path), "small")
    assert other.id != small.id


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_flipped_byte_never_ends_in_anything_but_a_model_error(where: int, value: int) -> None:
    header = b'{"vectors":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]}}'
    data = bytearray(len(header).to_bytes(8, "little") + header + b"\1\2\3\4")
    data[where % len(data)] = value
    try:
        tensors = static.read_safetensors(bytes(data), Path("f"))
    except ModelError as error:
        assert "f:" in str(error)
    else:
        assert all(t.size <= 4 for t in tensors.values())


@pytest.mark.parametrize("keep", [0, 7, 8, 40, -1])
def test_a_cut_file_is_named(keep: int, tmp_path: Path) -> None:
    path = safetensors_file(tmp_path, VECTORS, SCALES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"vectors\.safetensors"):
        static.load(path, tokenizer_file(tmp_path), "small")


def test_scales_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = safetensors_file(tmp_path, VECTORS, np.ones(3, np.float32))
    with pytest.raises(ModelError, match="do not fit"):
        static.load(path, tokenizer_file(tmp_path), "small")


@pytest.fixture(scope="module")
def packaged() -> static.StaticEmbedder:
    return static.load(static.VECTORS, tokens.MINILM_TOKENIZER, "minilm")


def test_the_packaged_model_knows_what_belongs_together(packaged: static.StaticEmbedder) -> None:
    question, near, far = packaged.embed(["Can I bring my dog?", "Pets travel free on a leash", "Diesel prices rose"])
    assert question @ near > question @ far + 0.1


def test_the_packaged_model_loads_in_a_moment_and_is_fast_enough_for_a_folder(packaged: static.StaticEmbedder) -> None:
    texts = ["The crossing takes forty minutes and the next ferry leaves at noon. " * 14] * 300  # about 200 tokens each
    started = time.process_time()
    packaged.embed(texts)
    assert (
        300 / (time.process_time() - started) > 1000
    )  # measured: 10,000 a core-second; the margin is for busy machines


def test_a_long_text_is_cut_and_not_refused(packaged: static.StaticEmbedder) -> None:
    vectors = packaged.embed(["ferry " * 20_000, "ferry " * static.MAX_TOKENS])
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=1e-5, atol=1e-6)
