"""Which model to begin with: facts from files, wishes, and a few examples of one's own."""

import json
import shutil
from pathlib import Path

import pytest
from tests.tune import gguf_copies, tiny
from tests.tune.test_tasks import classes
from typer.testing import CliRunner

from wellread.cli.main import app
from wellread.models.settings import ChatSettings
from wellread.tune.base import gguf_fresh
from wellread.tune.data import data as datasets
from wellread.tune.plan import suggest
from wellread.tune.plan.suggest import Wishes

CARD = """---
language:
- en
- fr
license: mit
---
# A model

## Bias, Risks, and Limitations

It knows only eight people. It may be wrong.

## Training

On a ferry.
"""


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two GGUF models, of which one says where it comes from, and a folder of safetensors."""
    made = tmp_path_factory.mktemp("models")
    gguf_fresh.write(tiny_model, made / "plain.gguf")
    gguf_copies.with_values(made / "plain.gguf", made / "free.gguf", {"general.license": "apache-2.0"})
    shutil.copytree(tiny_model, made / "owner--folder")
    (made / "owner--folder" / "README.md").write_text(CARD)
    (made / "broken.gguf").write_bytes(b"GGUF")
    record = {"name": "owner--folder", "source": "https://hub.example/owner/folder", "licence": "", "size_bytes": 1}
    record |= {"sha256": "ab" * 32, "pulled_at": "2026-01-01T00:00:00+00:00", "path": "owner--folder"}
    (made / "owner--folder.json").write_text(json.dumps(record))
    return made


def test_facts_are_those_of_the_files_and_the_unknown_is_said_to_be_so(folder: Path, tiny_model: Path) -> None:
    from safetensors.numpy import load_file

    found = {one.setting: one for one in suggest.known(folder, ChatSettings())}
    n = sum(tensor.size for tensor in load_file(tiny_model / "model.safetensors").values())
    assert found["llama:free"].n_parameters == n
    assert found["llama:free"].licence == "apache-2.0" and found["llama:plain"].licence == ""
    assert found["llama:free"].trainable and found["llama:free"].context_tokens == 512
    other = found["transformers:owner/folder"]
    assert (other.licence, other.languages, other.n_parameters) == ("mit", ("en", "fr"), n)
    assert other.biases == "It knows only eight people."
    assert found["llama:broken"].n_parameters is None
    assert not found["llama:smollm2-135m"].here


def test_what_meets_every_wish_comes_first_and_the_rest_says_why_not(folder: Path) -> None:
    wishes = Wishes(licences=("Apache-2.0",), memory_gb=1.6)
    found = suggest.suggest(folder, ChatSettings(), wishes, None)
    assert found[0].candidate.setting == "llama:free" and not found[0].against
    reasons = {one.candidate.setting: one.against for one in found}
    assert reasons["llama:plain"] == ("licence not stated",)
    tight = suggest.suggest(folder, ChatSettings(), Wishes(language="fr", memory_gb=1.4), None)
    reasons = {one.candidate.setting: one.against for one in tight}
    assert reasons["transformers:owner/folder"] == ("training takes about 1.5 GB, 1.4 are there",)
    assert "languages not stated" in reasons["llama:free"]


def test_each_is_tried_on_examples_with_and_without_others_in_the_prompt(folder: Path) -> None:
    found = suggest.suggest(folder, ChatSettings(threads=1), Wishes(licences=("apache-2.0",)), tiny.facts(), n=3)
    tried = found[0].tried
    assert tried and tried.n == 3 and tried.seconds > 0
    assert 0 < tried.zero_shot <= 1  # it learned the form: some words are right
    assert all(one.tried is None for one in found[1:])  # what fails a wish, or is not here, costs no time


def test_a_label_is_asked_for_by_naming_all_of_them() -> None:
    data = classes()
    question, wanted = suggest.asked_of(data.test[0], data)
    assert question.endswith("Answer with one of these labels alone: ask, say")
    assert wanted in ("ask", "say")


def test_a_card_without_a_section_on_bias_says_nothing() -> None:
    assert suggest.biases_of("# A model\n\nIt is good.\n") == ""
    assert suggest.biases_of("## Limitations\nFew. More.\n## Use\nNo.") == "Few."


def test_the_command_shows_licence_biases_and_what_was_tried(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELLREAD_MODELS", str(folder))
    base = tiny.base(tmp_path / "base")
    assert datasets.listing(base) == ["facts"]
    words = ["models", "suggest", "--data", "facts", "--n", "1", "--licence", "apache-2.0", "--base", str(base.folder)]
    shown = CliRunner().invoke(app, words).stdout
    assert shown.startswith("llama:free") and "without examples," in shown and "an answer, n = 1" in shown
    assert "It knows only eight people." in shown and "licence not stated" in shown
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["suggestions"]
    assert told[0]["setting"] == "llama:free" and told[0]["tried"]["n"] == 1
