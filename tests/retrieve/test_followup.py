"""Follow-ups made whole without a model: fragments take a place, pointing words borrow, the rest stands alone."""

from __future__ import annotations

import pytest

from wellread.models.providers.minilm import load
from wellread.retrieve.understand.followup import Turn, whole

TICKET = "What does an adult ticket with the tower cost?"


@pytest.mark.parametrize(
    ("question", "before", "made"),
    [
        ("And for children?", TICKET, "What does an children ticket with the tower cost?"),
        ("and room 6?", "Who looks after room 5?", "Who looks after room 6?"),
        ("What about Sunday?", "When does the mill open on Saturday?", "When does the mill open on Sunday?"),
        ("When is the next drill?", "Where is the defibrillator?", "When is the next drill?"),
        ("What is the wifi password?", TICKET, "What is the wifi password?"),
        ("Is there a lift?", "How many steps has the tower?", "many steps tower: Is there a lift?"),
        ("Which languages does it speak?", "What is the guide?", "guide: Which languages does it speak?"),
        ("Why?", "When does the lift stand still?", "lift stand still: Why?"),
        ("Are there lockers for suitcases?", TICKET, "Are there lockers for suitcases?"),
    ],
)
def test_a_follow_up_is_made_whole(question: str, before: str, made: str) -> None:
    assert whole(question, [Turn(before, "")], load(1)) == made


def test_without_vectors_a_fragment_is_put_behind_its_question() -> None:
    assert whole("And for children?", [Turn("What does a ticket cost?", "")]) == "What does a ticket cost for children?"
    assert whole("And a cat?", [Turn("What does a dog pay?", "")]) == "dog pay: And a cat?"
