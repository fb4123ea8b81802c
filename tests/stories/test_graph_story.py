"""A journey with the graph of names, through the command line and with the models of a fresh installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.stories.test_story import wellread

from wellread import KnowledgeBase

BERTHS = "# Quay\n\nAt the oldest linkspan of the quay lies the Gannet Bay every night.\n"
YARDS = "# Steel\n\nThe steel of the Gannet Bay came from Thornsund Yard, where Odile Marchetti welded it.\n"
QUESTION = "Who worked on what lies at the oldest linkspan of the quay every night?"
LOCAL = ("--set", "graph.mode=local", "--set", "rerank.model=")


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "berths.md").write_text(BERTHS, "utf-8")
    (folder / "yards.md").write_text(YARDS, "utf-8")
    for n in range(40):
        text = f"# Duty {n}\n\nThe watch in room {n} keeps an eye on the quay and notes it down for gate {n}.\n"
        (folder / f"duty-{n}.md").write_text(text, "utf-8")
    return folder


def asked(base: Path, *options: str) -> tuple[list[str], dict[str, Any]]:
    """The files found, best first, and what the search stage says of itself."""
    found = json.loads(wellread(*options, "--json", "search", QUESTION, "--k", "10", base=base))
    names = [Path(hit["document"]["uri"]).name for hit in found["hits"]]
    return names, next(stage for stage in found["stages"] if stage["name"] == "search")["detail"]


def test_a_graph_answers_two_hops_follows_changes_and_forgets_what_is_deleted(tmp_path: Path, documents: Path) -> None:
    base = tmp_path / "base"
    with KnowledgeBase.create(base):
        pass
    wellread("add", str(documents), base=base)
    without, _ = asked(base, "--set", "rerank.model=")
    assert without[0] == "berths.md" and "yards.md" not in without

    assert "names" in wellread("graph", "build", base=base)
    found, told = asked(base, *LOCAL)
    assert found[0] == "berths.md" and "yards.md" in found[:4]
    assert told["by way of"] == [["Gannet Bay", "2 passages"]]
    explained = wellread(*LOCAL, "search", QUESTION, "--explain", base=base)
    assert "by way of: Gannet Bay" in explained

    (documents / "berths.md").write_text(BERTHS.replace("Gannet Bay", "Little Auk"), "utf-8")
    report = json.loads(wellread(*LOCAL, "--json", "sync", base=base))
    assert report["changed"] == 1
    assert "yards.md" not in asked(base, *LOCAL)[0]
    (documents / "berths.md").write_text(BERTHS, "utf-8")
    wellread("sync", base=base)  # graph.mode is off here: what is new is read by the next build
    assert "yards.md" not in asked(base, *LOCAL)[0]
    wellread("graph", "build", base=base)
    assert "yards.md" in asked(base, *LOCAL)[0][:4]

    (documents / "yards.md").unlink()
    wellread("sync", base=base)
    assert "Marchetti" not in wellread("graph", "entities", "--n", "99", base=base)
    wellread("check", base=base)
    data = b"".join(p.read_bytes() for p in (base / ".wellread").rglob("*") if p.is_file()).lower()
    assert b"odile marchetti" not in data and b"thornsund yard" not in data


def test_while_the_graph_is_searched_adding_and_removing_keep_it_in_step(tmp_path: Path, documents: Path) -> None:
    with KnowledgeBase.create(tmp_path / "base"):
        pass
    with KnowledgeBase.open(tmp_path / "base", overrides=["graph.mode=local", "rerank.model="]) as kb:
        report = kb.add(str(documents))
        assert report.chunks >= 42 and kb.graph_update().read == 0
        found = [Path(hit.document.uri).name for hit in kb.search(QUESTION, k=4).hits]
        assert found[0] == "berths.md" and "yards.md" in found
        (documents / "berths.md").write_text(BERTHS.replace("Gannet Bay", "Little Auk"), "utf-8")
        assert kb.sync().changed == 1
        assert "yards.md" not in [Path(hit.document.uri).name for hit in kb.search(QUESTION, k=4).hits]
        kb.remove(str(documents))
        assert kb.graph_update().entities == 0
