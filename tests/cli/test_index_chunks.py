"""``wellread index truncation`` and ``presets``, and settings that need the index rebuilt, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

On = Callable[..., Result]
LONG = "The ferry sails to the island with passengers and freight on board every day. " * 60


@pytest.fixture
def on(wellread: Callable[..., Result], tmp_path: Path) -> On:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "log.md").write_text(f"# Log\n\n{LONG}\n", "utf-8")
    (tmp_path / "documents" / "haus.md").write_text(
        "# Hausordnung\n\nDie Häuser der Reederei sind an Feiertagen nicht geöffnet, auch die Fähren nicht.\n",
        "utf-8",
    )
    assert wellread("init", "base").exit_code == 0
    base = str(tmp_path / "base")
    assert wellread("--base", base, "--set", "chunk.size_tokens=600", "add", str(tmp_path / "documents")).exit_code == 0
    return lambda *words: wellread("--base", base, "--set", "chunk.size_tokens=600", "--set", "rerank.model=", *words)


def test_the_report_names_the_document_that_an_embedder_would_cut(on: On) -> None:
    done = on("index", "truncation")
    assert done.exit_code == 0
    assert "onnx:minilm" in done.stdout and "would lose most of" in done.stdout and "log.md" in done.stdout
    found = {
        e["embedder"].split(":")[0]: e for e in json.loads(on("index", "truncation", "--json").stdout)["embedders"]
    }
    assert found["static"]["cut"] == 0
    assert found["onnx"]["cut"] > 0 and found["onnx"]["longest_tokens"] > 254
    assert found["onnx"]["worst"][0]["uri"].endswith("log.md")
    assert on("index", "truncation", "--embedder", "nope:x").exit_code == 2


def test_presets_are_listed_with_their_reasons_within_what_the_embedder_reads(on: On) -> None:
    assert "*  facts" in on("--set", "chunk.size_tokens=0", "index", "presets").stdout
    done = on("--set", "embed.model=onnx:minilm", "--set", "chunk.size_tokens=0", "index", "presets", "--json")
    sizes = {each["preset"]: each["size_tokens"] for each in json.loads(done.stdout)["presets"]}
    assert sizes["facts"] == 200 and sizes["long-context"] == 254 - 40


def test_what_a_changed_setting_needs_is_said_and_the_command_that_is_named_does_it(on: On) -> None:
    for setting, command in (("index.language=de", "rebuild"), ("embed.dim=64", "reembed")):
        refused = on("--set", setting, "search", "Feiertag")
        assert refused.exit_code != 0 and f"wellread index {command}" in refused.output
        assert on("--set", setting, "index", command).exit_code == 0
        done = on("--set", setting, "search", "Haus am Feiertag", "--json")
        assert json.loads(done.stdout)["hits"][0]["document"]["uri"].endswith("haus.md")
        assert on("index", command).exit_code == 0  # and back


def test_doctor_says_that_vectors_are_not_stored_as_the_settings_say(on: On) -> None:
    told = on("--set", "index.vectors=int8", "doctor").output
    assert "stored as float16, the settings say int8" in told and "wellread index reembed" in told
    assert on("--set", "index.vectors=int8", "index", "reembed").exit_code == 0
    assert "the settings say" not in on("--set", "index.vectors=int8", "doctor").output
    assert on("check").exit_code == 0
