from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import ModelError
from wellread.models import tokens

ENGLISH = [
    "The ferry to Kestvik leaves at nine from the north pier and takes dogs on a lead.",
    "Refunds within 14 days: 12,345.67 EUR (see § 4.2), otherwise 50 % of the fare.",
    "def fare(zone: int) -> float:\n    return TABLE[zone] * 1.25\n",
]
COUNTED = {  # by the tokenizer of SmolLM2-135M, which cuts these scripts finely
    "Привет, как дела? Сегодня хорошая погода и мы идём гулять.": 46,
    "東京は日本の首都です。人口は約千四百万人。": 38,
    "สวัสดีครับ วันนี้อากาศดี": 44,
    "हिन्दी में लिखा हुआ पाठ": 27,
}


@pytest.mark.parametrize("text", ENGLISH)
def test_the_estimate_is_close_to_a_real_tokenizer_and_not_below_it_by_a_tenth(text: str) -> None:
    real = len(tokens.encode(tokens.load(tokens.MINILM_TOKENIZER), [text])[0])
    assert 0.9 * real <= tokens.estimate(text) <= 2 * real


@pytest.mark.parametrize(("text", "real"), COUNTED.items())
def test_scripts_that_are_cut_finely_are_not_underestimated(text: str, real: int) -> None:
    assert 0.9 * real <= tokens.estimate(text) <= 2 * real


@given(st.text(), st.text())
def test_the_estimate_grows_with_the_text(a: str, b: str) -> None:
    assert tokens.estimate(f"{a} {b}") >= max(tokens.estimate(a), tokens.estimate(b))


def test_special_tokens_in_a_text_are_read_as_text() -> None:
    ids = tokens.encode(tokens.load(tokens.MINILM_TOKENIZER), ["[CLS] hello [SEP]"])[0]
    assert not {101, 102} & set(ids)


@given(st.lists(st.text(st.characters(), max_size=40), max_size=4))
def test_any_text_can_be_encoded_even_with_lone_surrogates(texts: list[str]) -> None:
    assert len(tokens.encode(tokens.load(tokens.MINILM_TOKENIZER), [*texts, "a\ud800b"])) == len(texts) + 1


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        tokens.load(path)
    path.write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        tokens.load(path)
