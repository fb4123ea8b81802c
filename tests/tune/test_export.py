"""An exported model is the one that was trained: same prompt, same answers, or there is no export."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tune import gguf_copies, tiny

from wellread.errors import ModelError, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Message, Sampling
from wellread.models.providers import llamacpp
from wellread.models.settings import ChatSettings
from wellread.tune import run
from wellread.tune.base import base_model, gguf_file, gguf_fresh
from wellread.tune.base.gguf_file import permuted
from wellread.tune.settings import TuneSettings
from wellread.tune.ship import agreement, export, modelfile
from wellread.tune.ship.agreement import EXACT, SAME
from wellread.tune.train import state


def cheap(model: str, **changed: object) -> TuneSettings:
    made = TuneSettings(base=model, epochs=8, learning_rate=1e-2, probe=False, dtype="float32", threads=1, replay=0.0)
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    """A base with runs of several methods."""
    opened = tiny.base(tmp_path_factory.mktemp("base") / "base")
    model = f"transformers:{tiny_model}"
    run.start(opened, cheap(model), name="lora")
    run.start(opened, cheap(model, dora=True), name="dora")
    run.start(opened, cheap(model, method="full", learning_rate=2e-3), name="full")
    run.start(opened, cheap(model, method="series-adapter"), name="adapter")
    return opened


def left(base: KnowledgeBase, name: str) -> list[str]:
    exports = state.folder_of(base.folder, name) / "exports"
    return sorted(path.name for path in exports.iterdir()) if exports.exists() else []


# the formats


@pytest.mark.parametrize("to", ["adapter", "merged", "gguf-f16", "gguf-q8_0", "ollama"])
def test_every_format_answers_like_the_trained_model(base: KnowledgeBase, to: export.Target) -> None:
    made = export.export(base, "lora", to)
    assert all(one.prompts == 20 for one in made.agreements)
    assert export.read(made.folder) == made
    export.unchanged(made)
    if to != "gguf-q8_0":
        assert made.agreements[0].identical >= 18


@pytest.mark.parametrize("name", ["dora", "full"])
def test_what_was_merged_in_answers_the_same_in_llama_cpp(base: KnowledgeBase, name: str, tmp_path: Path) -> None:
    made = export.export(base, name, "gguf-f16", out=tmp_path / "out")
    assert made.agreements[0].identical >= 18
    assert made.agreements[0].correlation > 0.99999


def test_a_gguf_export_says_what_was_learned_through_the_usual_door(base: KnowledgeBase, tmp_path: Path) -> None:
    made = export.export(base, "lora", "gguf-f16", out=tmp_path / "out")
    chat = llamacpp.open_chat(made.setting.removeprefix("llama:"), ChatSettings(), tmp_path, None)
    reply = chat.reply(ASKED, Sampling(max_tokens=24))
    assert reply.text == said(trained_of(base, "lora"))
    assert reply.stop_reason == "stop"


ASKED = [Message("user", "Say where Anna lives.")]


def said(trained: export.FinishedRun) -> str:
    """What the trained model itself answers."""
    prompt = modelfile.renderer(trained.tokenizer)(ASKED, True)
    ids = trained.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = agreement.greedy_by(trained.model, trained.tokenizer, [ids])(ids)
    return str(trained.tokenizer.decode([token for token, _ in answer], skip_special_tokens=True))


def test_an_adapter_file_on_its_base_answers_like_the_tuned_model(
    base: KnowledgeBase, tiny_model: Path, tmp_path: Path
) -> None:
    gguf = tmp_path / "tiny.gguf"
    gguf_fresh.write(tiny_model, gguf)
    opened = tiny.base(tmp_path / "base")
    run.start(opened, cheap(f"llama:{gguf}"), name="lora")
    made = export.export(opened, "lora", "adapter")
    assert [one.file for one in made.agreements] == ["adapter", "lora.lora.gguf"]
    assert made.agreements[1].identical >= 18
    assert made.setting == f"llama:{gguf}+{made.folder / 'lora.lora.gguf'}"
    chat = llamacpp.open_chat(made.setting.removeprefix("llama:"), ChatSettings(), tmp_path, None)
    assert chat.reply(ASKED, Sampling(max_tokens=24)).text == said(trained_of(opened, "lora"))


def test_a_merged_export_opens_in_plain_transformers(base: KnowledgeBase, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = export.export(base, "lora", "merged", out=tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(made.folder)
    assert "lora" not in " ".join(model.state_dict())
    assert AutoTokenizer.from_pretrained(made.folder).chat_template == tiny.TEMPLATE


def test_an_adapter_beside_the_weights_is_exported_as_it_is_and_no_other_way(base: KnowledgeBase) -> None:
    assert export.export(base, "adapter", "adapter").agreements[0].identical >= 18
    with pytest.raises(UsageError, match="cannot become part of them; export it --to adapter"):
        export.export(base, "adapter", "gguf-f16")
    with pytest.raises(UsageError, match="has no adapter"):
        export.export(base, "full", "adapter")


# what fails its check


def tampered(trained: export.FinishedRun, folder: Path, old: str, new: str) -> None:
    """The template of an exported GGUF file changed, all else as it was."""
    path = next(folder.glob("*.gguf"))
    template = str(trained.tokenizer.chat_template)
    assert old in template
    gguf_copies.with_values(path, folder / "new", {gguf_file.TEMPLATE: template.replace(old, new)})
    (folder / "new").replace(path)


@pytest.mark.parametrize(
    ("old", "new"), [("<|im_end|>' + '\\n'", "<|im_end|>'"), ("assistant\\n", "assistant"), ("'user'", "'USER'")][:2]
)
def test_a_tampered_template_fails_the_check(base: KnowledgeBase, tmp_path: Path, old: str, new: str) -> None:
    made = export.export(base, "lora", "gguf-f16", out=tmp_path / "out")
    trained = trained_of(base, "lora")
    old, new = old.replace("\\n", "\n"), new.replace("\\n", "\n")
    tampered(trained, made.folder, old, new)
    with pytest.raises(ModelError, match="its chat template makes another prompt than the one of training"):
        export.check(trained, made.folder, "gguf-f16")
    with pytest.raises(ModelError, match="is not the file that was checked; export it again"):
        export.unchanged(made)


def trained_of(base: KnowledgeBase, name: str) -> export.FinishedRun:
    folder = state.folder_of(base.folder, name)
    return export.open_trained(base, folder, state.read(folder))


def test_a_tampered_modelfile_fails_the_check(base: KnowledgeBase, tmp_path: Path) -> None:
    made = export.export(base, "lora", "ollama", out=tmp_path / "out")
    trained, path = trained_of(base, "lora"), made.folder / "Modelfile"
    text = path.read_text()
    path.write_text(text.replace("{{ .Content }}<|im_end|>", "{{ .Content }}"))
    with pytest.raises(ModelError, match="Modelfile: its chat template makes another prompt"):
        export.check(trained, made.folder, "ollama")
    path.write_text(text.replace('PARAMETER stop "<|im_end|>"\n', ""))
    with pytest.raises(ModelError, match=r"does not stop at '<\|im_end\|>'"):
        export.check(trained, made.folder, "ollama")


def test_another_end_token_fails_the_check(base: KnowledgeBase, tmp_path: Path) -> None:
    made = export.export(base, "lora", "gguf-f16", out=tmp_path / "out")
    path = next(made.folder.glob("*.gguf"))
    gguf_copies.with_values(path, made.folder / "new", {"tokenizer.ggml.eos_token_id": 0})
    (made.folder / "new").replace(path)
    with pytest.raises(ModelError, match="ends its answers with"):
        export.check(trained_of(base, "lora"), made.folder, "gguf-f16")


def test_weights_of_another_model_fail_the_check(base: KnowledgeBase, tiny_model: Path, tmp_path: Path) -> None:
    gguf_fresh.write(tiny_model, tmp_path / "lora.gguf")  # the base, not what was trained
    with pytest.raises(ModelError, match=r"does not answer like the trained model: .*; nothing was exported"):
        export.check(trained_of(base, "lora"), tmp_path, "gguf-f16")


def test_an_export_that_fails_leaves_nothing_behind(base: KnowledgeBase, tmp_path: Path) -> None:
    folder = state.folder_of(base.folder, "lora")
    shutil.copytree(folder, state.folder_of(base.folder, "broken"))
    broken = state.folder_of(base.folder, "broken")
    state.write(broken, replace(state.read(folder), name="broken"))
    shutil.rmtree(broken / "exports", ignore_errors=True)
    from safetensors.torch import load_file, save_file

    weights = broken / "best" / "adapter_model.safetensors"
    tensors = load_file(weights)
    name = next(iter(tensors))
    tensors[name][0, 0] = float("inf")
    save_file(tensors, weights, metadata={"format": "pt"})
    for to in ("gguf-f16", "merged"):
        with pytest.raises(ModelError, match="not finite 16-bit numbers"):
            export.export(base, "broken", to)  # type: ignore[arg-type]
    assert left(base, "broken") == []
    shutil.rmtree(broken)


def test_a_run_that_is_not_finished_is_not_exported(base: KnowledgeBase) -> None:
    folder = state.folder_of(base.folder, "lora")
    other = state.folder_of(base.folder, "half")
    other.mkdir()
    state.write(other, replace(state.read(folder), name="half", state="failed", reason="the loss was NaN"))
    with pytest.raises(UsageError, match="run 'half': is failed: the loss was NaN; only a finished run"):
        export.export(base, "half", "merged")
    shutil.rmtree(other)


def test_a_folder_that_holds_something_is_not_written_into(base: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already; name a new folder"):
        export.export(base, "lora", "merged", out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# how two models are compared


def forward(rows: dict[int, list[float]]) -> agreement.Forward:
    return lambda ids: np.array([rows[token] for token in ids], np.float32)


def answering(rows: dict[int, list[float]], n: int = 3) -> agreement.GreedyAnswer:
    def answer(ids: list[int]) -> agreement.GreedyAnswer:
        found, last = [], ids[-1]
        for _ in range(n):
            row = np.array(rows[last], np.float32)
            last = int(row.argmax())
            found.append((last, row))
        return found

    return answer  # type: ignore[return-value]


CYCLE = {0: [0.0, 9.0, 1.0, 2.0], 1: [1.0, 0.0, 9.0, 2.0], 2: [9.0, 1.0, 0.0, 2.0], 3: [9.0, 1.0, 2.0, 0.0]}


def test_a_model_agrees_with_itself_exactly() -> None:
    found = agreement.compare("x", answering(CYCLE), forward(CYCLE), [[0], [1]], SAME)
    assert (found.identical, found.agreement, found.gap) == (2, 1.0, 0.0)
    assert found.correlation == pytest.approx(1.0)


def test_a_token_that_the_trained_model_holds_for_equal_counts_as_rounding() -> None:
    near = {**CYCLE, 0: [0.0, 8.999, 9.0, 2.0]}
    mine = {**CYCLE, 0: [0.0, 9.0, 8.999, 2.0]}
    found = agreement.compare("x", answering(near, 40), forward(mine), [[1]], replace(EXACT, agreement=0.0))
    assert found.identical == 0
    assert 0 < found.gap < 0.001


def test_a_token_that_the_trained_model_would_not_choose_is_named_a_fault() -> None:
    other = {**CYCLE, 0: [0.0, 2.0, 9.0, 1.0]}
    with pytest.raises(ModelError, match="does not answer like the trained model"):
        agreement.compare("x", answering(other), forward(CYCLE), [[0]], EXACT)


# the pieces


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_rope_order_is_a_permutation_within_each_head(heads: int, half: int, columns: int) -> None:
    weights = np.arange(heads * 2 * half * columns, dtype=np.float32).reshape(-1, columns)
    moved = permuted(weights, heads)
    size = 2 * half
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        assert sorted(moved[rows].ravel()) == sorted(weights[rows].ravel())
        np.testing.assert_array_equal(moved[rows][0::2], weights[rows][:half])
        np.testing.assert_array_equal(moved[rows][1::2], weights[rows][half:])


LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'"
    " + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
SMOL = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n'"
    " + m['content'] + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
TALKS = [
    [Message("user", "Where?")],
    [Message("user", "Where?"), Message("assistant", "Here."), Message("user", "Since when?")],
    [Message("system", "Be short."), Message("user", "Where?"), Message("assistant", "Here."), Message("user", "Why?")],
]


@pytest.mark.parametrize(("template", "roles"), [(LLAMA3, 3), (SMOL, 3), (GEMMA, 2), (tiny.TEMPLATE, 3)])
def test_a_template_for_ollama_renders_the_same_prompts(tiny_model: Path, template: str, roles: int) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    tokenizer.chat_template = template
    render = modelfile.renderer(tokenizer)
    found = modelfile.frames(render, tokenizer.bos_token if "bos_token" in template else "")
    assert len(found.around) == roles
    file = modelfile.read(modelfile.write("m.gguf", found, ["<|im_end|>"], 2048))
    assert file.stops == ("<|im_end|>",)
    for talk in TALKS[:roles]:
        bos = tokenizer.bos_token if "bos_token" in template else ""
        assert modelfile.prompt(file, talk) == render(talk, True).removeprefix(bos)


def test_a_template_that_drops_messages_is_refused_for_ollama(tiny_model: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    tokenizer.chat_template = "{{ messages[-1]['content'] }}"
    with pytest.raises(ModelError, match="drops a message or writes it twice"):
        modelfile.frames(modelfile.renderer(tokenizer))


@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_a_written_file_reads_back_as_the_model_it_was_made_of(tiny_model: Path, tmp_path: Path, kind: str) -> None:
    import gguf
    from safetensors.numpy import load_file

    gguf_fresh.write(tiny_model, tmp_path / "pattern.gguf")
    pattern = gguf_file.open_pattern(tmp_path / "pattern.gguf")
    weights = load_file(tiny_model / "model.safetensors")
    gguf_file.write_model(
        pattern,
        list(weights),
        weights.__getitem__,
        tmp_path / "m.gguf",
        file_type=kind,
        values={"general.name": "m"},  # type: ignore[arg-type]
    )
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    assert reader.get_field("general.name").contents() == "m"
    written = {tensor.name: tensor for tensor in reader.tensors}
    down = gguf.dequantize(written["blk.1.ffn_down.weight"].data, written["blk.1.ffn_down.weight"].tensor_type)
    mine = weights["model.layers.1.mlp.down_proj.weight"]
    np.testing.assert_allclose(down, mine, atol=(1e-3 if kind == "f16" else np.abs(mine).max() / 127))
    np.testing.assert_array_equal(
        written["output_norm.weight"].data, weights["model.norm.weight"]
    )  # norms are not rounded


def test_a_tensor_without_a_place_is_named(tiny_model: Path, tmp_path: Path) -> None:
    gguf_fresh.write(tiny_model, tmp_path / "pattern.gguf")
    pattern = gguf_file.open_pattern(tmp_path / "pattern.gguf")
    with pytest.raises(ModelError, match=r"score\.weight: has no place in a GGUF file"):
        gguf_file.write_model(
            pattern, ["score.weight"], lambda _: np.zeros(1), tmp_path / "m.gguf", file_type="f16", values={}
        )
    with pytest.raises(ModelError, match=re.escape("pattern.gguf: its tensor ")):
        gguf_file.write_model(
            pattern, ["model.norm.weight"], lambda _: np.ones(64), tmp_path / "m.gguf", file_type="f16", values={}
        )


@pytest.mark.parametrize(("factors", "alpha"), [((2.0, 2.0), 8.0), ((2.0, 0.5), 0.0)])
def test_an_adapter_file_changes_a_weight_by_what_was_learned(
    tiny_model: Path, tmp_path: Path, factors: tuple[float, float], alpha: float
) -> None:
    import gguf

    gguf_fresh.write(tiny_model, tmp_path / "pattern.gguf")
    pattern = gguf_file.open_pattern(tmp_path / "pattern.gguf")
    rng = np.random.default_rng(0)
    names = ("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight")
    pairs = {
        name: (rng.normal(size=(4, 64)), rng.normal(size=(128, 4)), factor)
        for name, factor in zip(names, factors, strict=True)
    }
    gguf_file.write_adapter(pattern, pairs, tmp_path / "a.gguf", values={gguf_file.TEMPLATE: "x"})
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    written = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    assert reader.get_field("adapter.lora.alpha").contents() == alpha
    assert reader.get_field(gguf_file.TEMPLATE).contents() == "x"
    for n, name in enumerate(names):
        a, b, factor = pairs[name]
        mine_a, mine_b = (written[f"blk.{n}.ffn_up.weight.lora_{side}"] for side in "ab")
        scale = alpha / 4 if alpha else 1.0  # as llama.cpp applies it: alpha / rank, or 1 where alpha is 0
        np.testing.assert_allclose(scale * mine_b @ mine_a, factor * b @ a, rtol=1e-4, atol=1e-4)
