"""``wellread models`` without a network: what is here, what could be, and that nobody is fetched for unasked."""

import json
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WELLREAD_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def pulled(folder: Path) -> str:
    record = {"name": "tiny", "source": "https://hub.example/owner/tiny at abc", "licence": "MIT", "size_bytes": 4}
    record |= {"sha256": "ab" * 32, "pulled_at": "2026-01-01T00:00:00+00:00", "path": "tiny.gguf"}
    (folder / "tiny.json").write_text(json.dumps(record))
    (folder / "tiny.gguf").write_bytes(b"GGUF")
    return "tiny"


def test_the_list_shows_what_is_here_and_what_can_be_had(wellread, pulled: str) -> None:
    found = json.loads(wellread("models", "list", "--json").stdout)
    assert [model["setting"] for model in found["models"]] == ["llama:tiny"]
    assert "smollm2-135m" in [model["name"] for model in found["known"]]
    shown = wellread("models", "list").stdout
    assert "llama:tiny" in shown
    assert "Apache-2.0" in shown


def test_nothing_is_pulled_unless_somebody_agrees_to_size_and_licence(wellread, folder: Path) -> None:
    done = wellread("models", "pull", "smollm2-135m")
    assert done.exit_code == 2
    assert "98 MB, licence Apache-2.0" in done.stderr
    assert "--yes" in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["tiny", "hf:owner/tiny", "hf:owner/tiny:tiny.gguf"])
def test_what_is_here_already_is_not_asked_for_again(wellread, pulled: str, name: str) -> None:
    done = wellread("models", "pull", name, "--if-missing", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["name"] == "tiny"


def test_an_unknown_name_is_a_usage_error_with_a_suggestion(wellread) -> None:
    done = wellread("models", "pull", "smolm2-135m", "--yes")
    assert done.exit_code == 2
    assert "did you mean 'smollm2-135m'?" in done.stderr


def test_a_model_is_removed_by_its_name_or_its_setting(wellread, pulled: str, folder: Path) -> None:
    assert wellread("models", "remove", "llama:tiny").exit_code == 0
    assert list(folder.iterdir()) == []
    assert wellread("models", "remove", "tiny").exit_code == 2
