"""Every command on a real base: what it prints, what it prints as JSON, how it ends. No chat model is needed."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

FARES = "# Fares of the Lantern Line\n\n## Dogs\n\nA dog travels for 4.50 crowns on every crossing.\n"
RULES = "# House rules\n\nSmoking is forbidden on every deck. The purser is Odile Marchetti.\n"
QUESTION = "What does a dog cost on the Lantern Line?"

On = Callable[..., Result]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "fares.md").write_text(FARES, "utf-8")
    (folder / "rules.md").write_text(RULES, "utf-8")
    return folder


@pytest.fixture
def on(wellread, documents: Path, tmp_path: Path) -> On:
    """Runs a command line on a base that holds two documents; answers are quoted, never written."""
    assert wellread("init", "base").exit_code == 0
    base = str(tmp_path / "base")
    assert wellread("--base", base, "add", str(documents)).exit_code == 0
    return lambda *words, **given: wellread("--base", base, "--set", "answer.style=quote", *words, **given)


def told(done: Result) -> dict:
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_init_makes_a_base_once(wellread) -> None:
    done = wellread("init", "base")
    assert done.exit_code == 0
    assert "next: cd base && wellread add" in done.stdout
    again = wellread("init", "base")
    assert again.exit_code == 2
    assert again.stderr.startswith("error: ")


def test_add_counts_documents_and_chunks_and_says_what_is_next(wellread, documents: Path) -> None:
    wellread("init", "base")
    done = wellread("--base", "base", "add", str(documents))
    assert done.stdout.startswith("2 documents, 2 chunks, ")
    assert "next: wellread ask" in done.stdout
    quiet = wellread("--base", "base", "--quiet", "add", str(documents))
    assert quiet.stdout.startswith("in step: 2 documents unchanged")
    assert quiet.stdout.count("\n") == 1


@pytest.mark.parametrize("name", ["broken.pdf", "broken.docx", "broken.txt", "broken.csv", "broken.html"])
def test_bytes_that_are_not_what_the_name_says_are_a_failure_with_its_reason(
    on: On, documents: Path, name: str
) -> None:
    (documents / name).write_bytes(random.Random(0).randbytes(4000))
    done = on("sync")
    assert done.exit_code == 3 and "1 failed" in done.output
    [failed] = told(on("status", "--failed", "--json"))["failures"]
    assert failed["uri"].endswith(name) and failed["kind"] == "broken" and failed["reason"]


def test_a_file_that_fails_is_code_3_and_is_listed(on: On, documents: Path) -> None:
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 no document")
    done = on("sync")
    assert done.exit_code == 3
    assert "1 failed (wellread status --failed)" in done.stdout
    assert "documents/broken.pdf" in on("status", "--failed").stdout
    (failure,) = told(on("status", "--failed", "--json"))["failures"]
    assert failure["uri"].endswith("broken.pdf")
    assert failure["attempts"] == 1
    assert on("sync", "--retry-failed").exit_code == 3
    assert told(on("status", "--failed", "--json"))["failures"][0]["attempts"] == 2


def test_what_is_not_there_is_an_error_that_names_it(on: On) -> None:
    done = on("add", "no-such-folder")
    assert done.exit_code in (1, 2)
    assert "no-such-folder" in done.stderr


def test_a_private_address_is_refused_with_code_4(on: On) -> None:
    done = on("add", "http://127.0.0.1:9/fares.html")
    assert done.exit_code == 4
    assert "127.0.0.1" in done.stderr
    assert done.stderr.startswith("error: ")


def test_standard_input_needs_a_name(on: On) -> None:
    assert on("add", "-", text="The key hangs behind the clock.").exit_code == 2
    assert on("add", "--name", "x", "a.md").exit_code == 2
    assert on("add", "-", "--name", "note.txt", text=b"\xff\xfe").exit_code == 2
    assert on("add", "-", "--name", "note.txt", text="The key hangs behind the clock.").exit_code == 0
    assert "clock" in on("search", "Where does the key hang?").stdout


def test_status_counts_and_lists(on: On) -> None:
    assert on("status").stdout.startswith("2 documents, 2 chunks, ")
    status = told(on("status", "--json"))
    assert (status["documents"], status["chunks"]) == (2, 2)
    listed = told(on("status", "--documents", "--json"))["documents"]
    assert sorted(document["title"] for document in listed) == ["Fares of the Lantern Line", "House rules"]
    assert on("status", "--documents", "--limit", "1").stdout.count("\n") == 2  # a document, and how to see more


def test_search_shows_passages_and_with_explain_their_scores(on: On) -> None:
    found = told(on("search", "dog", "crowns", "--json"))
    assert found["hits"][0]["document"]["title"] == "Fares of the Lantern Line"
    start, end = found["hits"][0]["chunk"]["span"]
    assert FARES[start:end] == found["hits"][0]["chunk"]["text"]
    done = on("search", "dog crowns", "--k", "1", "--explain")
    assert done.stdout.startswith("[1] Fares of the Lantern Line · documents/fares.md · Dogs\n")
    assert "score " in done.stdout
    assert " ms" in done.stdout


def test_a_filter_narrows_and_a_wrong_one_is_a_usage_error(on: On) -> None:
    assert "fares.md" not in on("search", "dog crowns", "--where", "title like 'House*'").stdout
    done = on("search", "dog", "--where", "title like")
    assert done.exit_code == 2
    assert "title like" in done.stderr


def test_ask_as_json_has_the_fields_of_an_answer(on: On) -> None:
    done = on("ask", QUESTION, "--json")
    assert done.exit_code == 0
    answer = told(done)
    promised = "text citations verdicts refused usage timings_ms trace_id left_machine stages"
    assert set(promised.split()) <= set(answer)
    citation = answer["citations"][0]
    assert {"document", "page", "span", "quote"} <= set(citation)
    start, end = citation["span"]
    assert FARES[start:end] == citation["quote"]
    assert "4.50" in answer["text"]
    assert answer["left_machine"] == []


def test_ask_shows_numbered_sources_and_that_nothing_left_this_machine(on: On) -> None:
    done = on("ask", QUESTION)
    assert "[1] Fares of the Lantern Line · documents/fares.md · Dogs" in done.stdout
    assert "“A dog travels for 4.50 crowns on every crossing.”" in done.stdout
    assert "nothing left this machine" in done.stdout
    assert "\x1b" not in done.stdout
    streamed = on("ask", QUESTION, "--stream")
    assert streamed.stdout.splitlines()[0] == done.stdout.splitlines()[0]
    explained = on("ask", QUESTION, "--explain").stdout.partition("nothing left this machine")[2]
    assert {"evidence", "gate"} <= {line.split()[0] for line in explained.splitlines() if line.strip()}


def test_a_refused_answer_is_code_4(on: On) -> None:
    done = on("ask", "Who designed the engine of the submarine Neptune?")
    assert done.exit_code == 4
    assert "The nearest passages:" in done.stdout


def test_chat_keeps_the_conversation(on: On) -> None:
    done = on("chat", text=f"{QUESTION}\n/sources\n/explain\n/nonsense\n/quit\nnever read\n")
    assert done.exit_code == 0
    assert "“A dog travels for 4.50 crowns on every crossing.”" in done.stdout
    assert "error: /nonsense: no such word" in done.stderr
    answers = told(on("chat", "--json", text=f"{QUESTION}\nWhat about the purser?\n"))["answers"]
    assert [answer["question"] for answer in answers] == [QUESTION, "What about the purser?"]


def test_the_log_keeps_what_was_asked_until_its_document_is_removed(on: On) -> None:
    trace_id = told(on("ask", QUESTION, "--json"))["trace_id"]
    assert QUESTION in on("log").stdout
    (row,) = told(on("log", trace_id, "--json"))["questions"]
    assert "4.50" in row["text"]
    assert on("log", "nonsense").exit_code == 2
    on("remove", "*/fares.md")
    assert "4.50" not in on("log").stdout


def test_remove_takes_a_document_out_of_everything(on: On, documents: Path) -> None:
    done = on("remove", str(documents / "fares.md"))
    assert done.stdout == "1 document removed\n"
    assert "4.50" not in on("search", "dog crowns").stdout
    assert on("remove", "*/nothing-here/*").exit_code == 2
    assert told(on("remove", str(documents), "--json")) == {"removed": 1, "retrain": {}}
    assert on("check").stdout == "no fault found\n"  # nothing is left, and that is as it should be


def test_a_removed_document_stays_out_and_is_counted_apart_until_it_is_added_by_its_name(
    on: On, documents: Path
) -> None:
    on("remove", str(documents / "fares.md"))
    assert on("sync").stdout.startswith("in step: 1 document unchanged")
    assert "4.50" not in on("search", "dog crowns").stdout
    assert told(on("status", "--json"))["states"] == {"live": 1, "removed": 1}
    assert "removed" in on("status").stdout
    assert on("add", str(documents / "fares.md")).exit_code == 0
    assert "4.50" in on("search", "dog crowns").stdout


def test_the_index_is_rebuilt_compacted_and_reembedded(on: On) -> None:
    before = told(on("search", "dog crowns", "--json"))["hits"][0]["chunk"]["id"]
    for part in ("rebuild", "compact", "reembed"):
        assert on("index", part).exit_code == 0
        assert told(on("search", "dog crowns", "--json"))["hits"][0]["chunk"]["id"] == before


def test_check_finds_a_damaged_base(on: On, tmp_path: Path) -> None:
    assert on("check").stdout == "no fault found\n"
    (vectors,) = (tmp_path / "base" / ".wellread" / "vectors").rglob("vectors.f16")
    raw = bytearray(vectors.read_bytes())
    raw[5] ^= 1
    vectors.write_bytes(raw)
    done = on("check", "--json")
    assert done.exit_code == 1
    assert not told(done)["ok"]
    assert told(done)["faults"]


def test_doctor_names_a_cure_for_every_fault(on: On) -> None:
    found = told(on("doctor", "--json"))["findings"]
    assert {"what", "ok", "detail", "cure"} == set(found[0])
    assert all(finding["cure"] for finding in found if not finding["ok"])


def test_a_backup_is_restored_elsewhere(on: On, wellread) -> None:
    assert on("backup", "copy.tar").exit_code == 0
    assert wellread("restore", "copy.tar", "again").exit_code == 0
    assert wellread("--base", "again", "status").stdout.startswith("2 documents")
    assert wellread("restore", "copy.tar", "again").exit_code in (1, 2)


def test_only_a_member_of_the_group_sees_a_labelled_document(on: On, tmp_path: Path) -> None:
    (tmp_path / "pay.md").write_text("# Pay\n\nThe master earns 5,100 crowns a month.\n", "utf-8")
    on("add", "pay.md", "--label", "hr")
    assert "5,100" not in on("search", "master earns").stdout
    assert "5,100" in on("search", "master earns", "--group", "hr").stdout


def test_a_source_that_is_added_again_keeps_its_label_until_it_is_dropped_in_so_many_words(
    on: On, tmp_path: Path
) -> None:
    (tmp_path / "pay.md").write_text("# Pay\n\nThe master earns 5,100 crowns a month.\n", "utf-8")
    on("add", "pay.md", "--label", "hr")
    refused = on("add", "pay.md")
    assert refused.exit_code == 4 and "--group NAME" in refused.stderr
    assert on("add", "pay.md", "--group", "hr").exit_code == 0
    assert "5,100" not in on("search", "master earns").stdout
    assert on("add", "pay.md", "--group", "hr", "--label", "").exit_code == 0
    assert "5,100" in on("search", "master earns").stdout
