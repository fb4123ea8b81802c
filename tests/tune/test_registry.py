"""What a tuned model learned from, and who may know of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.store import lineage
from wellread.store.lineage import Input
from wellread.tune.ship import registry
from wellread.tune.train import state, tuned
from wellread.tune.train.state import BaseWeights, TrainingData, TrainingRun
from wellread.types import Principal

HR = Principal(groups=frozenset({"hr"}))
RUN = TrainingRun("pay-lora", "finished", {}, TrainingData("pay", "0"), BaseWeights("b", "0", ""), "lora", 0)


@pytest.fixture
def hr(tmp_path: Path) -> Iterator[KnowledgeBase]:
    """A base with an open document and two for a group, and a model that learned from all three."""
    with KnowledgeBase.create(tmp_path / "base", who=HR) as base:
        base.add("open.md", text="The ferry leaves at seven.")
        for name in ("pay.md", "leave.md"):
            base.add(name, text=f"What {name} says is for few.", labels=("hr",))
        with base.store.writing() as tx:
            inputs = [Input("document", one.id, one.version) for one in base.documents()]
            lineage.record(tx, state.artifact_of(RUN), "tuned", inputs, {}, who=HR)
        folder = state.folder_of(base.folder, RUN.name)
        (folder / "best").mkdir(parents=True)
        state.put(folder / "best" / tuned.CARD, {"method": "lora"})
        state.write(folder, RUN)
        yield base


def states(base: KnowledgeBase) -> dict[str, str]:
    return {one.uri: one.state for one in registry.learned_from(base, RUN)}


def test_a_model_belongs_to_whoever_may_read_all_that_it_learned_from(hr: KnowledgeBase) -> None:
    assert set(states(hr).values()) == {"as it was"} and len(states(hr)) == 3
    assert [model.name for model in registry.models(hr, "")] == ["pay-lora"]
    for other in (Principal(), Principal("other", HR.groups)):
        nobody = hr.as_user(other)
        assert registry.models(nobody, "") == [] and state.names(nobody) == []
        assert registry.learned_from(nobody, RUN) == [] and registry.stale(nobody, "") == []
        with pytest.raises(UsageError, match="no tuned model of this base; train one"):
            registry.find(nobody, "pay-lora", "")
        with pytest.raises(UsageError, match="start one: wellread tune run"):
            state.find(nobody, "pay-lora")


def test_a_document_that_is_removed_is_told_to_those_alone_who_could_read_it(hr: KnowledgeBase) -> None:
    hr.remove(next(uri for uri in states(hr) if uri.endswith("pay.md")))
    assert sorted(states(hr).values()) == ["as it was", "as it was", "removed since"]
    (stale,) = registry.stale(hr, "")
    assert [one.state for one in stale.documents] == ["removed since"]
    assert registry.stale(hr.as_user(Principal()), "") == []


def test_a_label_that_is_given_later_hides_the_model_from_then_on(hr: KnowledgeBase) -> None:
    run = replace(RUN, name="open-lora", data=TrainingData("open", "1"))
    document = next(one for one in hr.documents() if not one.labels)
    with hr.store.writing() as tx:
        inputs = [Input("document", document.id, document.version)]
        lineage.record(tx, state.artifact_of(run), "tuned", inputs, {}, who=HR)
    nobody = hr.as_user(Principal())
    assert state.belongs_to(nobody, run)
    hr.add("open.md", text="The ferry leaves at seven.", labels=("hr",))
    assert not state.belongs_to(nobody, run) and state.belongs_to(hr, run)


def test_the_terminal_shows_a_hidden_model_as_little_as_one_that_is_not_there(hr: KnowledgeBase) -> None:
    from wellread.cli.main import app

    hr.close()

    def typed(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--base", str(hr.folder)], prog_name="wellread")
        return done.exit_code, done.output

    for words in (("models", "show"), ("models", "lineage"), ("tune", "runs"), ("tune", "predict")):
        rest = ("text",) if words[1] == "predict" else ()
        there, absent = typed(*words, "pay-lora", *rest), typed(*words, "pay-cora", *rest)
        assert there[0] == absent[0] == 2
        assert there[1].replace("pay-lora", "pay-cora") == absent[1]
    assert "pay-lora" not in typed("models", "list")[1] and "pay-lora" in typed("models", "list", "--group", "hr")[1]
    code, shown = typed("models", "lineage", "pay-lora", "--group", "hr")
    assert code == 0 and shown.count("as it was") == 3
