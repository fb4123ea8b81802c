"""A data set is frozen: what was written is read back, and what was changed is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Message
from wellread.tune.data import data
from wellread.tune.data.data import (
    Card,
    ChatRow,
    ClassifyRow,
    DataSet,
    ExtractedAnswer,
    ExtractRow,
    PairRow,
    PreferenceRow,
    RatedRow,
    Row,
    TagRow,
    TextRow,
)

ROOT = Path(__file__).resolve().parents[2]
ROWS: dict[str, Row] = {
    "chat": ChatRow("1", (Message("user", "a\u2028b"), Message("assistant", "ü\n")), ("chunk",), "qa", "f1"),
    "classify": ClassifyRow("1", "a text", "label"),
    "tag": TagRow("1", ("Anna", "sails"), ("B-PER", "O")),
    "extract": ExtractRow("1", "Who?", "Anna sails", (ExtractedAnswer("Anna", 0),)),
    "text2text": PairRow("1", "a", "b"),
    "texts": TextRow("1", "a text"),
    "preference": PreferenceRow("1", "a", "b", "c"),
    "rating": RatedRow("1", "a", "b", 4.5, "ines"),
}


def made(row: Row, task: str) -> DataSet:
    card = Card("mine", task, {"train": 1, "validation": 0, "test": 0}, tuple(data.to_json(row)))
    return DataSet(card, (row,), (), ())


@pytest.mark.parametrize("task", data.TASKS)
def test_rows_of_every_task_come_back_as_they_were(task: str, tmp_path: Path) -> None:
    card = data.freeze(made(ROWS[task], task), tmp_path / "mine")
    found = data.load(tmp_path / "mine")
    assert found.train == (ROWS[task],)
    assert found.card == card
    assert found.rows == found.train
    assert len(card.hash) == 64


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_survives_the_file(tmp_path: Path, texts: list[str]) -> None:
    rows = tuple(TextRow(str(n), text) for n, text in enumerate(texts))
    data.freeze(replace(made(ROWS["texts"], "texts"), train=rows), tmp_path / "any", replace_old=True)
    assert data.load(tmp_path / "any").train == rows


def test_the_same_rows_have_the_same_hash_and_freezing_again_changes_nothing(tmp_path: Path) -> None:
    one = data.freeze(made(ROWS["chat"], "chat"), tmp_path / "mine")
    again = data.freeze(made(ROWS["chat"], "chat"), tmp_path / "mine")
    assert one == again


def test_other_rows_of_the_same_name_are_refused_unless_they_replace(tmp_path: Path) -> None:
    first = data.freeze(made(ROWS["texts"], "texts"), tmp_path / "mine")
    other = replace(made(ROWS["texts"], "texts"), train=(TextRow("2", "another"),))
    with pytest.raises(UsageError, match="--replace"):
        data.freeze(other, tmp_path / "mine")
    assert data.card_of(tmp_path / "mine") == first
    assert data.freeze(other, tmp_path / "mine", replace_old=True).hash != first.hash
    assert data.load(tmp_path / "mine").train == (TextRow("2", "another"),)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]  # nothing is left beside it


@pytest.mark.parametrize("part", data.PARTS)
def test_a_data_set_that_was_changed_is_refused(part: str, tmp_path: Path) -> None:
    data.freeze(made(ROWS["texts"], "texts"), tmp_path / "mine")
    with (tmp_path / "mine" / f"{part}.jsonl").open("a") as file:
        file.write('{"id": "9", "text": "slipped in"}\n')
    with pytest.raises(UsageError, match="changed after it was prepared"):
        data.load(tmp_path / "mine")


def test_a_missing_part_or_card_is_said_with_what_to_do(tmp_path: Path) -> None:
    data.freeze(made(ROWS["texts"], "texts"), tmp_path / "mine")
    (tmp_path / "mine" / "test.jsonl").unlink()
    with pytest.raises(UsageError, match=r"test\.jsonl: is missing"):
        data.load(tmp_path / "mine")
    with pytest.raises(UsageError, match="is no data set"):
        data.load(tmp_path)
    (tmp_path / "mine" / "card.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        data.load(tmp_path / "mine")


def test_a_data_set_is_found_by_name_and_a_misspelt_one_is_suggested(tmp_path: Path) -> None:
    data.freeze(made(ROWS["texts"], "texts"), data.folder_of(tmp_path / "base", "support"))
    with KnowledgeBase.create(tmp_path / "base") as base:
        assert data.find(base, "support") == base.folder / ".wellread" / "tune" / "data" / "support"
        assert data.listing(base) == ["support"]
        with pytest.raises(UsageError, match="did you mean 'support'"):
            data.find(base, "suport")
    with (
        KnowledgeBase.create(tmp_path / "elsewhere") as other,
        pytest.raises(UsageError, match="wellread tune prepare"),
    ):
        data.find(other, "support")


def test_columns_of_a_file_are_those_of_the_contract(tmp_path: Path) -> None:
    data.freeze(made(replace(ROWS["chat"], fact=""), "chat"), tmp_path / "mine")  # type: ignore[type-var]  # a chat row
    value = json.loads((tmp_path / "mine" / "train.jsonl").read_text("utf-8"))
    assert list(value) == ["id", "messages", "sources", "kind"]
    assert value["messages"][0] == {"role": "user", "content": "a\u2028b"}


# what is shipped


def shipped(name: str) -> list[dict[str, object]]:
    path = ROOT / "src" / "wellread" / "tune" / "train" / "replay" / name
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_general_examples_and_probe_have_nothing_in_common() -> None:
    general, probe = shipped("general.jsonl"), shipped("probe.jsonl")
    questions = [one for one in probe if one["kind"] == "question"]
    texts = [one for one in probe if one["kind"] == "text"]
    assert len(general) >= 200 and len(questions) >= 60 and len(texts) >= 40
    replayed = {str(turn["content"]).casefold() for one in general for turn in one["messages"]}  # type: ignore[attr-defined]  # a list
    assert not replayed & {str(one["question"]).casefold() for one in questions}
    assert not replayed & {str(one["text"]).casefold() for one in texts}
    assert len({one["id"] for one in (*general, *probe)}) == len(general) + len(probe)
    assert len(replayed) > 1.9 * len(general)  # no question twice


def test_the_facts_of_the_sample_stand_in_its_documents_and_in_no_question() -> None:
    import importlib.util

    place = importlib.util.spec_from_file_location("check", ROOT / "samples" / "harbour" / "check_questions.py")
    assert place and place.loader
    check = importlib.util.module_from_spec(place)
    place.loader.exec_module(check)
    facts = [json.loads(line) for line in (ROOT / "samples" / "harbour" / "facts.jsonl").read_text().splitlines()]
    asked = [text for fact in facts for text in fact["phrasings"]]
    assert len(facts) >= 48 and len(asked) == len(set(asked)) == 8 * len(facts)
    for fact in facts:
        assert check.plain(fact["quote"]) in check.document_text(fact["document"]), fact["id"]
        assert check.plain(fact["answer"]) in check.plain(fact["quote"]), fact["id"]
        assert not [text for text in fact["phrasings"] if check.plain(fact["answer"]) in check.plain(text)]
