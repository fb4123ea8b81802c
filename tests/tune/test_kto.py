"""Learning from single ratings: the loss by hand and at its limits, rows as tokens, runs from ratings and pairs."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tune import tiny
from tests.tune.test_align import chosen, pair, taste
from tests.tune.test_run import _weights

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune import run
from wellread.tune.align import heldout, losses, ratings, unpaired
from wellread.tune.base import base_model
from wellread.tune.data import gather
from wellread.tune.data.data import Card, DataSet, RatedRow
from wellread.tune.train import state
from wellread.tune.train.loop import TuneFailed


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_the_loss_by_hand() -> None:
    """Equation 8: a good answer 2 nats up and a bad one 1 nat down, z₀ = 1, β = 1/2, λ = 1 and 3."""
    ratio = torch.tensor([2.0, -1.0], requires_grad=True)
    found = losses.kto(ratio, torch.tensor(1.0), torch.tensor([True, False]), 0.5, torch.tensor([1.0, 3.0]))
    assert found.tolist() == pytest.approx([1 - sigmoid(0.5 * (2 - 1)), 3 * (1 - sigmoid(0.5 * (1 + 1)))])
    found.sum().backward()
    assert ratio.grad is not None
    slope = 0.5 * sigmoid(0.5) * (1 - sigmoid(0.5)), 0.5 * 3 * sigmoid(1.0) * (1 - sigmoid(1.0))
    assert ratio.grad.tolist() == pytest.approx([-slope[0], slope[1]])  # up with the good one, down with the bad one


@given(st.floats(0.01, 5), st.floats(0.1, 10), st.booleans())
def test_the_loss_is_half_its_weight_where_model_and_reference_agree(beta: float, weight: float, good: bool) -> None:
    zero = torch.zeros(1)
    found = losses.kto(zero, losses.reference_point(zero), torch.tensor([good]), beta, torch.tensor([weight]))
    assert found.item() == pytest.approx(weight / 2, rel=1e-6)


def test_the_reference_point_is_a_distance_that_nothing_flows_through() -> None:
    strange = torch.tensor([0.4, -0.1], requires_grad=True)
    point = losses.reference_point(strange)
    assert point.item() == pytest.approx(0.15) and not point.requires_grad
    assert losses.reference_point(torch.tensor([-3.0])).item() == 0.0  # no distance is below 0


def test_the_rarer_kind_weighs_more_by_as_much_as_it_is_rarer() -> None:
    assert unpaired.weights_of([True] * 6 + [False] * 2) == {True: 1.0, False: 3.0}
    assert unpaired.weights_of([True, False]) == {True: 1.0, False: 1.0}


def rated(name: str, place: str, score: float, *, long: bool = False) -> RatedRow:
    answer = f"{name} lives in {place}." if long else f"In {place}."
    return RatedRow(f"{name}{score}", f"Where does {name} live?", answer, score)


def stars(**parts: tuple[RatedRow, ...]) -> DataSet:
    """Short answers have five stars, long ones one; two people are held out."""
    people = list(zip(tiny.NAMES, tiny.PLACES, strict=True))
    rows = [(rated(name, place, 5), rated(name, place, 1, long=True)) for name, place in people]
    both = [tuple(row for two in some for row in two) for some in (rows[:6], rows[6:7], rows[7:])]
    made = dict(zip(("train", "validation", "test"), both, strict=True)) | parts
    counts = {part: len(some) for part, some in made.items()}
    return DataSet(Card("stars", "rating", counts, ("prompt", "answer", "score")), **made)


def test_the_middle_of_the_scale_is_neither_good_nor_bad(tiny_model: Path) -> None:
    tokenizer, data = base_model.load_tokenizer(tiny_model), stars()
    data = replace(data, train=(*data.train, rated("Ida", "Tarn", 3)))
    made = ratings.encode_ratings(data, tokenizer, 128)
    assert made.middle == 3 and [row.good for row in made.train] == [True, False] * 6
    assert [(row["part"], row["id"]) for row in made.left_out] == [("train", "Ida3")]
    assert "neither good nor bad" in made.left_out[0]["reason"]
    with pytest.raises(
        TuneFailed, match=r"^0 of 0 rated answers are good .* both good and bad ones .* neither good nor bad"
    ):
        ratings.encode_ratings(replace(data, train=tuple(replace(r, score=1) for r in data.train[:6])), tokenizer, 128)


def test_the_strange_answer_belongs_to_another_prompt_and_follows_the_own_one(tiny_model: Path) -> None:
    tokenizer = base_model.load_tokenizer(tiny_model)
    for row in ratings.encode_ratings(stars(), tokenizer, 128).train:
        start = next(at for at, one in enumerate(row.own.labels) if one != -100)
        assert row.strange.ids[:start] == row.own.ids[:start]
        said = tokenizer.decode(row.strange.ids[start:])
        others = [place for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True) if name not in row.prompt]
        assert any(place in said for place in others)


def test_a_run_learns_from_ratings_and_ends_alike_when_it_was_stopped(tmp_path: Path, tiny_model: Path) -> None:
    base = tiny.base(tmp_path / "base", stars())
    wanted = chosen(
        tiny_model, objective="kto", dropout=0.1, patience=0, save_every_s=0.0, batch=4, epochs=4, probe=False
    )
    result = run.start(base, wanted, name="whole")
    assert result.validation_before == pytest.approx(0.5, abs=1e-5) and result.scores["reward_accuracy"] == 1.0
    assert result.validation_loss is not None and result.validation_loss < 0.5
    assert result.scores["margin"] > result.scores["margin_before"]
    assert result.scores["accuracy_by_length"] == 1.0 and result.scores["held_out_answers"] == 2
    assert {"self_bleu", "self_bleu_before", "entropy", "entropy_before", "kl"} <= result.scores.keys()
    with pytest.raises(KeyboardInterrupt):
        run.start(base, wanted, name="cut", progress=Stops(5))
    run.resume(base, "cut")
    whole, cut = (state.folder_of(base.folder, name) for name in ("whole", "cut"))
    for part in ("checkpoints", "best"):
        first, second = _weights(whole, part), _weights(cut, part)
        assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    with pytest.raises(UsageError, match=r"'dpo': learns from pairs, and data set 'stars' holds single ratings"):
        run.start(base, replace(wanted, objective="dpo"), name="pairs")


class Stops:
    """Somebody who presses Ctrl-C after some steps."""

    def __init__(self, at: int) -> None:
        self._at = at

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        if stage == "train" and done == self._at:
            raise KeyboardInterrupt


def test_pairs_are_single_answers_too(tmp_path: Path, tiny_model: Path) -> None:
    base: KnowledgeBase = tiny.base(tmp_path / "base", taste())
    result = run.start(base, chosen(tiny_model, objective="kto", epochs=4, probe=False), name="run")
    assert result.scores["reward_accuracy"] == 1.0 and result.scores["held_out_pairs"] == 1.0
    assert result.validation_loss is not None and result.validation_loss < 0.5


# how alike answers are


def test_self_bleu_and_narrowing_by_it() -> None:
    assert heldout.self_bleu(["the boat leaves at nine"] * 3) == pytest.approx(1.0)
    unlike = heldout.self_bleu(["the boat leaves at nine", "a dog costs four crowns", "nobody answers letters here"])
    assert unlike < 0.1 and heldout.self_bleu(["alone"]) == 0.0
    scores = {f"distinct_2{which}": 0.9 for which in ("", "_before", "_preferred")}
    scores |= {"self_bleu_before": 0.2, "self_bleu_preferred": 0.3, "self_bleu": 0.6}
    assert not heldout.narrowed(scores, 0.5)
    assert "40% unlike each other by self-BLEU, 80% before and 70%" in heldout.narrowed(scores, 0.6)


def test_the_entropy_is_that_of_the_next_token(tiny_model: Path) -> None:
    model, tokenizer = base_model.load_model(tiny_model).eval(), base_model.load_tokenizer(tiny_model)
    row = ratings.encode_ratings(stars(), tokenizer, 128).train[0].own
    with torch.no_grad():
        shares = model(input_ids=torch.tensor([row.ids])).logits[0].float().log_softmax(-1)
    places = [at - 1 for at, label in enumerate(row.labels) if label != -100]
    entropy = float(-(shares.exp() * shares).sum(-1)[places].mean())
    found = heldout.distance(model, lambda: nullcontext(model), [row], 2)
    assert (found.entropy, found.entropy_before) == pytest.approx((entropy, entropy), rel=1e-5)
    assert found.kl == pytest.approx(0, abs=1e-6)


# files


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_file_of_ratings_is_known_by_its_score(tmp_path: Path) -> None:
    asked = {"prompt": "Where?", "completion": "In Tarn."}
    trl = lines(tmp_path / "trl.jsonl", [{**asked, "label": True}, {**asked, "prompt": "Who?", "label": False}])
    found = gather.from_files([trl])
    assert found.task == "rating" and [placed.row.score for placed in found.rows] == [1.0, 0.0]  # type: ignore[union-attr]
    five = lines(tmp_path / "five.jsonl", [{**asked, "rating": 4, "rater": "ann"}, {**asked, "rating": "?"}, asked])
    found = gather.from_files([five], task="rating")
    assert [placed.row.rater for placed in found.rows] == []  # type: ignore[union-attr]
    five = lines(tmp_path / "five.jsonl", [{**asked, "rating": 4, "rater": "ann"}, {**asked, "rating": None}])
    found = gather.from_files([five])
    assert [(placed.row.score, placed.row.rater) for placed in found.rows] == [(4.0, "ann")]  # type: ignore[union-attr]
    assert [one.code for one in found.findings] == ["missing-field"]
    words = lines(tmp_path / "words.jsonl", [{**asked, "label": "polite"}])
    assert gather.from_files([words]).task == "chat"
    assert pair("Anna", "Tarn").rater == ""
