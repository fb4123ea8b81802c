"""What a tuned model learned from, as those may know it who may not see all of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wellread.knowledge_base import KnowledgeBase
from wellread.store import lineage
from wellread.store.lineage import Input
from wellread.tune.ship import registry
from wellread.tune.train import state, tuned
from wellread.tune.train.state import TrainingRun
from wellread.types import Principal

HR = Principal(groups=frozenset({"hr"}))
RUN = TrainingRun("pay-lora", "finished", {}, {"name": "pay", "hash": "0"}, {"name": "b", "digest": "0"}, "lora", 0)


@pytest.fixture
def hr(tmp_path: Path) -> Iterator[KnowledgeBase]:
    """A base with an open document and two for a group, and a model that learned from all three."""
    with KnowledgeBase.create(tmp_path / "base", who=HR) as base:
        base.add("open.md", text="The ferry leaves at seven.")
        for name in ("pay.md", "leave.md"):
            base.add(name, text=f"What {name} says is for few.", labels=("hr",))
        with base.store.writing() as tx:
            inputs = [Input("document", one.id, one.version) for one in base.documents()]
            lineage.record(tx, state.artifact_of(RUN), "tuned", inputs, {}, tenant=HR.tenant)
        folder = state.folder_of(base.folder, RUN.name)
        (folder / "best").mkdir(parents=True)
        state.put(folder / "best" / tuned.CARD, {"method": "lora"})
        state.write(folder, RUN)
        yield base


def states(base: KnowledgeBase) -> dict[str, str]:
    return {one.uri: one.state for one in registry.learned_from(base, RUN)}


def test_a_document_that_is_hidden_is_not_called_removed(hr: KnowledgeBase) -> None:
    assert set(states(hr).values()) == {"as it was"} and len(states(hr)) == 3
    anyone = hr.as_user(Principal())
    shown, *others = sorted(registry.learned_from(anyone, RUN), key=lambda one: one.hidden)
    assert shown.uri and shown.state == "as it was"
    assert [(one.state, one.uri, one.title, one.now) for one in others] == [("not visible to you", "", "", None)] * 2
    assert registry.stale(anyone, "") == []


def test_a_hidden_document_that_is_removed_is_called_so(hr: KnowledgeBase) -> None:
    uri = next(uri for uri in states(hr) if uri.endswith("pay.md"))
    hr.remove(uri)
    (stale,) = registry.stale(hr.as_user(Principal()), "")
    assert [one.state for one in stale.documents] == ["removed since"]
    assert sorted(states(hr).values()) == ["as it was", "as it was", "removed since"]


def test_another_tenant_knows_nothing_of_live_documents(hr: KnowledgeBase) -> None:
    with hr.store.reading() as connection:
        assert len(lineage.live(connection, who=Principal())) == 3
        assert lineage.live(connection, who=Principal("other")) == frozenset()


def test_the_terminal_does_not_ask_to_train_again_for_what_it_may_not_show(hr: KnowledgeBase) -> None:
    from wellread.cli.main import app

    hr.close()

    def typed(*words: str) -> str:
        done = CliRunner().invoke(app, ["models", *words, "pay-lora", "--base", str(hr.folder)], prog_name="wellread")
        assert done.exit_code == 0, done.output
        return done.stdout

    shown = typed("show")
    assert "not visible to you: 2 documents" in shown and "train it again" not in shown
    assert typed("lineage").count("not visible to you") == 2
    said = json.loads(typed("lineage", "--json"))["documents"]
    assert sorted(one["state"] for one in said) == ["as it was", "not visible to you", "not visible to you"]
    assert "not visible" not in typed("show", "--group", "hr")
