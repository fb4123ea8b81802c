"""The command as a user types it: exit codes, what it prints, what it writes, what it refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tune import bad_data, chat_tokenizer

from wellread.knowledge_base import KnowledgeBase
from wellread.store import lineage
from wellread.tune.base import base_model
from wellread.tune.data import data, prepare
from wellread.tune.data.data import ChatRow, artifact_id
from wellread.tune.data.prepare import PrepareRequest
from wellread.tune.data.settings import PrepareSettings
from wellread.tune.train import examples
from wellread.tune.train.examples import EncodedParts


@pytest.fixture
def base(tmp_path: Path, model: str) -> Path:
    """A base whose settings name the tokenizer of the tests."""
    KnowledgeBase.create(tmp_path / "base").close()
    with (tmp_path / "base" / "wellread.toml").open("a") as file:
        file.write(f'\n[tune]\nbase = "{model}"\n')
    return tmp_path / "base"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"transformers:{chat_tokenizer.folder(tmp_path_factory.mktemp('m') / 'bytes', chat_tokenizer.make())}"


def wellread(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    from wellread.cli.main import app

    with pytest.raises(SystemExit) as ended:
        app([str(word) for word in words], prog_name="wellread")
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def chats(folder: Path, n: int = 24, *broken: Any) -> Path:
    path = folder / "support.jsonl"
    path.write_bytes(bad_data.lines([*(bad_data.chat(k) for k in range(n)), *broken]))
    return path


def test_clean_examples_end_with_zero_and_a_frozen_data_set(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = wellread(capsys, "tune", "prepare", chats(tmp_path), "--base", base)
    assert code == 0
    assert "messages, because it has the column 'messages'" in out
    assert "As the model sees it:" in out and "<|im_start|>assistant\n  Beside gate 3" in out
    assert out.count("<|im_start|>user") == 3
    assert "next: wellread tune run --data support" in out
    found = data.load(data.folder_of(base, "support"))
    assert found.card.counts == {"train": 20, "validation": 2, "test": 2}
    assert [len(part) for part in (found.train, found.validation, found.test)] == [20, 2, 2]


def test_findings_end_with_three_and_every_one_is_written_down(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = bad_data.talk(("usr", "Hi?"), ("assistant", "Yes."))
    code, out, _ = wellread(capsys, "tune", "prepare", chats(tmp_path, 24, broken, "{"), "--base", base)
    assert code == 3
    assert "error unknown-role: 1, 1 row dropped" in out
    assert "support.jsonl: row 25: turn 1: no such role 'usr'; did you mean 'user'?" in out
    listed = [
        json.loads(line) for line in (data.folder_of(base, "support") / "findings.jsonl").read_text().splitlines()
    ]
    assert {(one["code"], one["row"], one["dropped"]) for one in listed} == {
        ("unknown-role", 25, True),
        ("bad-json", 26, True),
    }
    assert data.card_of(data.folder_of(base, "support")).dropped == 2


def test_what_cannot_be_trained_on_ends_with_two_and_writes_nothing(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text("foo,bar\n1,2\n")
    code, out, _ = wellread(capsys, "tune", "prepare", tmp_path / "x.csv", "--base", base)
    assert code == 2
    assert "say what they are: --map foo=prompt" in out and "nothing was written" in out
    assert not (base / data.FOLDER).exists()


def test_json_holds_the_same_as_the_text(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = wellread(
        capsys, "tune", "prepare", chats(tmp_path, 24, "{"), "--base", base, "--json", "--show-mask", "1"
    )
    said = json.loads(out)
    assert (code, err) == (3, "")
    assert said["code"] == 3 and said["task"] == "chat" and said["card"]["hash"]
    assert said["findings"][0]["code"] == "bad-json" and said["findings"][0]["row"] == 25
    assert 1024 == said["lengths"]["limit"] > said["lengths"]["p99"] > 0
    assert "".join(text for text, trained in said["masks"][0] if trained).endswith("<|im_end|>")


def test_the_mask_shows_what_is_learned_between_brackets(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = wellread(capsys, "tune", "prepare", chats(tmp_path), "--base", base, "--check", "--show-mask", "2")
    _, answer = bad_data.asked(0)
    assert f"<|im_start|>assistant\n⟦{answer}<|im_end|>⟧" in out
    assert out.count("⟦") == 2
    assert not (base / data.FOLDER).exists()  # --check writes nothing


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to prepare"),
        (["nowhere.jsonl"], "is not there"),
        (["--from-base"], "wellread add"),
        (["--from-base", "--kind", "qs"], "kinds: is one of"),
        (["{chats}", "--drop", "duplicat"], "did you mean 'duplicate'"),
        (["{chats}", "--keep", "bad-json"], "mend it in the file"),
        (["{chats}", "--name", "../out"], "make a name"),
        (["{chats}", "--task", "chatt"], "did you mean 'chat'"),
        (["{chats}", "--map", "boddy=text"], "has no such column"),
    ],
)
def test_a_mistaken_call_ends_with_two_and_one_line(
    words: list[str], message: str, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = chats(tmp_path)
    code, out, err = wellread(capsys, "tune", "prepare", *(w.format(chats=path) for w in words), "--base", base)
    assert code == 2
    assert message in err and len(err.strip().splitlines()) == 1
    assert out == "" and not (base / data.FOLDER).exists()


def test_a_second_set_of_the_same_name_needs_replace(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wellread(capsys, "tune", "prepare", chats(tmp_path), "--base", base)[0] == 0
    assert wellread(capsys, "tune", "prepare", chats(tmp_path), "--base", base)[0] == 0  # the same rows again
    code, _, err = wellread(capsys, "tune", "prepare", chats(tmp_path, 30), "--base", base)
    assert code == 2 and "--replace" in err
    assert wellread(capsys, "tune", "prepare", chats(tmp_path, 30), "--base", base, "--replace")[0] == 0


LONG = {"role": "user", "content": "Where is the long quay?"}, {"role": "assistant", "content": "Beyond it. " * 110}


def as_learned(base: Path, model: str, max_length: int = 0) -> EncodedParts:
    """The rows of the data set ``support`` as a run reads them."""
    tokenizer = base_model.load_tokenizer(Path(model.partition(":")[2]))
    return examples.encode_rows(data.load(data.folder_of(base, "support")), tokenizer, max_length)


def test_what_training_would_cut_is_listed_and_left_out(
    base: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = wellread(capsys, "tune", "prepare", chats(tmp_path, 24, {"messages": LONG}), "--base", base)
    assert code == 3 and "error answer-cut: 1, 1 row dropped" in out and "more than --max-length 1024" in out
    assert "limit 1024" in out
    found = as_learned(base, model)
    assert (found.max_length, found.cut, found.left_out) == (1024, 0, ())


def test_the_limit_that_a_data_set_is_prepared_with_holds_in_training(
    base: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("tune", "prepare", chats(tmp_path, 24, {"messages": LONG}), "--base", base)
    assert "dropped" not in wellread(capsys, *words, "--max-length", "1536")[1]
    found = as_learned(base, model)
    assert (found.max_length, found.cut, found.left_out) == (1536, 0, ())
    assert 1024 < max(len(row.ids) for row in (*found.train, *found.validation, *found.test)) < 1536
    assert as_learned(base, model, 300).max_length == 300  # a run's own comes first
    _, out, _ = wellread(capsys, *words, "--set", "tune.max_length=300", "--name", "short")
    assert "more than --max-length 300" in out


def test_the_same_rows_with_another_limit_have_that_limit(
    base: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for limit in ("1100", "1200"):
        assert wellread(capsys, "tune", "prepare", chats(tmp_path), "--base", base, "--max-length", limit)[0] == 0
        assert as_learned(base, model).max_length == int(limit)


def test_without_a_base_model_lengths_are_estimated_and_it_says_so(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = wellread(
        capsys, "tune", "prepare", chats(tmp_path), "--base", base, "--set", "tune.base=llama:no-such-model"
    )
    assert code == 0
    assert "lengths are estimated" in out and "estimated tokens" in out


def test_settings_and_seed_stand_in_the_card_and_change_the_parts(base: Path, model: str, tmp_path: Path) -> None:
    path = chats(tmp_path, 40)
    with KnowledgeBase.open(base) as opened:
        made = [
            prepare.prepare(opened, PrepareRequest(f"s{seed}", (path,)), PrepareSettings(seed=seed, test=0.2), model)
            for seed in (0, 1)
        ]
        again = prepare.prepare(opened, PrepareRequest("s0", (path,)), PrepareSettings(seed=0, test=0.2), model)
    first, other = (data.load(one.folder) for one in made if one.folder)
    assert first.card.seed == 0 and first.card.settings["test"] == 0.2
    assert again.card == made[0].card
    assert {row.id for row in first.rows} == {row.id for row in other.rows}
    assert {row.id for row in first.test} != {row.id for row in other.test}
    assert first.card.files[0]["sha256"]


def test_documents_do_not_cross_parts_and_a_removed_one_names_its_data_sets(
    base: Path, model: str, tmp_path: Path
) -> None:
    for n in range(12):
        ship, more = bad_data.CITIES[n % 10], bad_data.THINGS[n % 10]
        (tmp_path / f"{n}.md").write_text(
            f"# The {more} of {ship}\n\nThe {more} of {ship} number {n} opens at 0{n % 9}:30 every day. "
            f"The {more} of {ship} number {n} holds {n + 40} people. "
            f"The guard of {ship} number {n} earns {n + 300} kroner.\n"
        )
    with KnowledgeBase.open(base) as opened:
        opened.add(str(tmp_path), include=("*.md",))
        made = prepare.prepare(
            opened, PrepareRequest("kb", from_base=True), PrepareSettings(kinds=("qa", "statements")), model
        )
        assert made.card is not None and made.folder is not None
        chunk_of = {}
        with opened.store.reading() as connection:
            from wellread.store import documents as store_documents

            for document in opened.documents():
                for _, chunk in store_documents.neighbours(connection, document.id, who=opened.who, first=0, last=99):
                    chunk_of[chunk.id] = document.id
        found = data.load(made.folder)
        parts = [
            {chunk_of[source] for row in part if isinstance(row, ChatRow) for source in row.sources}
            for part in (found.train, found.validation, found.test)
        ]
        assert all(parts) and len(set.union(*parts)) == sum(map(len, parts))
        gone = sorted(parts[0])[0]
        with opened.store.reading() as connection:
            uri = next(d.uri for d in opened.documents() if d.id == gone)
        opened.remove(uri)
        with opened.store.reading() as connection:
            assert (artifact_id(made.card), "dataset") in lineage.downstream(connection, gone, who=opened.who)


@pytest.fixture(scope="module")
def broken_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("broken")
    for n, case in enumerate(bad_data.corpus()):
        for name, content in case.files.items():
            (folder / f"{n}-{name}").write_bytes(content)
    yield folder


def test_no_broken_file_gives_a_traceback_on_the_command_line(
    broken_folder: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(broken_folder.iterdir())
    assert len(files) > 80
    for path in files:
        code, out, err = wellread(capsys, "tune", "prepare", path, "--check", "--name", "x", "--json", "--base", base)
        assert code in (0, 2, 3), path.name
        assert "Traceback" not in err
        json.loads(out)


def test_the_program_itself_ends_with_the_code_of_the_doctor(base: Path, tmp_path: Path) -> None:
    path = chats(tmp_path, 24, "{")
    command = [sys.executable, "-m", "wellread", "tune", "prepare", str(path), "--check", "--base", str(base)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, check=False)
    assert done.returncode == 3
    assert "support.jsonl: row 25" in done.stdout
