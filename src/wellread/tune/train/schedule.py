"""The course of the learning rate as pure functions of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import math

STABLE = 0.8  # share of a wsd schedule before its decay begins
LOWEST = 0.1  # of a wsd and cosine schedule
RATIO = 32.0  # between the highest and the lowest rate of the slanted triangle


def factor(name: str, step: int, total: int, warmup: float) -> float:
    """What the highest learning rate is multiplied by in ``step``, counted from 0; in [0, 1].

    Args:
        name: constant, linear, cosine, inverse-sqrt, wsd (warm up, stay, decay) or slanted.
        step: 0 ≤ step < total.
        total: steps of the whole run, > 0.
        warmup: share of ``total`` in which the factor rises linearly; the slanted triangle rises in this share too.
    Raises: ValueError for another name.
    Source: cosine: Loshchilov and Hutter, ICLR 2017, equation 5; wsd: Hu et al. 2024 (MiniCPM), section 4.2;
        slanted: Howard and Ruder, ACL 2018, equation 3.
    """
    rise = max(1, round(warmup * total)) if warmup > 0 else 0
    if name == "slanted":
        return _slanted(step, total, max(1, rise))
    if step < rise:
        return (step + 1) / (rise + 1)
    done = (step - rise) / max(1, total - rise)
    if name == "constant":
        return 1.0
    if name == "linear":
        return 1.0 - done
    if name == "cosine":
        return LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * done)) / 2
    if name == "inverse-sqrt":
        return math.sqrt(max(1, rise) / max(1, rise, step + 1))
    if name == "wsd":
        return 1.0 if done < STABLE else 1.0 - (1 - LOWEST) * (done - STABLE) / (1 - STABLE)
    raise ValueError(f"{name}: no such schedule")


def _slanted(step: int, total: int, cut: int) -> float:
    p = step / cut if step < cut else 1 - (step - cut) / max(1, total - cut)
    return (1 + p * (RATIO - 1)) / RATIO
