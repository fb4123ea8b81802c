"""A journey with the tree of summaries, through the command line and with the models of a fresh installation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.stories.test_story import wellread

from wellread import KnowledgeBase
from wellread.index.tree import rows as tree
from wellread.index.tree.rows import TreeNode

SUBJECTS = {
    "dogs": "A dog travels on a lead. Dogs sleep in the kennel on deck {n}. The kennel of ship {n} holds {n} dogs.",
    "engines": "Engine {n} burns diesel. The oil of engine {n} is changed after {n}00 hours. Pump {n} cools it.",
    "wages": "The wage of grade {n} is {n}100 crowns. Overtime of grade {n} is paid in month {n}.",
    "lamps": "Lamp {n} stands on the pier. The keeper trims lamp {n} at dusk. Its light is seen for {n} miles.",
}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in SUBJECTS.items():
        for n in range(1, 16):
            (folder / f"{name}-{n}.md").write_text(f"# {name.title()} {n}\n\n{text.format(n=n)}\n", "utf-8")
    return folder


def nodes(base: Path) -> dict[int, TreeNode]:
    with KnowledgeBase.open(base, read_only=True) as kb, kb.store.reading() as connection:
        return {node.id: node for node in tree.nodes(connection)}


def test_a_tree_is_built_searched_followed_and_forgets_what_is_deleted(tmp_path: Path, documents: Path) -> None:
    base = tmp_path / "base"
    with KnowledgeBase.create(base):
        pass
    said = wellread("index", "tree", base=base)
    assert "wellread add" in said
    wellread("add", str(documents), base=base)
    done = json.loads(wellread("--json", "index", "tree", base=base))
    assert done["passages"] == 60 and done["made"] == done["nodes"] == len(nodes(base)) and done["calls"] == 0
    assert "0 made" in wellread("index", "tree", base=base)

    on = ("--set", "tree.mode=collapsed")
    found = json.loads(wellread(*on, "--json", "search", "how far is the light of the pier seen", base=base))
    summaries = next(stage for stage in found["stages"] if stage["name"] == "search")["detail"]["summaries"]
    assert "lamp" in summaries[0][2].lower() and found["hits"][0]["scores"]["tree"] > 0
    assert "summaries: level 1" in wellread(*on, "search", "lamps of the pier", "--explain", base=base)

    with KnowledgeBase.open(base, overrides=["tree.mode=collapsed", "answer.style=quote"]) as kb:
        answer = kb.ask("How far is the light of lamp 3 seen?")
        details = [{key for stage in given.stages for key in stage.detail} for given in (answer, kb.log(1)[0].answer)]
        assert "summaries" in details[0] - details[1]  # they hold words of documents that the log would not know of

    before = nodes(base)
    changed = documents / "lamps-7.md"
    changed.write_text(changed.read_text("utf-8").replace("at dusk", "at noon"), "utf-8")
    report = json.loads(wellread(*on, "--json", "sync", base=base))
    after = nodes(base)
    touched = {id for id in before.keys() | after.keys() if before.get(id) != after.get(id)}
    assert report["changed"] == 1 and 1 <= report["summaries"] <= 4
    assert touched and len(touched) <= 4 < len(after)

    for file in documents.glob("wages-*.md"):
        file.unlink()
    wellread("sync", base=base)  # the setting is off: what is deleted is gone from the summaries all the same
    data = b"".join(path.read_bytes() for path in (base / ".wellread").rglob("*") if path.is_file())
    assert b"wage of grade" not in data and b"Overtime of grade" not in data
    wellread(*on, "sync", base=base)
    assert all(node.text and "wage" not in node.text for node in nodes(base).values())
    assert "no fault" in wellread("check", base=base)

    assert "dropped" in wellread("index", "tree", "--drop", base=base)
    assert nodes(base) == {}
    explained = wellread(*on, "search", "lamps of the pier", "--explain", base=base)
    assert "run: wellread index tree" in explained
