"""What a written sentence may say: right answers in the forms that readers give, and wrong ones that look alike."""

from __future__ import annotations

import pytest

from wellread.answer import evidence, verify
from wellread.models.api import Embedder
from wellread.models.providers import minilm
from wellread.types import Chunk, Document, Hit, Span, type_of_block

HARBOUR = (
    "The annual permit costs 120 crowns for residents and 240 crowns for visitors. The crane lifts boats of up to 12 "
    "tonnes. The first race is on 1 May 2026. Ines Okoro has been harbour master since 2019. Dogs are allowed on the "
    "pontoon except in July. Cats are not allowed. The quay closes at 22:30 in summer. Linkspan North carries 60 "
    "tonnes. Linkspan South carries 44 tonnes. Groups get 25 per cent off the fare. The lorry's fee is 1,750 crowns."
)
TABLE = (
    "Crossing | Adult | Child | Dog\nKestvik to Ollesay | 84 | 42 | not carried\nOllesay to Tarrasund | 46 | 23 | free"
)


def hit(text: str, kind: type_of_block = "paragraph") -> Hit:
    chunk = Chunk(text[:5], text[:5], 1, 0, Span(0, len(text)), text, heading_path=("Harbour",), kind=kind)
    return Hit(chunk, Document(text[:5], "/x/a.md", 1, "Gannet Bay", "text/markdown", "", "0"), 1.0)


@pytest.fixture(scope="module")
def scorer() -> Embedder:
    return minilm.load()


@pytest.mark.parametrize(
    ("question", "sentence", "right"),
    [
        ("What does the annual permit cost for visitors?", "240 crowns", True),
        ("What does the annual permit cost for visitors?", "240.", True),
        ("What does the annual permit cost for visitors?", "It is 241 crowns.", False),
        ("What may the crane lift?", "Boats up to twelve tonnes", True),
        ("What may the crane lift?", "Boats up to 13 tonnes", False),
        ("When is the first race?", "On May 1st, 2026.", True),
        ("When is the first race?", "On 2 May 2026.", False),
        ("When is the first race?", "60 tonnes", False),
        ("Who is harbour master?", "Ines Okoro", True),
        ("Who is harbour master?", "Okoro's the harbour master.", True),
        ("Who is harbour master?", "Tomas Lind", False),
        ("Are cats allowed?", "No.", True),
        ("Are cats allowed?", "Yes.", False),
        ("Are dogs allowed on the pontoon?", "Yes, except in July.", True),
        ("Are cats allowed?", "Cats are allowed.", False),
        ("When does the quay close in summer?", "At 10:30 pm.", True),
        ("When does the quay close in summer?", "At 22:45.", False),
        ("Which linkspan carries more, North or South, and by how much?", "North, by 16 tonnes.", True),
        ("Which linkspan carries more, North or South, and by how much?", "North, by 18 tonnes.", False),
        ("What does the lorry pay?", "1 750 crowns", True),
        ("What does the lorry pay?", "The lorry does not pay 1,750 crowns.", False),
        ("What does an adult pay from Kestvik to Ollesay?", "84", True),
        ("What does an adult pay from Kestvik to Ollesay?", "46", False),
        ("What does an adult pay from Kestvik to Ollesay?", "42", False),
        ("What do an adult and a child pay together from Ollesay to Tarrasund?", "69", True),
        ("What do an adult and a child pay together from Ollesay to Tarrasund?", "70", False),
        ("What does an adult in a group pay from Kestvik to Ollesay?", "63 crowns", True),
        ("May a dog come from Kestvik to Ollesay?", "Dogs are not carried.", True),
        ("What of dogs from Kestvik to Ollesay?", "carried", False),
    ],
)
def test_right_forms_pass_and_wrong_numbers_names_and_negations_do_not(
    question: str, sentence: str, right: bool, scorer: Embedder
) -> None:
    units = evidence.units_of([hit(HARBOUR), hit(TABLE, "table")])
    verdict = verify.check(sentence, question, units, scorer)
    assert verdict.supported is right, verdict
    assert right or verdict.reason
