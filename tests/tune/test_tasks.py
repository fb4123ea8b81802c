"""Labels, tags, answers, texts from nothing: each method trains, saves, reloads, and moves what it should."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.tune import tiny
from typer.testing import CliRunner
from typer.testing import Result as Result_

from wellread.cli.main import app
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT
from wellread.tune import run
from wellread.tune.base import base_model
from wellread.tune.data.data import (
    Card,
    ClassifyRow,
    DataSet,
    ExtractedAnswer,
    ExtractRow,
    PairRow,
    Row,
    TagRow,
    TextRow,
    row_id,
)
from wellread.tune.labels import extract, features, headed, labelled, tagging, text2text, ulmfit
from wellread.tune.labels import run as task_run
from wellread.tune.labels.labelled import IGNORED, LabelledItem
from wellread.tune.scratch import model as scratch
from wellread.tune.settings import TuneSettings
from wellread.tune.ship import export
from wellread.tune.train import schedule, state, tuned
from wellread.tune.train.loop import TuneFailed
from wellread.tune.train.outcome import Result


def quick(model: Path | str, **changed: Any) -> TuneSettings:
    name = model if isinstance(model, str) else f"transformers:{model}"
    made = TuneSettings(base=name, epochs=6, dtype="float32", threads=1, probe=False, patience=0, batch=16)
    return replace(made, **changed)


def data_set(task: str, rows: Sequence[Row], **card: Any) -> DataSet:
    n = len(rows) // 4
    parts = {"test": tuple(rows[:n]), "validation": tuple(rows[n : 2 * n]), "train": tuple(rows[2 * n :])}
    return DataSet(Card(task, task, {k: len(v) for k, v in parts.items()}, (), **card), **parts)


def pairs(n: int) -> list[tuple[str, str]]:
    return [(tiny.NAMES[i % 8], tiny.PLACES[(i * 3 + i // 8) % 8]) for i in range(n)]


def classes(n: int = 96) -> DataSet:
    """Questions or statements: the words differ, so a label can be learned."""
    rows = []
    for i, (name, place) in enumerate(pairs(n)):
        label = ("ask", "say")[i % 2]
        text = f"Where does {name} live?" if label == "ask" else f"{name} lives in {place}."
        rows.append(ClassifyRow(f"{i}", text, label))
    return data_set("classify", rows, labels=("ask", "say"))


def tags(n: int = 96) -> DataSet:
    rows = []
    for i, (name, place) in enumerate(pairs(n)):
        words = (name, "lives", "in", place, ".") if i % 2 else ("In", place, "lives", name, ".")
        kinds = {name: "B-PER", place: "B-LOC"}
        rows.append(TagRow(f"{i}", words, tuple(kinds.get(word, "O") for word in words)))
    return data_set("tag", rows)


def answers(n: int = 96) -> DataSet:
    rows = []
    for i, (name, place) in enumerate(pairs(n)):
        context = f"{name} lives in {place}."
        found = (ExtractedAnswer(place, context.index(place)),) if i % 4 else ()
        question = f"Where does {name} live?" if found else "What does it cost?"
        rows.append(ExtractRow(f"{i}", question, context, found))
    return data_set("extract", rows)


def carried_out(folder: Path, data: DataSet, settings: TuneSettings) -> Result:
    return run.start(tiny.base(folder, data), settings, name="it")


@pytest.fixture(scope="module")
def tiny_bert(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder: each token sees all others."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    tokenizer = base_model.load_tokenizer(tiny_model)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# labels of texts


@pytest.mark.parametrize("method", ["features", "head", "full", "lora", "ulmfit"])
def test_every_method_learns_labels_and_says_them_again_after_reloading(
    tiny_model: Path, tmp_path: Path, method: Any
) -> None:
    data = classes()
    result = carried_out(tmp_path, data, quick(tiny_model, method=method))
    assert result.scores["accuracy"] > 0.9
    assert result.scores["always_the_most_frequent"] == pytest.approx(0.5)
    assert result.trained > 0
    first = task_run.predict(result.folder, data.test, SILENT)
    assert first == task_run.predict(result.folder, data.test, SILENT)
    assert task_run.scores("classify", first, data.test)["accuracy"] == result.scores["accuracy"]
    assert state.read(result.folder).state == "finished"


@pytest.mark.parametrize("method", ["head", "full", "ulmfit"])
def test_an_encoder_learns_labels_too(tiny_bert: Path, tmp_path: Path, method: Any) -> None:
    result = carried_out(tmp_path, classes(), quick(tiny_bert, method=method))
    assert result.scores["accuracy"] > 0.9


@pytest.mark.parametrize("method", ["features", "head"])
def test_texts_beyond_what_the_model_reads_are_cut_and_counted(tiny_bert: Path, tmp_path: Path, method: Any) -> None:
    data = classes()
    long = tuple(replace(row, text=row.text * 40) for row in data.train[:3] if isinstance(row, ClassifyRow))
    result = carried_out(tmp_path, replace(data, train=(*data.train, *long)), quick(tiny_bert, method=method))
    assert (result.cut, result.left_out) == (3, 0)
    assert state.read(result.folder).cut == 3
    assert tuned.card_of(result.folder / "best")["longest"] == 128  # positions of the model


def body_of(best: Path, base: Path) -> dict[str, torch.Tensor]:
    return dict(headed.load(best, base).body.state_dict())


def test_a_frozen_network_stays_equal_bit_by_bit_and_an_unfrozen_one_moves(tiny_model: Path, tmp_path: Path) -> None:
    before = dict(headed.load_body(tiny_model).state_dict())
    frozen = carried_out(tmp_path / "a", classes(), quick(tiny_model, method="head"))
    moved = carried_out(tmp_path / "b", classes(), quick(tiny_model, method="full", epochs=1))
    same = body_of(frozen.folder / "best", tiny_model)
    other = body_of(moved.folder / "best", tiny_model)
    assert all(torch.equal(before[name], same[name]) for name in before)
    assert not any(torch.equal(before[name], other[name]) for name in before if "proj" in name)


def test_features_may_come_from_any_embedder(tmp_path: Path) -> None:
    result = carried_out(tmp_path, classes(), quick("static:minilm", method="features"))
    assert result.scores["accuracy"] == 1.0


def test_features_of_two_labels_are_those_of_a_regression_by_hand() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 3)).astype(np.float32)
    wanted = (inputs[:, 0] > 0).astype(int)
    weights, biases, right = features.fit(inputs, list(wanted), inputs, list(wanted), seed=0)
    assert weights.shape == (2, 3) and right > 0.95
    np.testing.assert_allclose(weights[0], -weights[1])  # two labels: one line, seen from both sides
    assert biases.shape == (2,)


def test_a_method_for_conversations_is_refused_for_labels(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tune.method = 'ia3': does not learn from a data set for classify"):
        carried_out(tmp_path, classes(), quick(tiny_model, method="ia3"))


def test_a_single_label_is_nothing_to_learn(tiny_model: Path, tmp_path: Path) -> None:
    rows = [ClassifyRow(str(i), f"text {i}", "only") for i in range(16)]
    with pytest.raises(TuneFailed, match="has 1 label to learn; two are the least"):
        carried_out(tmp_path, data_set("classify", rows), quick(tiny_model, method="head"))


# ULMFiT


def test_each_layer_learns_2_6_times_slower_than_the_one_above() -> None:
    rates = [ulmfit.rate_of(0.01, layer, 4) for layer in range(4)]
    assert rates[3] == 0.01
    assert rates[2] == pytest.approx(0.01 / 2.6)
    assert rates[0] == pytest.approx(0.01 / 2.6**3)
    with pytest.raises(ValueError, match="layer"):
        ulmfit.rate_of(0.01, 4, 4)


def test_the_slanted_triangle_is_the_one_of_the_paper() -> None:
    # total 100, cut 10: the rate rises over 10 steps and falls over 90
    rises = {0: 1 / 32, 5: (1 + 0.5 * 31) / 32, 10: 1.0, 55: (1 + 0.5 * 31) / 32}
    assert {step: schedule.factor("slanted", step, 100, 0.1) for step in rises} == pytest.approx(rises)


def test_layers_thaw_from_the_top_one_an_epoch(tiny_model: Path) -> None:
    model = headed.build(tiny_model, headed.HeadShape(("a", "b"), "concat", True), seed=0)
    layers = headed.layers_of(model)
    assert sum(p.numel() for layer in layers for p in layer) == sum(p.numel() for p in model.parameters())
    assert len(layers) == 4  # embeddings, two layers, output layer
    for epoch, learning in enumerate(([3], [2, 3], [1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3])):
        assert ulmfit.thaw(model, epoch) == len(learning)
        now = [n for n, layer in enumerate(layers) if all(p.requires_grad for p in layer)]
        assert now == learning


def test_a_layer_that_has_not_thawed_stays_bit_equal(tiny_model: Path, tmp_path: Path) -> None:
    result = carried_out(tmp_path, classes(), quick(tiny_model, method="ulmfit", epochs=2))
    before = dict(headed.load_body(tiny_model).state_dict())
    after = body_of(result.folder / "best", tiny_model)
    assert torch.equal(before["embed_tokens.weight"], after["embed_tokens.weight"])
    assert torch.equal(before["layers.0.mlp.up_proj.weight"], after["layers.0.mlp.up_proj.weight"])
    assert not torch.equal(before["layers.1.mlp.up_proj.weight"], after["layers.1.mlp.up_proj.weight"])
    learning = headed.layers_of(headed.load(result.folder / "best", tiny_model))[2:]
    assert result.trained == sum(p.numel() for layer in learning for p in layer)


def test_a_run_that_was_stopped_thaws_as_if_it_had_not_been(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = quick(tiny_model, method="ulmfit", epochs=4, save_every_s=0.0)
    whole = carried_out(tmp_path / "a", classes(), wanted)
    half = tiny.base(tmp_path / "b", classes())

    class Stop(Exception):
        pass

    class Watch:
        def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
            if stage == "train" and done == 8:
                raise Stop

    with pytest.raises(Stop):
        run.start(half, wanted, name="it", progress=Watch())
    result = run.resume(half, "it")
    first, second = (body_of(r.folder / "best", tiny_model) for r in (whole, result))
    assert all(torch.equal(first[name], second[name]) for name in first)


@given(st.integers(1, 5), st.integers(1, 7))
@examples(max_examples=20, deadline=None)
def test_padding_counts_for_nothing_in_what_is_pooled(n: int, extra: int) -> None:
    hidden = torch.randn(1, n + extra, 4, generator=torch.Generator().manual_seed(n))
    mask = torch.tensor([[1] * n + [0] * extra])
    for pooling in ("mean", "concat"):
        shape = headed.HeadShape(("a",), pooling, True)  # type: ignore[arg-type]
        whole = headed.pool(hidden, mask, shape)
        cut = headed.pool(hidden[:, :n], mask[:, :n], shape)
        torch.testing.assert_close(whole, cut)


# tags of words


@pytest.mark.parametrize("method", ["head", "full", "lora"])
def test_names_and_places_are_found_again(tiny_bert: Path, tiny_model: Path, tmp_path: Path, method: Any) -> None:
    data = tags()
    model = tiny_bert if method == "full" else tiny_model
    result = carried_out(tmp_path, data, quick(model, method=method, epochs=14))
    assert result.scores["f1"] > (0.5 if method == "head" else 0.8)
    said = task_run.predict(result.folder, data.test, SILENT)
    assert [len(one) for one in said] == [len(row.tokens) for row in data.test]  # type: ignore[union-attr]
    assert said == task_run.predict(result.folder, data.test, SILENT)


def test_a_label_stands_at_the_first_token_of_its_word(tiny_model: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    item = tagging.encode(["Kestvikborough", "."], [1, 0], tokenizer, 64)
    assert len(item.ids) > 2
    assert item.target[0] == 1
    assert [one for one in item.target if one != IGNORED] == [1, 0]
    assert set(item.target[1:-1]) == {IGNORED}


def test_spans_are_counted_by_kind_start_and_end() -> None:
    tags = ["B-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-PER"]
    assert tagging.spans(tags) == {("PER", 0, 2), ("LOC", 3, 4), ("LOC", 4, 5), ("PER", 5, 6)}
    wanted = [["B-PER", "I-PER", "O", "B-LOC"]]
    said = [["B-PER", "O", "O", "B-LOC"]]
    found = tagging.scores(said, wanted)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 0.5, 0.5)
    assert found["words_right"] == 0.75


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=12))
def test_spans_cover_the_words_that_have_a_tag_and_no_others(found: list[str]) -> None:
    covered = sorted(n for one in tagging.spans(found) for n in range(one.start, one.end))
    assert covered == [n for n, tag in enumerate(found) if tag != "O"]


# answers in a text


def test_answers_are_found_in_their_text_or_said_to_be_missing(tiny_bert: Path, tmp_path: Path) -> None:
    data = answers(160)
    result = carried_out(tmp_path, data, quick(tiny_bert, method="full", epochs=15, learning_rate=1e-3))
    assert result.scores["exact_match"] > 0.8
    said = task_run.predict(result.folder, data.test, SILENT)
    assert said == task_run.predict(result.folder, data.test, SILENT)
    for text, row in zip(said, data.test, strict=True):
        assert text in row.context  # type: ignore[union-attr]


def test_an_answer_is_encoded_by_its_first_and_last_token(tiny_model: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    row = ExtractRow("1", "Where does Anna live?", "Anna lives in Kestvik.", (ExtractedAnswer("Kestvik", 14),))
    item = extract.encode(row, tokenizer, 128)
    assert item
    first, last = item.target
    assert row.context[item.spans[first][0] : item.spans[last][1]].strip() == "Kestvik"
    assert extract.encode(row, tokenizer, len(item.ids) - 2) is None  # the answer is cut off
    logits = np.zeros((len(item.ids), 2), np.float32)
    logits[first, 0] = logits[last, 1] = 5
    assert extract.answer(logits, item, row.context) == "Kestvik"
    logits[0] = 9
    assert extract.answer(logits, item, row.context) == ""


def test_the_loss_of_a_sure_answer_is_zero_and_of_no_idea_the_log_of_the_tokens() -> None:
    item = LabelledItem((1, 2, 3, 4), (1, 2))
    sure = torch.full((1, 4, 2), -50.0)
    sure[0, 1, 0] = sure[0, 2, 1] = 50.0
    assert float(extract.loss(sure, [item])) == pytest.approx(0.0, abs=1e-6)
    assert float(extract.loss(torch.zeros(1, 4, 2), [item])) == pytest.approx(2 * math.log(4))
    assert float(extract.loss(torch.zeros(1, 6, 2), [item])) == pytest.approx(2 * math.log(4))  # padding counts not


# from nothing


TEXTS = [f"{name} lives in {place}. The ferry to {place} leaves at nine." for name, place in pairs(64)]


def texts() -> DataSet:
    return data_set("texts", [TextRow(str(n), text) for n, text in enumerate(TEXTS)])


def test_a_model_from_nothing_learns_its_text_and_says_what_more_would_cost(tmp_path: Path) -> None:
    wanted = quick("", method="scratch", vocabulary=320, layers=2, width=64, epochs=20, learning_rate=1e-2)
    result = carried_out(tmp_path, texts(), wanted)
    assert result.validation_before and result.validation_loss
    assert result.scores["perplexity"] < 0.2 * math.exp(result.validation_before)
    assert result.scores["bits_per_byte"] < 3
    assert "years on this machine" in result.notes[0]
    model, tokenizer = base_model.load_model(result.folder / "best"), base_model.load_tokenizer(result.folder / "best")
    assert (model.config.num_hidden_layers, model.config.hidden_size, len(tokenizer)) == (2, 64, 320)
    assert tokenizer.decode(tokenizer(TEXTS[0])["input_ids"]) == TEXTS[0]


def test_a_model_from_nothing_is_exported_and_answers_in_llama_cpp(tmp_path: Path) -> None:
    wanted = quick("", method="scratch", vocabulary=320, layers=2, width=64, epochs=3, learning_rate=1e-2)
    result = carried_out(tmp_path / "base", texts(), wanted)
    with KnowledgeBase.open(tmp_path / "base") as base:
        made = export.export(base, result.name, "gguf-f16")
    assert made.agreements[0].identical >= 18


def test_the_bits_of_a_byte_do_not_depend_on_the_tokenizer() -> None:
    # 8 bytes in 4 tokens at ln 4 each, or in 8 tokens at ln 2 each, are a bit a byte
    assert scratch.bits_per_byte(math.log(4), 4, ["abcdefgh"]) == pytest.approx(1.0)
    assert scratch.bits_per_byte(math.log(2), 8, ["abcdefgh"]) == pytest.approx(1.0)
    assert scratch.perplexity(math.log(7)) == pytest.approx(7)


def test_the_cost_of_another_model_grows_with_weights_and_tokens() -> None:
    cost = scratch.cost_of(1e6, 1e9, n_mine=1000, tokens_per_s=1000)
    assert cost.operations == 6e15
    assert cost.years == pytest.approx(1e9 / 365.25 / 86400)
    with pytest.raises(UsageError, match="is at least 259"):
        scratch.make_tokenizer(["a"], 100, Path())


# texts from texts


def test_pairs_are_scored_by_every_measure_beside_the_base(tiny_model: Path, tmp_path: Path) -> None:
    rows = [
        PairRow(row_id(n), f"Where does {name} live?", f"{name} lives in Tarn.")
        for n, (name, _) in enumerate(pairs(48))
    ]
    result = carried_out(
        tmp_path, data_set("text2text", rows), quick(tiny_model, epochs=8, learning_rate=1e-2, replay=0.0)
    )
    for name in text2text.MEASURES:
        assert 0 <= result.scores[f"base_{name}"] <= result.scores[name] <= 1
    assert result.scores["rouge_l"] > 0.7


def test_a_right_text_has_full_marks_and_another_has_none() -> None:
    assert set(text2text.scores(["the ferry leaves at nine"], ["the ferry leaves at nine"]).values()) == {1.0}
    assert max(text2text.scores(["xyz"], ["the ferry leaves at nine"]).values()) < 0.05


def test_figures_of_labels_are_those_of_the_textbook() -> None:
    said, wanted = ["a", "a", "b", "c"], ["a", "b", "b", "c"]
    assert labelled.accuracy(said, wanted) == 0.75
    assert labelled.macro_f1(said, wanted) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert labelled.f1(0, 0, 0) == 0.0


# from the terminal


def test_a_run_that_learned_labels_says_them_for_new_texts(tiny_model: Path, tmp_path: Path) -> None:
    carried_out(tmp_path, classes(), quick(tiny_model, method="head"))
    runner = CliRunner()

    def typed(*words: str) -> Result_:
        return runner.invoke(app, [*words, "--base", str(tmp_path)])

    file = tmp_path / "new.txt"
    file.write_text("Where does Emil live?\n\nEmil lives\u2028in Tarn.\n", "utf-8")  # a text may hold U+2028
    said = json.loads(typed("tune", "predict", "it", "--file", str(file), "--json").stdout)["said"]
    assert [one["said"] for one in said] == ["ask", "say"]
    assert typed("tune", "predict", "it", "Where does Emil live?").stdout.startswith("ask  Where")
    assert typed("tune", "predict", "it").exit_code == 2
    refused = typed("models", "export", "it", "--to", "gguf-f16")
    assert refused.exit_code == 2 and "wellread tune predict it TEXT" in refused.stderr


# on the embedded model


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize(
    ("task", "method"),
    [("classify", "features"), ("classify", "head"), ("classify", "ulmfit"), ("tag", "lora"), ("extract", "lora")],
)
def test_the_embedded_model_learns_labels_in_a_few_steps(tmp_path: Path, task: str, method: Any) -> None:
    data = {"classify": classes, "tag": tags, "extract": answers}[task](24)
    wanted = quick("llama:smollm2-135m", method=method, epochs=2, max_steps=3, batch=4, threads=0)
    result = carried_out(tmp_path, data, wanted)
    said = task_run.predict(result.folder, data.test, SILENT)
    assert task_run.scores(task, said, data.test) == {
        name: value for name, value in result.scores.items() if not name.startswith("always")
    }
    if method == "features":
        assert result.scores["accuracy"] == 1.0
    else:
        assert result.validation_before and result.validation_loss
        assert result.validation_loss < result.validation_before
