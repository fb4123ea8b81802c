"""Digests that stand on disk keep their values."""

from pathlib import Path

from wellread import digests
from wellread.questions import freeze
from wellread.types import Question


def test_the_digest_of_a_text_is_sha_256_of_its_utf_8() -> None:
    assert digests.of_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert digests.of_text("\udcff") == digests.of_text("?")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("Fähre".encode())
    assert digests.of_file(tmp_path / "text") == digests.of_text("Fähre")


def test_the_digest_of_a_value_does_not_depend_on_the_order_of_its_keys() -> None:
    assert digests.of_json({"b": [1, "é"], "a": None}) == digests.of_json({"a": None, "b": (1, "é")})
    assert digests.of_json({"a": "é"}) == digests.of_text('{"a": "\\u00e9"}')
    assert digests.of_json({"a": "é"}, ascii_only=False) == digests.of_text('{"a": "é"}')
    assert digests.of_json([Path("a")]) == digests.of_text('["a"]')


def test_the_digest_of_a_frozen_question_is_the_one_that_stands_in_sets_of_before() -> None:
    asked = Question("q1", "Was kostet die Fähre?", ("4 Kronen",), kind="fact")
    assert freeze.digest(asked) == "f9267a03563d3c42"
    assert freeze.content_hash([asked]) == "5f5d005ad6b82216"
