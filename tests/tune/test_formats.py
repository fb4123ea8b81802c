"""Every format is known by its columns, says why, and becomes the rows that a person would write."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tune import bad_data

from wellread.errors import UsageError
from wellread.models.api import Message
from wellread.tune.data import files, formats, gather
from wellread.tune.data.data import (
    ChatRow,
    ClassifyRow,
    ExtractedAnswer,
    ExtractRow,
    PairRow,
    PreferenceRow,
    TagRow,
    TextRow,
)
from wellread.tune.data.gather import Gathered
from wellread.tune.data.rows import take

QUESTION, ANSWER = "Where is it?", "Over there."
CHAT = (Message("user", QUESTION), Message("assistant", ANSWER))


def gathered(folder: Path, name: str, content: bytes | str, **options: Any) -> Gathered:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return gather.from_files([path], **options)


CHATS = {
    "messages": (
        "a.jsonl",
        {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]},
    ),
    "messages as JSON text": (
        "a.jsonl",
        {"messages": json.dumps([{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}])},
    ),
    "content in parts": (
        "a.jsonl",
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
                {"role": "assistant", "content": ANSWER},
            ]
        },
    ),
    "ShareGPT": ("a.json", {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]}),
    "prompt and completion": ("a.jsonl", {"prompt": QUESTION, "completion": ANSWER}),
    "question and answer": ("a.jsonl", {"Question": QUESTION, "Answer": ANSWER, "id": 7}),
    "alpaca": ("a.json", {"instruction": QUESTION, "input": "", "output": ANSWER}),
}


@pytest.mark.parametrize("name", CHATS)
def test_a_conversation_in_every_format_is_the_same_row(name: str, tmp_path: Path) -> None:
    file, row = CHATS[name]
    made = gathered(tmp_path, file, json.dumps([row]) if file.endswith(".json") else json.dumps(row))
    (placed,) = made.rows
    assert isinstance(placed.row, ChatRow)
    assert placed.row.messages == CHAT
    assert made.task == "chat" and not made.findings
    assert "because it has the column" in made.formats[file]


def test_an_alpaca_input_stands_below_its_instruction(tmp_path: Path) -> None:
    row = {"instruction": "Translate.", "input": "Hund", "output": "dog"}
    (placed,) = gathered(tmp_path, "a.jsonl", json.dumps(row)).rows
    assert isinstance(placed.row, ChatRow)
    assert placed.row.messages[0].content == "Translate.\n\nHund"


TABLE = [["text", "label"], ["a fine day", "good"], ["a bad day", "bad"]]


@pytest.mark.parametrize(
    "kind", ["csv", "semicolons", "tsv", "xlsx", "parquet", "jsonl", "json", "columns", "utf-16", "bom"]
)
def test_a_table_in_every_kind_of_file_is_the_same_rows(kind: str, tmp_path: Path) -> None:
    records = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]
    content: dict[str, tuple[str, bytes]] = {
        "csv": ("a.csv", "\r\n".join(",".join(row) for row in TABLE).encode()),
        "semicolons": ("a.csv", "\n".join(";".join(row) for row in TABLE).encode()),
        "tsv": ("a.tsv", "\n".join("\t".join(row) for row in TABLE).encode()),
        "xlsx": ("a.xlsx", bad_data.xlsx(TABLE)),
        "parquet": ("a.parquet", bad_data.parquet(records)),
        "jsonl": ("a.jsonl", bad_data.lines(records)),
        "json": ("a.json", json.dumps({"rows": records}).encode()),
        "columns": (
            "a.json",
            json.dumps({"text": [r[0] for r in TABLE[1:]], "label": [r[1] for r in TABLE[1:]]}).encode(),
        ),
        "utf-16": ("a.csv", "\n".join(",".join(row) for row in TABLE).encode("utf-16")),
        "bom": ("a.csv", "\n".join(",".join(row) for row in TABLE).encode("utf-8-sig")),
    }
    made = gathered(tmp_path, *content[kind])
    assert [(p.row.text, p.row.label) for p in made.rows if isinstance(p.row, ClassifyRow)] == [
        tuple(r) for r in TABLE[1:]
    ]
    assert made.findings == []


def test_the_row_of_a_finding_is_the_line_in_the_file(tmp_path: Path) -> None:
    made = gathered(tmp_path, "a.csv", 'text,label\n"two\nlines",good\n,bad\n')
    assert [(one.code, one.row) for one in made.findings] == [("empty-field", 4)]


def test_a_file_of_unknown_kind_whose_text_holds_another_end_of_line_is_one_row(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "Where\u2028is it?"}, {"role": "assistant", "content": ANSWER}]}
    (placed,) = gathered(tmp_path, "a.dump", json.dumps(row, ensure_ascii=False)).rows
    assert isinstance(placed.row, ChatRow) and placed.row.messages[0].content == "Where\u2028is it?"


def test_real_workbooks_with_shared_strings_and_gaps_are_read(tmp_path: Path) -> None:
    from pathlib import Path as Place

    sample = Place(__file__).resolve().parents[2] / "samples/harbour/documents/fares/freight-rates-2026.xlsx"
    table = files.read(sample)
    assert not table.findings
    assert len(table.records) > 3 and len(table.columns) > 1


def test_the_other_tasks_are_known_by_their_columns(tmp_path: Path) -> None:
    squad = {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": "Anna sails.",
                        "qas": [
                            {"question": "Who?", "id": "x", "answers": [{"text": "Anna", "answer_start": 0}]},
                            {"question": "When?", "id": "y", "answers": []},
                        ],
                    }
                ]
            }
        ]
    }
    rows = {
        "squad.json": (json.dumps(squad), "extract"),
        "flat.jsonl": (
            '{"question": "Who?", "context": "Anna sails.", "answers": {"text": ["Anna"], "answer_start": [0]}}',
            "extract",
        ),
        "tags.jsonl": ('{"tokens": ["Anna", "sails"], "ner_tags": [1, 0]}', "tag"),
        "pairs.jsonl": ('{"translation": {"en": "dog", "de": "Hund"}}', "text2text"),
        "sums.jsonl": ('{"article": "A long story.", "summary": "Short."}', "text2text"),
        "likes.jsonl": ('{"prompt": "Hi?", "chosen": "Yes.", "rejected": "No."}', "preference"),
        "hh.jsonl": (
            json.dumps(
                {
                    "chosen": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}],
                    "rejected": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "No."}],
                }
            ),
            "preference",
        ),
        "said.jsonl": (
            json.dumps({"chosen": "\n\nHuman: Hi?\n\nAssistant: Yes.", "rejected": "\n\nHuman: Hi?\n\nAssistant: No."}),
            "preference",
        ),
        "plain.jsonl": ('{"text": "Running text."}', "texts"),
    }
    found = {name: gathered(tmp_path, name, content) for name, (content, _) in rows.items()}
    assert {name: made.task for name, made in found.items()} == {name: task for name, (_, task) in rows.items()}
    first = {name: made.rows[0].row for name, made in found.items()}
    squad_row = first["squad.json"]
    assert isinstance(squad_row, ExtractRow) and squad_row.answers == (ExtractedAnswer("Anna", 0),)
    assert len(found["squad.json"].rows) == 2
    assert isinstance(first["tags.jsonl"], TagRow) and first["tags.jsonl"].tags == ("1", "0")
    assert isinstance(first["pairs.jsonl"], PairRow) and first["pairs.jsonl"].target == "Hund"
    assert isinstance(first["sums.jsonl"], PairRow) and first["sums.jsonl"].source == "A long story."
    for name in ("likes.jsonl", "hh.jsonl", "said.jsonl"):
        row = first[name]
        assert isinstance(row, PreferenceRow) and (row.prompt, row.chosen, row.rejected) == ("Hi?", "Yes.", "No.")
    assert isinstance(first["plain.jsonl"], TextRow)


def test_conll_takes_token_and_last_column_of_each_sentence(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nAnna NNP B-NP B-PER\nsails VBZ B-VP O\n\nRome NNP B-NP B-LOC\n"
    made = gathered(tmp_path, "a.conll", text)
    assert [(p.row.tokens, p.row.tags) for p in made.rows if isinstance(p.row, TagRow)] == [
        (("Anna", "sails"), ("B-PER", "O")),
        (("Rome",), ("B-LOC",)),
    ]
    assert [p.number for p in made.rows] == [3, 6]
    assert not made.findings


def test_parallel_texts_come_as_two_files_or_as_one_with_tabs(tmp_path: Path) -> None:
    for name, content in (("a.en", "good day\nyes\n"), ("a.de", "guten Tag\nja\n")):
        (tmp_path / name).write_text(content)
    two = gather.from_files([tmp_path / "a.en", tmp_path / "a.de"], task="text2text")
    one = gathered(tmp_path, "a.tsv", "good day\tguten Tag\nyes\tja\n")
    said = [("good day", "guten Tag"), ("yes", "ja")]
    for made in (two, one):
        assert [(p.row.source, p.row.target) for p in made.rows if isinstance(p.row, PairRow)] == said


def test_running_text_is_cut_at_empty_lines(tmp_path: Path) -> None:
    made = gathered(tmp_path, "a.txt", "one\ntwo\n\n\nthree\n")
    assert [(p.row.text, p.number) for p in made.rows if isinstance(p.row, TextRow)] == [("one\ntwo", 1), ("three", 5)]


def test_a_mapping_says_which_column_is_which_field(tmp_path: Path) -> None:
    content = "body,queue,id\nthe printer is broken,it,1\n"
    made = gathered(tmp_path, "a.csv", content, mapping=["body=text", "queue=label"])
    (placed,) = made.rows
    assert isinstance(placed.row, ClassifyRow) and (placed.row.text, placed.row.label) == (
        "the printer is broken",
        "it",
    )
    assert "'body' as text" in made.formats["a.csv"]
    assert gathered(tmp_path, "a.csv", content, mapping=["body=prompt", "queue=completion"]).task == "chat"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (["body"], "is written column=field"),
        (["body=txt"], "did you mean 'text'"),
        (["boddy=text"], "has no such column; it has body, queue"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(mapping: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        gathered(tmp_path, "a.csv", "body,queue\nx,y\n", mapping=mapping)


def test_a_task_narrows_the_formats_and_a_misspelt_one_is_suggested(tmp_path: Path) -> None:
    content = '{"prompt": "A long story.", "completion": "Short."}'
    assert gathered(tmp_path, "a.jsonl", content).task == "chat"
    assert gathered(tmp_path, "a.jsonl", content, task="text2text").task == "text2text"
    with pytest.raises(UsageError, match="did you mean 'chat'"):
        gathered(tmp_path, "a.jsonl", content, task="chatt")


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        gather.from_files([tmp_path / "nothing.csv"])
    with pytest.raises(UsageError, match="--from-base"):
        gather.from_files([tmp_path])


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    made = gathered(tmp_path, "a.xlsx", bad_data.zip_bomb(1 << 30))
    assert [one.code for one in made.findings] == ["unreadable"]
    assert "too large" in made.findings[0].message


@given(st.binary(max_size=200), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".conll", ".txt", ""]))
def test_no_bytes_whatsoever_break_the_reader(data: bytes, ending: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        path.write_bytes(data)
        table = files.read(path)
        assert table.records or table.findings
        found = formats.detect(table)
        assert found is not None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["messages", "role", "content", "from", "value", "prompt", "completion", "text", "label"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_whatsoever_breaks_the_rows(value: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text(json.dumps(value) + "\n")
        made = gather.from_files([path])
        assert made.rows or made.findings


def test_what_is_packed_is_called_unreadable(tmp_path: Path) -> None:
    made = gathered(tmp_path, "a.jsonl", gzip.compress(b'{"text": "a"}\n'))
    assert [one.code for one in made.findings] in (["not-utf8"], ["unreadable"])


def test_a_column_of_system_prompts_is_the_first_turn(tmp_path: Path) -> None:
    rows = [{"system_prompt": "Be brief.", "question": "How deep?", "response": "3 m."}]
    rows += [{"system_prompt": "", "question": "How wide?", "response": "9 m."}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    table = files.read(path)
    detected = formats.detect(table)
    assert isinstance(detected, formats.Detected) and not formats.unread(table, detected)
    rows_read = [placed.row for placed in take(table, detected).rows]
    made = [[(turn.role, turn.content) for turn in row.messages] for row in rows_read if isinstance(row, ChatRow)]
    assert made[0] == [("system", "Be brief."), ("user", "How deep?"), ("assistant", "3 m.")]
    assert made[1] == [("user", "How wide?"), ("assistant", "9 m.")]


def test_whole_numbers_are_one_label_however_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "calm", "label": 0}\n{"text": "rough", "label": 1.0}\n{"text": "wild", "label": 1}\n')
    table = files.read(path)
    detected = formats.detect(table)
    assert isinstance(detected, formats.Detected)
    assert [row.row.label for row in take(table, detected).rows if isinstance(row.row, ClassifyRow)] == ["0", "1", "1"]
