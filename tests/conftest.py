"""What all tests share: a network that is off, and the embedded chat model where it has been pulled."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from wellread import config


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to anything but this machine fail the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``model`` skip, with the command that helps, where the chat model is absent."""
    if not list(config.models_folder().glob("smollm2-135m*.gguf")):
        skip = pytest.mark.skip(reason="the embedded chat model is not there; run: make models")
        for item in items:
            if "model" in item.keywords:
                item.add_marker(skip)
