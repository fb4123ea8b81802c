"""Evidence against the live documents: what is found, and what went stale in which way."""

from pathlib import Path

from wellread import KnowledgeBase
from wellread.questions import stands
from wellread.types import Evidence, Principal, Question

TABLE = "| Ship | Cars | Wind |\n|---|---|---|\n| Auk | 38 | 17 m/s |\n| Margit | 22 | 15 m/s |\n"
FILES = {
    "leave.md": "# Leave\n\nYou may carry up to eight days into the next year. Ask early.\n",
    "fleet.md": f"# Fleet\n\n{TABLE}",
    "old/fares.md": "---\nsuperseded_by: new/fares.md\n---\n\n# Old\n\nA dog travels for 4.00 crowns on every line.\n",
    "new/fares.md": "# Fares\n\nA dog travels for 4.50 crowns on every line.\n",
    "secret.md": "---\nlabels: hr\n---\n\n# Pay\n\nThe master earns 61,600 crowns a month.\n",
}


def base(folder: Path) -> KnowledgeBase:
    for name, text in FILES.items():
        path = folder / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    made = KnowledgeBase.create(folder / "base")
    made.add(str(folder / "documents"))
    return made


def asked(document: str, quote: str, text: str = "Well?", groups: frozenset[str] = frozenset()) -> Question:
    return Question("q", text, ("yes",), (Evidence(document, quote),), groups=groups)


def test_every_piece_of_evidence_is_found_or_stale_in_its_own_way(tmp_path: Path) -> None:
    with base(tmp_path) as kb:

        def state(*given: object, **more: object) -> str:
            (found,) = stands.check(kb, [asked(*given, **more)])  # type: ignore[arg-type]  # passed on as it is
            return found.state

        assert state("leave.md", "up to eight days into the next year") == "found"
        assert state("leave.md", "You may carry up to EIGHT days,  into the next year") == "found"
        assert state("fleet.md", "Auk,38,17 m/s") == "found"
        assert state("fleet.md", "Auk,22,15 m/s") == "changed"
        assert state("leave.md", "up to nine days into the next year") == "changed"
        assert state("holidays.md", "You may carry up to eight days into the next year") == "moved"
        assert state("holidays.md", "Nobody ever wrote these words anywhere at all") == "gone"
        assert state("eave.md", "up to eight days into the next year") != "found"
        assert state("old/fares.md", "4.00 crowns on every line") == "superseded"
        assert state("old/fares.md", "4.00 crowns on every line", "What did a dog pay in 2025?") == "found"
        secret = ("secret.md", "The master earns 61,600 crowns")
        assert state(*secret, groups=frozenset({"hr"})) == state(*secret) == "gone"
    with KnowledgeBase.open(tmp_path / "base", who=Principal(groups=frozenset({"hr", "staff"}))) as kb:
        assert state(*secret) == state(*secret, groups=frozenset({"hr"})) == "found"
        assert state(*secret, groups=frozenset({"staff"})) == "gone"


def test_a_stale_quote_comes_with_the_nearest_text(tmp_path: Path) -> None:
    with base(tmp_path) as kb:
        (changed,) = stands.check(kb, [asked("leave.md", "You may carry up to nine days into the next year.")])
        assert changed.nearest == "You may carry up to eight days into the next year."
        (old,) = stands.check(kb, [asked("old/fares.md", "A dog travels for 4.00 crowns on every line.")])
        assert old.nearest == "A dog travels for 4.50 crowns on every line."
        assert old.where.endswith("new/fares.md")


def test_what_only_a_group_may_see_does_not_leak_as_nearest_text(tmp_path: Path) -> None:
    with base(tmp_path) as kb:
        kb = kb.as_user(Principal())
        (found,) = stands.check(kb, [asked("pay.md", "The master earns 61,600 crowns a month.")])
        assert "61,600" not in found.nearest


def test_a_quote_is_located_where_it_stands_in_the_text() -> None:
    text = "One. Two  three,\nFOUR five."
    for quote in ("Two  three", "two three four", "TWO-THREE"):
        span = stands.locate(text, quote)
        assert span is not None
        assert text[span.start : span.end].startswith("Two  three")
    assert stands.locate(text, "three two") is None
    assert stands.locate(text, "") is None
    assert stands.locate(text, "thre") is None
