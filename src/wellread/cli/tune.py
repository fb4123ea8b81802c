"""``wellread tune``: the group of commands that prepare data, and train.

A command of the group lives in a module of its own with ``register(group)``; PARTS lists them in the order of use.
"""

from __future__ import annotations

import typer

from wellread.cli import tune_estimate, tune_launch, tune_predict, tune_prepare, tune_run, tune_search

PARTS = (tune_prepare, tune_estimate, tune_run, tune_search, tune_predict, tune_launch)


def register(app: typer.Typer) -> None:
    """Adds the group to the program."""
    group = typer.Typer(help="Teach a model from documents and examples, on this machine.")
    for part in PARTS:
        part.register(group)
    app.add_typer(group, name="tune")
