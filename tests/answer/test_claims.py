"""Claims against documents: supported, contradicted or not there, with the sentences that decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread import KnowledgeBase
from wellread.answer import claims

TEXT = """# Harbour rules

The quay closes at 22:30 in summer. Dogs are allowed on the pier.
The slipway fee is 45 crowns a launch. Ines Okoro has been harbour master since 2019.
Campfires are not permitted on the beach. Water levels rise in spring.

| Berth | Price |
|---|---|
| N1 | 61 crowns |
| N2 | 72 crowns |
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("claims")
    (folder / "rules.md").write_text(TEXT)
    with KnowledgeBase.create(folder / "base") as made:
        made.add(str(folder / "rules.md"))
        yield made


@pytest.mark.parametrize(
    ("claim", "label", "quoted"),
    [
        ("The quay closes at 22:30 in summer.", "supported", "22:30"),
        ("The slipway fee is 45 crowns.", "supported", "45 crowns"),
        ("Berth N2 costs 72 crowns.", "supported", "N2 | 72"),
        ("Ines Okoro has been harbour master since 2019.", "supported", "Ines Okoro"),
        ("The slipway fee is 54 crowns.", "contradicted", "45 crowns"),
        ("The quay closes at 21:30 in summer.", "contradicted", "22:30"),
        ("Dogs are not allowed on the pier.", "contradicted", "Dogs are allowed"),
        ("Campfires are permitted on the beach.", "contradicted", "not permitted"),
        ("Water levels fall in spring.", "contradicted", "rise"),
        ("Cats are allowed on the pier.", "not in the documents", ""),
        ("Tom Reyes has been harbour master since 2019.", "not in the documents", ""),
        ("Only dogs are allowed on the pier.", "not in the documents", ""),
        ("The lighthouse was built in 1887.", "not in the documents", ""),
    ],
)
def test_a_claim_gets_its_label_and_the_sentence_that_decides(
    base: KnowledgeBase, claim: str, label: str, quoted: str
) -> None:
    verdict = base.verify(claim)
    assert verdict.label == label, verdict
    assert quoted in " ".join(citation.quote for citation in verdict.citations)
    assert label == "supported" or verdict.reason


def test_every_sentence_of_a_text_is_a_claim(base: KnowledgeBase, tmp_path: Path) -> None:
    text = "# Press release\n\nThe quay closes at 22:30. Is that late? Dogs are allowed on the pier.\n"
    assert claims.split(text)[-2:] == ["The quay closes at 22:30.", "Dogs are allowed on the pier."]


def test_without_a_document_nothing_is_said(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "base") as empty:
        assert empty.verify("The quay closes at 22:30.").label == "not in the documents"
