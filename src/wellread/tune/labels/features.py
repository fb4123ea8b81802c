"""Feature-based classification: the model stays as it is, its vectors of the texts go into a logistic regression.

Nothing of the model is learned, so this takes seconds, forgets nothing, and is what every other method must beat.
Source: Peters et al., NAACL 2018 (features of a frozen model); regularisation chosen on the validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.errors import MissingExtra, ModelError

Features = NDArray[np.float32]
STRENGTHS = (1.0, 10.0, 100.0)  # inverse regularisation that is tried
FILE = "regression.safetensors"


def fit(
    train: Features, labels: Sequence[int], validation: Features, wanted: Sequence[int], *, seed: int
) -> tuple[Features, Features, float]:
    """Weights (labels, features) and biases (labels,) of the regression with the best validation accuracy, and that.

    Without a validation part the middle strength is taken, and the accuracy is NaN.

    Raises: MissingExtra; ValueError for fewer than two labels.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtra("scikit-learn (for classification by features)", "tune") from error
    tried: list[tuple[Features, Features, float]] = []
    for strength in STRENGTHS if len(wanted) else STRENGTHS[1:2]:
        made = LogisticRegression(C=strength, max_iter=1000, random_state=seed).fit(train, list(labels))
        weights, biases = _all_labels(made)
        right = float("nan")
        if len(wanted):
            right = float(np.mean((validation @ weights.T + biases).argmax(1) == np.asarray(wanted)))
        tried.append((weights, biases, right))
    return max(tried, key=lambda one: one[2])


def _all_labels(made: Any) -> tuple[Features, Features]:
    """A row for each label; two labels have one row in the library."""
    weights: Features = made.coef_.astype(np.float32)
    biases: Features = made.intercept_.astype(np.float32)
    if len(made.classes_) == 2:
        half = np.float32(0.5)
        return np.concatenate([-weights, weights]) * half, np.concatenate([-biases, biases]) * half
    return weights, biases


def save(weights: Features, biases: Features, folder: Path) -> None:
    """The regression in ``folder``."""
    from safetensors.numpy import save_file

    save_file({"weight": np.ascontiguousarray(weights), "bias": np.ascontiguousarray(biases)}, folder / FILE)


def load(folder: Path) -> tuple[Features, Features]:
    """Weights and biases. Raises: ModelError where they are absent."""
    from safetensors.numpy import load_file

    try:
        found = load_file(folder / FILE)
        return found["weight"], found["bias"]
    except (OSError, KeyError) as error:
        raise ModelError(f"{folder / FILE}: cannot be read: {error}") from error
