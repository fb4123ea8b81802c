"""Objectives that learn from pairs or single answers, as functions of log-probabilities alone.

y_w is the preferred answer to x and y_l the rejected one; π learns and π_ref stays the base model. ``gap`` is
log π(y_w|x)/π_ref(y_w|x) − log π(y_l|x)/π_ref(y_l|x), each summed over the tokens of an answer. A mean is such a sum
over their number. Shapes are (n,) for n pairs throughout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellread.tune.settings import TuneSettings

BETAS: Mapping[str, float] = {"dpo": 0.1, "cdpo": 0.1, "ipo": 0.1, "simpo": 2.0, "orpo": 0.1, "kto": 0.1, "ppo": 0.1}
WITH_REFERENCE = ("dpo", "cdpo", "ipo", "kto")
LIKELIEST = -1e-6  # the mean log-probability above which odds would be infinite


@dataclass(frozen=True, slots=True)
class PairLogprobs:
    """Summed log-probabilities of n pairs' answers under a model, in nats, and their numbers of tokens: (n,) each."""

    chosen: Any
    rejected: Any
    chosen_tokens: Any
    rejected_tokens: Any

    @property
    def means(self) -> tuple[Any, Any]:
        """Mean log-probability a token of the preferred answers and of the rejected ones."""
        return self.chosen / self.chosen_tokens, self.rejected / self.rejected_tokens


def gap_of(model: PairLogprobs, reference: PairLogprobs) -> Any:
    """By how many nats the model prefers y_w to y_l more than the reference does."""
    return (model.chosen - reference.chosen) - (model.rejected - reference.rejected)


def beta_of(settings: TuneSettings) -> float:
    """``tune.beta``, or that of the objective where it is 0."""
    return settings.beta or BETAS[settings.objective]


def loss(model: PairLogprobs, reference: PairLogprobs, settings: TuneSettings) -> Any:
    """The loss of each pair by ``tune.objective``; simpo and orpo do not look at the reference."""
    beta = beta_of(settings)
    match settings.objective:
        case "dpo":
            return dpo(gap_of(model, reference), beta)
        case "cdpo":
            return cdpo(gap_of(model, reference), beta, settings.flipped)
        case "ipo":
            return ipo(gap_of(model, reference), beta)
        case "simpo":
            return simpo(*model.means, beta, settings.target_margin)
        case "orpo":
            return orpo(*model.means, beta)


def dpo(gap: Any, beta: float) -> Any:
    """−log σ(β gap): ln 2 where model and reference agree.

    Source: Rafailov et al., NeurIPS 2023, equation 7.
    """
    return _minus_log_sigmoid(beta * gap)


def cdpo(gap: Any, beta: float, flipped: float) -> Any:
    """−(1 − ε) log σ(β gap) − ε log σ(−β gap), where a share ε of the pairs is the wrong way round.

    Its least value lies at β gap = log((1 − ε)/ε), so the gap does not grow without end.

    Source: Mitchell, «A note on DPO with noisy preferences», 2023, the conservative DPO loss.
    """
    return (1 - flipped) * _minus_log_sigmoid(beta * gap) + flipped * _minus_log_sigmoid(-beta * gap)


def ipo(gap: Any, beta: float) -> Any:
    """(gap − 1/(2 β))²: the gap is led to 1/(2 β) and not beyond.

    Source: Azar et al., 2023 («A general theoretical paradigm to understand learning from human preferences»),
    equation 17, with β for τ.
    """
    return (gap - 1 / (2 * beta)) ** 2


def simpo(chosen_mean: Any, rejected_mean: Any, beta: float, margin: float) -> Any:
    """−log σ(β (mean log π(y_w|x) − mean log π(y_l|x)) − γ), without a reference.

    Source: Meng et al., NeurIPS 2024, equation 6.
    """
    return _minus_log_sigmoid(beta * (chosen_mean - rejected_mean) - margin)


def orpo(chosen_mean: Any, rejected_mean: Any, beta: float) -> Any:
    """−mean log π(y_w|x) − β log σ(log odds(y_w|x)/odds(y_l|x)), without a reference.

    Odds are P/(1 − P) with P the geometric mean of the tokens' probabilities. The first term is plain fine-tuning on
    the preferred answer.

    Source: Hong et al., EMNLP 2024, equations 3 to 7, with β for λ.
    """
    return -chosen_mean + beta * _minus_log_sigmoid(_log_odds(chosen_mean) - _log_odds(rejected_mean))


def kto(ratio: Any, point: Any, good: Any, beta: float, weights: Any) -> Any:
    """λ − λ σ(β (r − z₀)) of a good answer and λ − λ σ(β (z₀ − r)) of a bad one, r = log π(y|x)/π_ref(y|x).

    λ/2 where model and reference agree. The further an answer is on its right side, the less it still moves.

    Args:
        ratio: r of each answer, (n,).
        point: z₀, see ``reference_point``.
        good: bool (n,).
        beta: how quickly more stops to matter.
        weights: λ of each answer, (n,).
    Source: Ethayarajh et al., ICML 2024, equation 8.
    """
    import torch

    side = torch.where(good, ratio - point, point - ratio)
    return weights * (1 - (beta * side).sigmoid())


def reference_point(strange: Any) -> Any:
    """z₀ ≥ 0: the distance of the model from the reference in nats, by answers that belong to other prompts.

    No gradient goes through it.

    Args:
        strange: log π(y'|x)/π_ref(y'|x) of each prompt with an answer to another one, (n,), at least one.
    Source: Ethayarajh et al., ICML 2024, section 4.1, the estimate of z₀ from mismatched pairs.
    """
    return strange.detach().mean().clamp(min=0)


def _log_odds(mean: Any) -> Any:
    """Log P/(1 − P) of log P, exact also where P is near 0."""
    import torch

    below_one = mean.clamp(max=LIKELIEST)
    return below_one - torch.log(-torch.expm1(below_one))


def _minus_log_sigmoid(value: Any) -> Any:
    import torch

    return torch.nn.functional.softplus(-value)
