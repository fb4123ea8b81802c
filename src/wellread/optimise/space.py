"""What is searched for the best settings: axes with their values, of those settings that exist."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from wellread import config
from wellread.config import Settings
from wellread.errors import ConfigError
from wellread.knowledge_base import SECTIONS
from wellread.optimise.rechunk import needs_copy

Choice = Mapping[str, object]  # settings that differ from the present ones, by section.key

# What is not here is not searched. answer.quotes and answer.max_tokens are not: a longer answer holds an accepted one
# more often without being better, so that «right» would choose them for the wrong reason.
AXES: Mapping[str, tuple[object, ...]] = {
    "answer.passages": (3, 5, 8, 12, 20, 30, 40),
    "retrieve.mode": ("hybrid", "bm25", "dense"),
    "retrieve.alpha": (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    "retrieve.fusion": ("minmax", "rrf"),
    "retrieve.candidates": (30, 100, 200),
    "retrieve.document_weight": (0.0, 0.1, 0.2, 0.3),
    "retrieve.scope": (True, False),
    "rerank.model": ("", "onnx:minilm"),
    "rerank.candidates": (20, 50, 100),
    "rerank.weight": (0.33, 0.67, 1.0),
    "rewrite.sub_questions": ("off", "rules"),
    "rewrite.hyde": ("off", "feedback"),
    "rewrite.step_back": ("off", "rules"),
    "rewrite.variants": ("off", "model"),
    "expand.mode": ("none", "window", "section", "merge"),
    "answer.scorer": ("", "onnx:minilm"),
    "answer.style": ("quote", "auto", "write"),
    "answer.budget_tokens": (200, 400, 800, 1600),
    "chunk.preset": ("facts", "lines", "narrative", "code", "long-context"),
    "chunk.size_tokens": (100, 150, 200, 300, 400),
    "chunk.overlap_tokens": (0, 24, 48),
}
THRESHOLD = "answer.refuse_below"
THRESHOLDS = (0.0, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8)
_NEEDS_CHAT = ("rewrite.variants", "answer.style", "answer.budget_tokens", "chat.model")
# A setting counts only while another one has one of these values.
_ONLY_IF: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "retrieve.alpha": {"retrieve.fusion": ("minmax",), "retrieve.mode": ("hybrid",)},
    "retrieve.document_weight": {"retrieve.fusion": ("minmax",), "retrieve.mode": ("hybrid",)},
    "retrieve.fusion": {"retrieve.mode": ("hybrid",)},
    "answer.budget_tokens": {"answer.style": ("auto", "write")},
    "chat.model": {"answer.style": ("auto", "write")},
    "rerank.candidates": {"rerank.model": ("onnx:minilm",)},
    "rerank.weight": {"rerank.model": ("onnx:minilm",)},
}


@dataclass(frozen=True, slots=True)
class Space:
    """The axes of one search, the present values of all of them, and the settings they lie on."""

    axes: Mapping[str, tuple[object, ...]]
    present: Mapping[str, object]
    settings: Settings

    def valid(self, choice: Choice) -> bool:
        """Whether the settings would be accepted, and every change in them has an effect."""
        now = {**self.present, **choice}
        for key in choice:
            if any(name in now and now[name] not in values for name, values in _ONLY_IF.get(key, {}).items()):
                return False
        try:
            config.changed(self.settings, SECTIONS, overrides(choice))
        except ConfigError:
            return False
        return True

    def single(self) -> Iterator[dict[str, object]]:
        """Every choice that changes one setting, those that need no copy of the base first."""
        for key in sorted(self.axes, key=needs_copy):
            for value in self.axes[key]:
                if value != self.present[key] and self.valid({key: value}):
                    yield {key: value}

    def near(self, choice: Choice, chance: random.Random) -> dict[str, object]:
        """The choice with one or two settings changed, back to the present value perhaps."""
        for _ in range(50):
            changed = dict(choice)
            for key in chance.sample(sorted(self.axes), min(len(self.axes), chance.choice((1, 1, 2)))):
                changed[key] = chance.choice(self.axes[key])
            cleaned = {key: value for key, value in changed.items() if value != self.present[key]}
            if cleaned != dict(choice) and self.valid(cleaned):
                return cleaned
        return dict(choice)

    def joined(self, choices: Sequence[Choice]) -> dict[str, object]:
        """The choices on top of each other, the first ones winning; what does not fit with those before is left out."""
        whole: dict[str, object] = {}
        for choice in choices:
            more = {key: value for key, value in choice.items() if key not in whole}
            if self.valid({**whole, **more}):
                whole |= more
        return whole


def space(settings: Settings, more: Sequence[str] = ()) -> Space:
    """The axes whose settings exist, with their present values; ``more`` adds values, as ``section.key=value``.

    Raises: ConfigError, UsageError for a value that the setting does not take.
    """
    values = {key: list(each) for key, each in AXES.items()}
    for given in more:
        key = given.partition("=")[0].strip()
        section, _, name = key.partition(".")
        changed = config.changed(settings, SECTIONS, [given], origin="--try")
        values.setdefault(key, []).append(getattr(changed[section], name))
    writes = settings["answer"].style != "quote" or any(given.startswith(_NEEDS_CHAT) for given in more)
    axes: dict[str, tuple[object, ...]] = {}
    present: dict[str, object] = {}
    for key, each in values.items():
        section, _, name = key.partition(".")
        known = section in SECTIONS and name in {f.name for f in fields(SECTIONS[section])}
        if not known or (key in _NEEDS_CHAT and not (writes and settings["chat"].model)):
            continue
        now = getattr(settings[section], name)
        axes[key], present[key] = tuple(dict.fromkeys([now, *each])), now
    return Space(axes, present, settings)


def overrides(choice: Choice) -> tuple[str, ...]:
    """``section.key=value`` of a choice, by key."""
    return tuple(f"{key}={config.toml_value(value)}" for key, value in sorted(choice.items()))


def thresholds(settings: Settings) -> tuple[float, ...]:
    """Values of ``answer.refuse_below`` that are tried, the present one first."""
    return tuple(dict.fromkeys([settings["answer"].refuse_below, *THRESHOLDS]))
