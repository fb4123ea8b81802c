"""The task of a base: what its user says of it, and what its settings say where the user does not."""

from __future__ import annotations

import re
from dataclasses import replace

from wellread.advise.advice import TaskDescription
from wellread.knowledge_base import KnowledgeBase
from wellread.models.settings import context_tokens

SIZE = re.compile(r"(\d+(?:\.\d+)?)([mb])(?![a-z0-9])")


def described(base: KnowledgeBase, said: TaskDescription = TaskDescription()) -> TaskDescription:
    """What the user said about the task, with what the settings of the base say where the user did not."""
    chat, prices = base.settings["chat"], said.prices
    return replace(
        said,
        context_tokens=context_tokens(chat),
        parameters=said.parameters or size(chat.model),
        prices=replace(
            prices,
            per_million_in=chat.price_in if prices.per_million_in is None else prices.per_million_in,
            per_million_out=chat.price_out if prices.per_million_out is None else prices.per_million_out,
            currency=chat.currency,
        ),
    )


def size(model: str) -> float | None:
    """Parameters of a model by its name: 135e6 of ``llama:smollm2-135m``; None where the name does not say."""
    found = SIZE.findall(model.lower())
    return float(found[-1][0]) * {"m": 1e6, "b": 1e9}[found[-1][1]] if found else None
