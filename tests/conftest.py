"""What all tests share: a network that is off, and the embedded chat model where it has been pulled."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from scripts.chromium import installed

from wellread import config as settings_of

settings.register_profile("wellread", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("wellread")

# below tests/: what trains, or reads what the training stack writes; left out where PyTorch is not installed
NEED_TORCH = (
    "cli/test_models_tuned",
    "tune/test_align",
    "tune/test_align_losses",
    "tune/test_base_model",
    "tune/test_doctor",
    "tune/test_estimate",
    "tune/test_export",
    "tune/test_formats",
    "tune/test_importance",
    "tune/test_kto",
    "tune/test_launch",
    "tune/test_losses",
    "tune/test_makers",
    "tune/test_ppo",
    "tune/test_prepare",
    "tune/test_recipes",
    "tune/test_rehearse",
    "tune/test_run",
    "tune/test_settings",
    "tune/test_suggest",
    "tune/test_tasks",
    "tune/test_template",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--core``: without the tests that need PyTorch, also where it is installed."""
    parser.addoption("--core", action="store_true", help="leave out the tests that need PyTorch")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that need PyTorch are not read where it is missing; the last lines of the run name them."""
    name = collection_path.with_suffix("").as_posix()
    return True if _core(config) and name.endswith(NEED_TORCH) else None


def _core(config: pytest.Config) -> bool:
    return bool(config.getoption("--core")) or not find_spec("torch")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says which files were left out, and how to run them."""
    if _core(config):
        terminalreporter.section("left out: what needs PyTorch (make test installs it)")
        terminalreporter.write_line(" ".join(f"{name}.py" for name in NEED_TORCH))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to anything but this machine fail the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``torch``, ``model`` or ``browser`` skip, with the command that helps, where these are absent."""
    if _core(config):
        for item in items:
            if "torch" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs PyTorch; make test installs it"))
    if installed() is None:
        for item in items:
            if "browser" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no Chromium is installed: apt-get install chromium"))
    if not list(settings_of.models_folder().glob("smollm2-135m*.gguf")):
        skip = pytest.mark.skip(reason="the embedded chat model is not there; run: make models")
        for item in items:
            if "model" in item.keywords:
                item.add_marker(skip)
