"""Adapters in PEFT's own files, which other programs read: adapter_config.json and adapter_model.safetensors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wellread.errors import MissingExtra, ModelError


def peft() -> Any:
    """The library. Raises: MissingExtra."""
    try:
        import peft as library
    except ImportError as error:
        raise MissingExtra("peft (for training adapters)", "tune") from error
    return library


def attach(model: Any, config: Any) -> Any:
    """The model with an adapter in float32 whose parameters alone require gradients."""
    with quiet():
        return peft().get_peft_model(model, config)


def save(model: Any, folder: Path) -> None:
    """The adapter in ``folder``, without weights of the base."""
    with quiet():
        model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # an empty model card of the library's
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text("utf-8"))
    config["base_model_name_or_path"] = ""  # a folder of this machine; run.json says which base it was
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def load(model: Any, folder: Path) -> Any:
    """A base model with the adapter of ``folder``, ready to predict. Raises: ModelError where it does not fit."""
    try:
        with quiet():
            return peft().PeftModel.from_pretrained(model, str(folder)).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{folder}: its adapter does not fit this base: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Remarks of the library that tell the user nothing to act on are left out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="peft")
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)  # peft 0.21 asks
        yield
