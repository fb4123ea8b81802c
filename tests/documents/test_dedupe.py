from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellread.documents.dedupe import NearDuplicates, minhash, similarity

LONG = " ".join(f"word{n % 97} stands{n} here" for n in range(300))


@given(st.text(min_size=1))
def test_a_text_is_its_own_duplicate(text):
    value = minhash(text)
    assert value == minhash(text) and len(value) in (0, 256)
    assert not value or similarity(value, value) == 1.0


def test_one_word_of_nine_hundred_leaves_a_near_duplicate_and_another_text_none():
    near = NearDuplicates({"a": minhash(LONG)}, 0.9)
    changed = minhash(LONG.replace("word5 stands5", "word5 falls5"))
    assert near.nearest("b", changed) == "a" and near.nearest("a", changed) is None
    assert near.nearest("c", minhash(" ".join(reversed(LONG.split())))) is None


def test_the_estimate_is_near_the_truth():
    words = [f"w{n}" for n in range(2000)]
    half = minhash(" ".join(words[:1000] + [f"x{n}" for n in range(1000)]))
    truth = 996 / (1996 * 2 - 996)
    assert abs(similarity(minhash(" ".join(words)), half) - truth) < 0.2


def test_letter_case_and_punctuation_do_not_matter():
    assert minhash("The Dogs, they cost forty kroner!") == minhash("the dogs they cost  forty kroner")
