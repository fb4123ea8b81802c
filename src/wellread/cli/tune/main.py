"""``wellread tune``: the group of commands that prepare data, and train.

A command of the group lives in a module of its own with ``register(group)``; PARTS lists them in the order of use.
"""

from __future__ import annotations

import typer

from wellread.cli.tune import estimate as tune_estimate
from wellread.cli.tune import launch as tune_launch
from wellread.cli.tune import predict as tune_predict
from wellread.cli.tune import prepare as tune_prepare
from wellread.cli.tune import run as tune_run
from wellread.cli.tune import search as tune_search

PARTS = (tune_prepare, tune_estimate, tune_run, tune_search, tune_predict, tune_launch)


def register(app: typer.Typer) -> None:
    """Adds the group to the program."""
    group = typer.Typer(help="Teach a model from documents and examples, on this machine.")
    for part in PARTS:
        part.register(group)
    app.add_typer(group, name="tune")
