"""Ways out of the box, those of the user with all their faults at once, and how one is laid over an open base."""

from __future__ import annotations

from pathlib import Path

import pytest

from wellread import KnowledgeBase
from wellread.errors import ConfigError, UsageError
from wellread.evaluate import settings, ways
from wellread.metrics.results import Way


def names(base: KnowledgeBase, **given: object) -> list[str]:
    return list(ways.known(base, {}, **given))  # type: ignore[arg-type] # by name


def test_five_ways_come_out_of_the_box(base: KnowledgeBase) -> None:
    assert names(base) == ["closed-book", "few-shot", "long-context", "retrieval", "retrieval-written"]


def test_ways_in_steps_are_taken_by_name_alone(base: KnowledgeBase) -> None:
    known = ways.known(base, {})
    assert not {"react", "act", "tables", "tables-chain"} & set(known)
    assert ways.choose(["tables"], known, base)[0].overrides == ("answer.style=tables",)
    assert "answer.table_chains=1" in ways.choose(["tables-chain"], known, base)[0].overrides
    assert [way.overrides for way in ways.choose(["react", "act"], known, base)] == [
        ("answer.style=react",),
        ("answer.style=act",),
    ]
    assert ways.choose(["react@llama:qwen"], known, base)[0].name == "react@llama:qwen"


def test_a_tuned_model_adds_two_ways_and_may_be_named_without_its_kind(base: KnowledgeBase) -> None:
    assert names(base, tuned_model="mine")[-2:] == ["tuned", "tuned+retrieval"]
    alone, reading = ways.tuned("mine")
    assert alone == Way("tuned", "nothing", ("chat.model=llama:mine",), True, alone.about)
    assert (reading.reads, reading.overrides) == ("passages", ("answer.style=write", "chat.model=llama:mine"))
    assert ways.tuned("openai:x")[0].overrides == ("chat.model=openai:x",)


def test_a_second_model_doubles_the_ways_that_write(base: KnowledgeBase) -> None:
    found = names(base, models=["llama:qwen"])
    doubled = ["closed-book", "few-shot", "long-context", "retrieval-written"]  # quoting is the same by any model
    assert found[5:] == [f"{name}@llama:qwen" for name in doubled]


def test_ways_that_would_answer_alike_come_once(base: KnowledgeBase) -> None:
    assert "retrieval-written" not in names(base.configured(["answer.style=write"]))
    assert names(base, models=["openai:reader"]) == names(base)


def test_without_a_chat_model_only_quoting_is_left(base: KnowledgeBase) -> None:
    assert names(base.configured(["chat.model="])) == ["retrieval"]


def test_a_way_of_ones_own_takes_nested_and_dotted_settings(base: KnowledgeBase) -> None:
    given = {
        "wide": {"reads": "passages", "about": "more of them", "retrieve": {"top_k": 50}, "answer.passages": 50},
        "big": {"reads": "nothing", "trained": True, "chat": {"model": "llama:big one.gguf"}},
    }
    wide, big = ways.own(base, given)
    assert wide == Way("wide", "passages", ("retrieve.top_k=50", "answer.passages=50"), False, "more of them")
    assert big.trained and ways.applied(base, big).settings["chat"].model == "llama:big one.gguf"
    assert ways.applied(base, wide).settings["answer"].passages == 50


def test_ways_that_differ_in_any_part_of_the_search_are_both_there(base: KnowledgeBase) -> None:
    shallow = {"reads": "passages", "retrieve.top_k": 7}
    mine = {"plain": shallow, "widened": {**shallow, "expand.mode": "section"}}
    assert {"plain", "widened"} <= set(ways.known(base, mine))


def test_ways_in_the_settings_file_are_found(base: KnowledgeBase) -> None:
    path = base.folder / "wellread.toml"
    path.write_text(
        path.read_text("utf-8") + '[evaluate.ways.terse]\nreads = "nothing"\nanswer.max_tokens = 8\n', "utf-8"
    )
    loaded = settings.load(base.folder)
    assert ways.known(base, loaded.ways)["terse"].overrides == ("answer.max_tokens=8",)


def test_every_fault_of_every_way_is_told_at_once_with_what_was_meant(base: KnowledgeBase) -> None:
    given = {
        "one": {"reads": "passage", "retreive": {"top_k": 3}, "answer": {"styel": "write"}},
        "two": {"about": 7, "trained": "yes", "answer": {"max_tokens": -1}},
        "closed-book": {"reads": "nothing"},
        "a,b": {"reads": "nothing", "colour": "red"},
    }
    with pytest.raises(ConfigError) as caught:
        ways.own(base, given)
    told = "\n".join(caught.value.faults)
    for sentence in (
        "evaluate.ways.one: reads: 'passage' is one of nothing, examples, documents, passages; did you mean 'passages'",
        "evaluate.ways.one: retreive: no such section; did you mean 'retrieve'?",
        "evaluate.ways.one: answer.styel: no such setting; did you mean 'style'?",
        "evaluate.ways.two: reads: is required",
        "evaluate.ways.two: about: is text, got 7",
        "evaluate.ways.two: trained: is true or false",
        "evaluate.ways.two: answer.max_tokens: is at least 0",
        "evaluate.ways.closed-book: is a name that wellread uses itself",
        "evaluate.ways.a,b: colour: no such key",
    ):
        assert f"wellread.toml: {sentence}" in told


def test_names_that_are_not_known_are_told_all_at_once(base: KnowledgeBase) -> None:
    known = ways.known(base, {})
    with pytest.raises(UsageError) as caught:
        ways.choose(["retreival", "retrieval", "tuned", "closed-bok@llama:x"], known, base)
    told = str(caught.value)
    assert "way 'retreival': no such way; did you mean 'retrieval'?" in told
    assert "way 'tuned': needs a tuned model" in told and "'closed-bok@llama:x'" in told


def test_a_way_with_a_model_can_be_named_on_the_spot(base: KnowledgeBase) -> None:
    [way] = ways.choose(["retrieval-written@llama:qwen:7b"], ways.known(base, {}), base)
    assert way.overrides == ("answer.style=write", "chat.model=llama:qwen:7b")
    assert way.reads == "passages" and way.name == "retrieval-written@llama:qwen:7b"


# laid over a base


def test_a_base_with_other_settings_shares_what_they_do_not_open(base: KnowledgeBase) -> None:
    opened = base.embedder, base.reader, base.chat, base.scorer
    same = base.configured(["answer.style=write", "retrieve.alpha=0.9"])
    assert (same.embedder, same.reader, same.chat, same.scorer) == opened
    assert same.settings["retrieve"].alpha == 0.9 and base.settings["retrieve"].alpha != 0.9
    other = base.configured(["chat.model=openai:other"])
    assert other.chat is not base.chat and other.chat is not None and other.chat.name == "openai:other"
    assert other.embedder is base.embedder
    assert base.configured(["answer.scorer=onnx:minilm"]).scorer is not base.scorer


def test_other_eyes_keep_the_settings_of_a_way(base: KnowledgeBase) -> None:
    way = Way("mine", "passages", ("answer.passages=3",))
    laid = ways.applied(base, way)
    seen = laid.as_user(base.who)
    assert seen.settings["answer"].passages == 3 and not seen.logs and base.logs


def test_the_settings_of_a_way_are_told_with_its_name_where_they_are_wrong(base: KnowledgeBase) -> None:
    with pytest.raises(ConfigError, match=r"way 'mine': answer.style: is one of .*; did you mean 'write'"):
        ways.applied(base, Way("mine", "passages", ("answer.style=wrte",)))


def test_the_section_of_the_settings_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "wellread.toml").write_text("[evaluate]\ndraws = 1\nsede = 3\n[retrieve]\ntop_k = 3\n", "utf-8")
    with pytest.raises(ConfigError, match=r"evaluate\.sede: no such setting; did you mean 'seed'"):
        settings.load(tmp_path)
