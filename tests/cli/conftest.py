"""The program as a test types it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

Wellread = Callable[..., Result]


@pytest.fixture
def wellread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wellread:
    """Runs a command line in an empty folder, with no base in the environment."""
    from wellread.cli.main import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WELLREAD_BASE", raising=False)
    runner = CliRunner()

    def typed(*words: str, text: str | bytes | None = None) -> Result:
        done = runner.invoke(app, list(words), input=text, prog_name="wellread")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception  # a traceback is a bug of ours, never an answer
        return done

    return typed
