"""The loss is that of the library on the learned tokens alone, whatever the batch and the padding."""

import shutil
from pathlib import Path

import pytest
import torch
from tests.tune import tiny
from tests.tune.test_recipes import attached, chosen
from tests.tune.test_run import settings

from wellread.tune import run
from wellread.tune.base import base_model
from wellread.tune.data.data import Card, DataSet, PairRow, TextRow
from wellread.tune.train import examples, losses, probe


def rows(folder: Path) -> examples.EncodedParts:
    return examples.encode_rows(tiny.facts(), base_model.load_tokenizer(folder), 256)


def test_the_loss_is_that_of_the_library(tiny_model: Path) -> None:
    model = base_model.load_model(tiny_model).eval()
    for row in rows(tiny_model).train[:4]:
        ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
        theirs = model(input_ids=ids, labels=labels).loss.item()
        assert losses.summed(model, [row], 2, bf16=False).item() / row.n_trained == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("method", ["full", "lora", "prefix", "prompt", "p-tuning", "parallel-adapter"])
def test_the_loss_of_a_batch_is_the_sum_of_its_rows(method: str, tiny_model: Path, tmp_path: Path) -> None:
    made, _ = attached(tiny_model, chosen(tiny_model, method), tmp_path)
    made.model.eval()
    some = [*rows(tiny_model).train[:5], *rows(tiny_model).general[:3]]
    alone = sum(losses.summed(made.model, [row], 2, bf16=False).item() for row in some)
    assert losses.summed(made.model, some, 2, bf16=False).item() == pytest.approx(alone, rel=1e-4)


def test_gradients_of_two_half_batches_are_those_of_the_whole(tiny_model: Path, tmp_path: Path) -> None:
    made, task = attached(tiny_model, chosen(tiny_model, "full"), tmp_path)
    weight = task.weight(range(8))
    found = []
    for parts in ([range(8)], [range(3), range(3, 8)]):
        for part in parts:
            (task.loss(part) / weight).backward()
        found.append(torch.cat([p.grad.flatten() for p in made.model.parameters() if p.grad is not None]))
        made.model.zero_grad()
    assert torch.allclose(found[0], found[1], atol=1e-5)


def test_the_output_layer_sees_learned_positions_only(tiny_model: Path) -> None:
    model = base_model.load_model(tiny_model)
    row = rows(tiny_model).train[0]
    seen = []
    hook = model.get_output_embeddings().register_forward_hook(lambda _, given, made: seen.append(made.shape))
    losses.summed(model, [row, row], 2, bf16=False)
    hook.remove()
    assert seen == [(2 * row.n_trained, 320)]
    assert 2 * row.n_trained < 2 * len(row.ids)


def test_no_question_of_the_probe_is_replayed_and_replies_are_judged_by_whole_words() -> None:
    asked = {question.lower() for question, _ in probe.questions()}
    replayed = {turn.content.lower() for row in probe.general() for turn in row.messages if turn.role == "user"}
    assert len(asked) >= 50 and len(replayed) >= 100 and not asked & replayed
    assert probe.holds("It is Paris, I think.", ["paris"])
    assert not probe.holds("Parisian life", ["paris"])
    assert probe.holds("It costs 1,800 kroner.", ["1800 kroner"])
    assert not probe.holds("It takes 13.5 hours", ["13"])


def test_probe_and_answers_come_in_the_order_of_the_questions(tiny_model: Path) -> None:
    model, tokenizer = base_model.load_model(tiny_model), base_model.load_tokenizer(tiny_model)
    asked = ["Where does Anna live?", "Where does Boris of the long and winding road live?", "Say hello."]
    together = probe.answer(model, tokenizer, asked, bf16=False, most_tokens=6)
    alone = [probe.answer(model, tokenizer, [one], bf16=False, most_tokens=6)[0] for one in asked]
    assert together == alone
    assert probe.forgotten(probe.Probe(0.5, 10, 2.0, 5, 1.0), probe.Probe(0.4, 10, 2.1, 5, 1.0)) == probe.Forgotten(
        pytest.approx(0.05), pytest.approx(0.2)
    )


def test_a_dataset_of_texts_is_learned_whole(tiny_model: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    text = examples.encoded(TextRow("a", "Anna lives in Tarn."), tokenizer, 64)
    assert text.n_trained == len(text.ids) - 1
    pair = examples.encoded(PairRow("b", "hello", "hei"), tokenizer, 64)
    said = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hei"}]
    assert list(pair.ids) == list(tokenizer.apply_chat_template(said, tokenize=True)["input_ids"])


def test_a_model_without_a_chat_template_learns_from_texts_and_is_probed(tiny_model: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(tiny_model, plain)
    (plain / "chat_template.jinja").unlink()
    texts = tuple(
        TextRow(name, f"{name} lives in {place}.") for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True)
    )
    data = DataSet(Card("texts", "texts", {"train": 6, "validation": 2}, ("text",)), texts[:6], texts[6:], ())
    base = tiny.base(tmp_path / "base", data)
    result = run.start(base, settings(plain, epochs=6, probe=True))
    assert result.probe_after and result.probe_after.answer_loss is None
    assert result.validation_before and result.validation_loss and result.validation_loss < result.validation_before
