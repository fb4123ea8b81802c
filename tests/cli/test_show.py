"""What reaches the terminal and what reaches a program."""

import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.cli import show
from wellread.types import Span

ANY_TEXT = st.text(st.characters() | st.sampled_from("\x1b[]0;m\x07\x9b\x9d\\\u202e\ud800\n\t"))


@given(ANY_TEXT)
def test_cleaned_text_holds_nothing_that_acts_on_a_terminal(text: str) -> None:
    cleaned = show.clean(text)
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in cleaned)
    assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert show.clean(cleaned) == cleaned
    cleaned.encode("utf-8")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf"))))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert show.clean(text) == text


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07red",
        "\x1b]8;;http://x\x1b\\red",
        "\x9b31mred",
        "r\x08\x00ed",
        "\x1b(Bred\x1bc",
    ],
)
def test_a_whole_escape_sequence_goes_not_only_its_first_byte(hostile: str) -> None:
    assert show.clean(hostile) == "red"


@dataclass(frozen=True)
class Everything:
    """One field of every kind."""

    span: Span
    when: datetime
    path: Path
    labels: frozenset[str]
    scores: dict[str, float]
    number: np.float32
    raw: bytes
    nothing: None = None


def test_json_holds_the_fields_of_a_dataclass() -> None:
    value = Everything(
        Span(3, 7),
        datetime(2026, 1, 2, tzinfo=UTC),
        Path("a/b"),
        frozenset("ba"),
        {"x": float("nan")},
        np.float32(0.5),
        b"\xff",
    )
    assert show.plain(value) == {
        "span": [3, 7],
        "when": "2026-01-02T00:00:00+00:00",
        "path": "a/b",
        "labels": ["a", "b"],
        "scores": {"x": None},
        "number": 0.5,
        "raw": "ff",
        "nothing": None,
    }


@given(ANY_TEXT)
def test_json_is_one_object_that_gives_the_text_back_and_acts_on_no_terminal(text: str) -> None:
    printed = _printed(show.dump, {"text": text})
    assert json.loads(printed) == {"text": text}
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") for c in printed)


@given(ANY_TEXT)
def test_a_json_line_is_one_line(text: str) -> None:
    printed = _printed(show.dump_line, {"text": text})
    assert json.loads(printed) == {"text": text}
    assert printed.splitlines() == [printed.rstrip("\n")]


def _printed(function, value: object) -> str:
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        function(value)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (14_400, "14 kB"),
        (999_700, "1.0 MB"),
        (2_500_000_000_000, "2.5 TB"),
    ],
)
def test_sizes_are_read_at_a_glance(n_bytes: int, said: str) -> None:
    assert show.size(n_bytes) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.034, "34 ms"), (0.9997, "1.0 s"), (59.97, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_read_at_a_glance(seconds: float, said: str) -> None:
    assert show.duration(seconds) == said


def test_paths_are_shown_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert show.where(str(tmp_path / "a" / "b.md")) == "a/b.md"
    assert show.where(str(Path.home() / "b.md")) == "~/b.md"
    assert show.where("https://example.org/a?b") == "https://example.org/a?b"
    assert show.where("/etc/x\x1b[2J.md") == "/etc/x.md"


def test_a_pipe_gets_plain_text(capsys) -> None:
    show.say("bold and\nindented", "bold red", indent=2)
    show.rows([("a", "b"), ("long", "c")])
    assert capsys.readouterr().out == "  bold and\n  indented\na     b\nlong  c\n"
