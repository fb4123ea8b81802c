"""What only looks: the doctor sends nothing, an error names the setting that is wrong, a trained route is read once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.models.loopback import openai_like, serving

from wellread import KnowledgeBase
from wellread.errors import ModelError, UsageError
from wellread.once import OncePerKey, Recent
from wellread.retrieve.understand import route


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add("note", text="A dog travels for 12 crowns on every crossing.")
        yield base


def test_the_doctor_sends_nothing_whatever_models_are_named(base: KnowledgeBase) -> None:
    with serving(openai_like) as server:
        url = f"'{server.url}/v1'"
        far = base.configured([
            "embed.model=openai:x", f"embed.base_url={url}", "embed.dim=0", "answer.scorer=openai:y",
            "rerank.model=cohere:z", f"rerank.base_url={url}", "chat.model=openai:w", f"chat.base_url={url}",
        ])  # fmt: skip
        findings = {finding.what: finding for finding in far.doctor()}
        assert server.requests == []
    assert not findings["vectors"].ok and "openai:127.0.0.1" in findings["vectors"].detail
    assert findings["embedding model"].ok and findings["chat model"].ok


def test_a_wrong_sentence_model_is_reported_under_its_own_setting(base: KnowledgeBase) -> None:
    wrong = base.configured(["answer.scorer=nonsense:x"])
    with pytest.raises(UsageError, match=r"answer\.scorer = 'nonsense:x': no such kind"):
        _ = wrong.scorer
    ill = {finding.what: finding.detail for finding in wrong.doctor() if not finding.ok}
    assert ill["sentence model"].startswith("answer.scorer = 'nonsense:x'") and "embedding model" not in ill
    with pytest.raises(UsageError, match=r"embed\.model = 'nonsense:x': no such kind"):
        _ = base.configured(["embed.model=nonsense:x"]).embedder


def test_a_trained_route_is_read_again_only_where_it_was_trained_again(base: KnowledgeBase) -> None:
    assert base.context.classify(lambda: base.cheap) is None
    n_features = base.cheap.dim + len(route._RULES) + 1
    for kind in ("fact", "table"):
        weights = np.zeros((n_features, 2))
        weights[-1, ("fact", "table").index(kind)] = 5.0
        path = route.save(route.Classifier(("fact", "table"), weights, base.cheap.id), base.store.folder)
        os.utime(path, ns=(1, 1 + len(kind)))
        classify = base.context.classify(lambda: base.cheap)
        assert classify is not None and classify("How much is a dog?")[0] == kind
    path.write_bytes(b"{" * path.stat().st_size)  # damaged, and it looks the same from outside
    os.utime(path, ns=(1, 1 + len("table")))
    assert base.context.classify(lambda: base.cheap) is not None
    path.touch()
    with pytest.raises(ModelError, match="is no classifier"):
        base.context.classify(lambda: base.cheap)
    path.unlink()
    assert base.context.classify(lambda: base.cheap) is None


def test_a_value_that_could_not_be_made_is_tried_again() -> None:
    values, tries = OncePerKey(), []

    def make() -> int:
        tries.append(1)
        return 7 // (len(tries) - 1)

    with pytest.raises(ZeroDivisionError):
        values.get("key", make)
    assert values.get("key", make) == values.get("key", make) == 7 and len(tries) == 2
    assert values.clear() == [7] and values.keys() == []


def test_the_values_that_were_used_last_are_kept() -> None:
    values = Recent(2)
    values["a"], values["b"] = 1, 2
    assert values["a"] == 1
    values["c"] = 3
    assert set(values) == {"a", "c"} and len(values) == 2 and "b" not in values and values.get("b") is None
    del values["a"]
    assert list(values) == ["c"]
    with pytest.raises(ValueError, match="at least one"):
        Recent(0)
