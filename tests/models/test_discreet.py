"""Personal data in prompts to a model elsewhere: marks go out, and come back as what they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread import personal
from wellread.errors import UsageError
from wellread.models.api import Message, Reply, Sampling
from wellread.models.discreet import DiscreetChat, discreet, restored
from wellread.types import Usage

TEXT = (
    "Write to ines@okoro.example or ring +47 555 01 342. IBAN GB82 WEST 1234 5698 7654 32. Again: ines@okoro.example."
)


class Elsewhere:
    """A model at a host, which repeats what it was sent, a few characters at a time."""

    name, context_tokens = "openai:echo", 8_192

    def __init__(self, remote: str | None = "api.example") -> None:
        self.remote = remote
        self.got = ""

    def count_tokens(self, text: str) -> int:
        return len(text)

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        self.got = messages[-1].content
        return Reply(f"You said: {self.got}", Usage())

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        whole = self.reply(messages, sampling)
        for at in range(0, len(whole.text), 7):
            yield whole.text[at : at + 7]
        yield whole


def test_nothing_personal_goes_out_and_the_answer_has_it_again() -> None:
    inner = Elsewhere()
    chat = discreet(inner, "mask")
    reply = chat.reply([Message("user", TEXT)], Sampling())
    assert reply.text == f"You said: {TEXT}"
    assert (
        inner.got.count("[e-mail address 1]") == 2 and "[IBAN 1]" in inner.got and "[telephone number 1]" in inner.got
    )
    assert not any(secret in inner.got for secret in ("ines@", "555 01", "WEST"))
    pieces = list(chat.stream([Message("user", TEXT)], Sampling()))
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == f"You said: {TEXT}"


def test_a_prompt_with_personal_data_is_refused_before_anything_is_sent() -> None:
    inner = Elsewhere()
    with pytest.raises(UsageError, match=r"holds a telephone number, an IBAN, an e-mail address, .* nothing was sent"):
        discreet(inner, "refuse").reply([Message("user", TEXT)], Sampling())
    assert not inner.got
    assert discreet(inner, "refuse").reply([Message("user", "When does the quay close?")], Sampling()).text


def test_a_model_here_and_the_default_are_left_alone() -> None:
    here, there = Elsewhere(None), Elsewhere()
    assert discreet(here, "refuse") is here and discreet(there, "send") is there
    assert isinstance(discreet(there, "mask"), DiscreetChat)


@given(st.text(alphabet="ab1 [].@+-0/", max_size=60))
def test_whatever_is_masked_comes_back_letter_for_letter(text: str) -> None:
    marks: dict[str, str] = {}
    around = f"{text} a@b.example {text}"
    if "[" in text:  # a text that holds marks of its own is not what a prompt holds
        return
    assert restored(personal.masked(around, marks), marks) == around
    assert "a@b.example" not in personal.masked(around, marks)
