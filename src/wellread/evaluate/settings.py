"""What can be set about measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wellread import config
from wellread.config import suggestion
from wellread.errors import ConfigError
from wellread.knowledge_base import SECTIONS, SECTIONS_ABOVE
from wellread.metrics.metrics import LOWER_IS_BETTER
from wellread.metrics.words import METRICS


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """Section ``[evaluate]`` of wellread.toml."""

    seed: int = 0
    """Where chance enters: draws of the bootstrap, examples of the few-shot prompt, splits."""
    draws: int = 10000
    """Resamples of a bootstrap interval."""
    metric: str = "right"
    """The metric that decides between ways, one of which more is better; every other one is shown beside it."""
    shots: int = 4
    """Worked questions in the prompt of the few-shot way."""
    train_share: float = 0.4
    """Share of the questions whose documents may be trained on, when a set is frozen."""
    validation_share: float = 0.2
    """Share of the questions that settings are chosen with; the rest is the test that is asked once."""
    ways: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Ways of your own: a name, then `reads` and settings that differ, as in [evaluate.ways.mine]."""

    def __post_init__(self) -> None:
        if self.draws < 100:
            raise ValueError("draws: is at least 100")
        if min(self.train_share, self.validation_share) < 0 or self.train_share + self.validation_share >= 1:
            raise ValueError("train_share: with validation_share leaves nothing for the test, or is negative")
        if self.shots < 1:
            raise ValueError("shots: is at least 1")


def load(folder: Path, overrides: Sequence[str] = (), *, metric: str = "") -> EvaluateSettings:
    """Section ``[evaluate]`` of the base in ``folder``; ``metric`` replaces the one that is set.

    Raises: ConfigError with every fault of the section, and for an unknown metric.
    """
    others = [name for name in (*SECTIONS, *SECTIONS_ABOVE) if name != "evaluate"]
    found = config.load(
        folder / config.FILE_NAME, {"evaluate": EvaluateSettings}, overrides=overrides, elsewhere=others
    )
    settings: EvaluateSettings = found["evaluate"]
    settings = replace(settings, metric=metric) if metric else settings
    if settings.metric not in METRICS:
        raise ConfigError([f"evaluate.metric: '{settings.metric}' is unknown{suggestion(settings.metric, METRICS)}"])
    return settings


def check_decides(metric: str) -> None:
    """Raises: ConfigError for a metric that cannot say alone which way is best."""
    deciding = [name for name in METRICS if name not in LOWER_IS_BETTER and name != "consistency"]
    if metric not in deciding:
        why = "less of it is better" if metric in LOWER_IS_BETTER else "only questions in several wordings have it"
        raise ConfigError([f"evaluate.metric: '{metric}' cannot decide: {why}; take one of {', '.join(deciding)}"])
