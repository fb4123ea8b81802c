"""What can be trained: a GGUF file, converted once, or a folder of safetensors; the rest is refused with a cure."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tune import tiny
from tests.tune.test_recipes import attached, chosen
from tests.tune.test_run import settings

from wellread import config
from wellread.errors import ModelError, UsageError
from wellread.models.api import Message, Sampling
from wellread.models.providers import llamacpp
from wellread.models.settings import ChatSettings
from wellread.tune import run
from wellread.tune.base import base_model, quantized
from wellread.tune.base.template import encode
from wellread.tune.train import losses, probe, session, tuned


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_chat_model_is_converted_once_and_says_the_same(tmp_path: Path) -> None:
    gguf = llamacpp.find("smollm2-135m", config.models_folder())
    models = tmp_path / "models"
    models.mkdir()
    (models / gguf.name).symlink_to(gguf)
    folder, source, digest = base_model.resolve("llama:smollm2-135m", models)
    model, tokenizer = base_model.load_model(folder), base_model.load_tokenizer(folder)
    sizes = model.config
    assert (sizes.model_type, sizes.num_hidden_layers, sizes.hidden_size) == ("llama", 30, 576)
    assert session.n_parameters(model) == 134_515_008
    made = list((models / base_model.CONVERTED).iterdir())
    assert made == [folder] and digest[:12] in folder.name and source == models / gguf.name
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert base_model.resolve("llama:smollm2-135m", models) == (folder, source, digest)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    served = llamacpp.open_chat(str(gguf), ChatSettings(), tmp_path, None)
    asked = "What is the capital of Italy?"
    theirs = served.reply([Message("user", asked)], Sampling(max_tokens=12)).text
    assert theirs  # four bits and other kernels on every machine: what exactly is said differs, so losses are compared

    def loss(city: str) -> float:
        turns = (Message("user", asked), Message("assistant", f"The capital is {city}."))
        return losses.mean(model, [encode(turns, tokenizer, 64)], probe.pad_of(tokenizer), batch=1, bf16=False)

    assert loss("Rome") < min(loss("Lima"), loss("Oslo"), loss("Paris"))
    shutil.rmtree(models)


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_chat_model_learns_a_fact_in_a_few_steps_and_reads_back_the_same(tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    wanted = settings(tmp_path, base="llama:smollm2-135m", max_steps=6, learning_rate=1e-3, threads=0, dtype="auto")
    result = run.start(base, wanted)
    assert result.validation_before and result.validation_loss
    assert result.validation_loss < 0.7 * result.validation_before
    folder, _, _ = base_model.resolve("llama:smollm2-135m", config.models_folder())
    model, tokenizer = tuned.load(result.folder / "best", folder), base_model.load_tokenizer(folder)
    rows = [encode(row.messages, tokenizer, 512) for row in tiny.facts().validation]  # type: ignore[union-attr]
    again = losses.mean(model, rows, probe.pad_of(tokenizer), batch=8, bf16=False)
    assert again == pytest.approx(result.validation_loss, rel=0.02)  # trained in bfloat16 where that is faster


def test_names_that_cannot_be_trained_are_refused_with_what_can(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tune.base = 'openai:gpt': only models on this machine"):
        base_model.resolve("openai:gpt", tmp_path)
    with pytest.raises(ModelError, match="run: wellread models pull smollm2-135m"):
        base_model.resolve("llama:smollm2-135m", tmp_path)
    with pytest.raises(ModelError, match="holds no model"):
        base_model.resolve("transformers:nobody/nothing", tmp_path)
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(ModelError, match="GGUF version 0"):
        base_model.resolve(f"llama:{tmp_path / 'broken.gguf'}", tmp_path)
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="a pickle, which can run code"):
        base_model.resolve(f"transformers:{tmp_path / 'pickled'}", tmp_path)


def test_other_weights_have_another_digest(tmp_path: Path, tiny_model: Path) -> None:
    other = tiny.make(tmp_path / "other", seed=1)
    digests = {base_model.resolve(f"transformers:{one}", tmp_path)[2] for one in (tiny_model, other, tiny_model)}
    assert len(digests) == 2


def test_a_base_in_four_bits_takes_less_and_learns_after_it_has_answered(tiny_model: Path, tmp_path: Path) -> None:
    made, task = attached(tiny_model, chosen(tiny_model, "qlora"), tmp_path)
    plain, _ = attached(tiny_model, chosen(tiny_model, "lora"), tmp_path)
    weights = {name: one.numel() for name, one in plain.model.named_parameters() if "base_layer" in name}
    saved = quantized.weight_bytes(plain.model) - quantized.weight_bytes(made.model)
    assert saved > 0.8 * 4 * sum(weights.values())

    def gradient() -> torch.Tensor:
        made.model.train()
        made.model.zero_grad()
        task.loss(range(4)).backward()
        found: list[Any] = [one.grad for one in session.trainable(made.model).values()]
        return torch.cat([one.flatten() for one in found])

    first = gradient()
    made.model.eval()
    with torch.no_grad():
        task.loss(range(4))
    second = gradient()
    assert first.abs().sum() > 0
    assert torch.equal(first, second)
