"""What learning from preferences came to, on pairs that were not learned from: agreement, distance, diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.metrics import metrics
from wellread.tune.align.preferences import EncodedPair
from wellread.tune.align.ratings import EncodedAnswer
from wellread.tune.align.reference import Opened
from wellread.tune.align.task import Kept
from wellread.tune.base import peft_files
from wellread.tune.base.template import IGNORED, Encoded
from wellread.tune.train import losses, probe

MOST = 32  # held-out prompts that are answered, and preferred answers that the divergence is taken over
TOKENS = 48  # of such an answer at most
AT_ONCE = 8
NEUTRAL: Mapping[str, Any] = {  # against what a model's own generation_config.json asks for
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "typical_p": 1.0,
    "min_p": 0.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}


def agreement(pairs: Sequence[EncodedPair], kept: Kept) -> tuple[float, float]:
    """Share of pairs whose preferred answer is the likelier one a token, and by how many nats a token on average.

    A tie counts half. By the token, because the sum of log-probabilities prefers whatever is short.

    Args:
        pairs: at least one.
        kept: summed log-probabilities (preferred, rejected) of each.
    """
    margins = [
        chosen / pair.chosen.n_trained - rejected / pair.rejected.n_trained
        for pair, (chosen, rejected) in zip(pairs, kept, strict=True)
    ]
    return _share_won(margins), sum(margins) / len(margins)


def ranked(answers: Sequence[EncodedAnswer], kept: Sequence[float]) -> tuple[float, float]:
    """Share of (good, bad) answers whose good one has the higher value, and by how much on average; a tie counts half.

    Args:
        answers: at least one good and one bad.
        kept: a value of each.
    """
    good = [value for one, value in zip(answers, kept, strict=True) if one.good]
    bad = [value for one, value in zip(answers, kept, strict=True) if not one.good]
    return _share_won([one - other for one in good for other in bad]), sum(good) / len(good) - sum(bad) / len(bad)


def by_length(pairs: Sequence[EncodedPair]) -> float:
    """Agreement of whoever looks at nothing but length, always for the longer or always for the shorter answer."""
    longer = _share_won([float(pair.chosen.n_trained - pair.rejected.n_trained) for pair in pairs])
    return max(longer, 1 - longer)


def rewarded(now: Kept, before: Kept, beta: float) -> tuple[float, float]:
    """Share of pairs with the higher implicit reward on the preferred answer, and the mean difference of rewards.

    The reward of an answer is β log π(y|x)/π_ref(y|x). Source: Rafailov et al., NeurIPS 2023, section 4.
    """
    gaps = [
        beta * ((chosen - chosen_before) - (rejected - rejected_before))
        for (chosen, rejected), (chosen_before, rejected_before) in zip(now, before, strict=True)
    ]
    return _share_won(gaps), sum(gaps) / len(gaps)


def _share_won(margins: Sequence[float]) -> float:
    return sum(1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins) / len(margins)


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a model is from its reference at the tokens of given answers, in nats of the next token.

    ``kl`` is KL(π ‖ π_ref), ``entropy`` and ``entropy_before`` −Σ π log π of the model and of its reference.
    """

    kl: float
    entropy: float
    entropy_before: float


def distance(model: Any, base_of: Opened, rows: Sequence[Encoded], pad_id: int) -> Distance:
    """KL(π ‖ π_ref) and the entropies over the whole vocabulary, mean over the answers' tokens.

    It is exact at each place and an estimate of the distance as a whole, for the places are those of given answers and
    not of what the model would write itself.

    Args:
        model: π, ready to predict.
        base_of: makes a context that gives π_ref, see ``reference.base_of``.
        rows: answers, at least one.
        pad_id: fills a batch.
    """
    import torch

    found, tokens = torch.zeros(3, dtype=torch.float64), 0
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        with torch.no_grad():
            now = _log_shares(model, some, pad_id)
            with base_of() as base:
                before = _log_shares(base, some, pad_id)
        sums = [(now.exp() * (now - before)).sum(), -(now.exp() * now).sum(), -(before.exp() * before).sum()]
        found += torch.stack(sums).double()
        tokens += len(now)
    kl, entropy, entropy_before = (found / tokens).tolist()
    return Distance(max(kl, 0.0), entropy, entropy_before)


def _log_shares(model: Any, rows: Sequence[Encoded], pad_id: int) -> Any:
    """(learned tokens, vocabulary)"""
    return losses.learned_logits(model, rows, pad_id, bf16=False)[0].log_softmax(-1)


def written(model: Any, tokenizer: Any, prompts: Sequence[str], *, seed: int) -> list[str]:
    """An answer to each prompt as text; see ``drawn``."""
    return texts_of(drawn(model, tokenizer, prompts, seed=seed), tokenizer)


def texts_of(rows: Sequence[Encoded], tokenizer: Any) -> list[str]:
    """What drawn answers say, without their prompts."""
    answers = [[one for one in row.labels if one != IGNORED] for row in rows]
    return [str(tokenizer.decode(tokens, skip_special_tokens=True)).strip() for tokens in answers]


def drawn(model: Any, tokenizer: Any, prompts: Sequence[str], *, seed: int) -> list[Encoded]:
    """An answer to each prompt, drawn from the model as it is (temperature 1); the same seed draws the same.

    Penalties and cut-offs that a model ships with are switched off: what is drawn and what is scored are one model.
    The tokens of the answer, its end among them, have labels; an answer that does not end is ``TOKENS`` long.
    """
    import torch

    texts = [tokenizer(probe.prompt_of(one, tokenizer), add_special_tokens=False)["input_ids"] for one in prompts]
    pad = probe.pad_of(tokenizer)
    found: list[Encoded] = []
    was = model.training
    model.eval()
    torch.manual_seed(seed)
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        width = max(map(len, some))
        ids = torch.tensor([[pad] * (width - len(one)) + one for one in some])  # (n, width), padded on the left
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in some])
        with torch.no_grad(), peft_files.quiet():
            made = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=TOKENS,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                **NEUTRAL,
                pad_token_id=pad,
            )
        for prompt, new in zip(some, made[:, width:].tolist(), strict=True):
            ends = [at for at, token in enumerate(new) if token in (pad, tokenizer.eos_token_id)]
            answer = new[: ends[0] + 1] if ends else new
            found.append(Encoded((*prompt, *answer), (*[IGNORED] * len(prompt), *answer), ends=bool(ends)))
    model.train(was)
    return found


def distinct(texts: Sequence[str], n: int) -> float:
    """Different runs of n words as a share of all of them, over all texts; 0 where no text has n words.

    Source: Li et al., NAACL 2016, section 5 (distinct-1, distinct-2).
    """
    runs = [tuple(words[at : at + n]) for words in map(str.split, texts) for at in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def self_bleu(texts: Sequence[str]) -> float:
    """How much texts are like each other, 0 to 1: BLEU of each with all others as references, on average.

    1 where all are the same; 0 for less than two.

    Source: Zhu et al., SIGIR 2018 (Texygen), section 3.2.
    """
    if len(texts) < 2:
        return 0.0
    return sum(metrics.bleu(text, [*texts[:at], *texts[at + 1 :]]) for at, text in enumerate(texts)) / len(texts)


def mean_words(texts: Sequence[str]) -> float:
    """Words of a text, on average."""
    return sum(len(text.split()) for text in texts) / len(texts)


def narrowed(scores: Mapping[str, float], least: float) -> str:
    """Why answers are too much alike now; empty where they are not.

    They are held against the base model's, or against the preferred ones where these are more alike: whoever asks for
    Yes or No gets Yes or No. Both distinct word pairs and unlikeness (1 − self-BLEU) must keep their share.
    """
    for name, measured in (
        ("distinct_2", "{:.0%} of their word pairs are distinct, {:.0%} before and {:.0%} in the preferred answers"),
        ("self_bleu", "they are {:.0%} unlike each other by self-BLEU, {:.0%} before and {:.0%} if preferred"),
    ):
        found = [scores[key] for key in (name, f"{name}_before", f"{name}_preferred")]
        after, before, wanted = (1 - one for one in found) if name == "self_bleu" else found
        limit = least * min(before, wanted)
        if after < limit:
            return (
                f"the answers have narrowed: {measured.format(after, before, wanted)}; tune.narrowest = {least:g} asks "
                f"for {limit:.0%}; raise tune.beta, or lower tune.learning_rate or tune.epochs"
            )
    return ""
