"""``wellread models profile``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wellread import config
from wellread.answer import profile as profiling
from wellread.answer import reader
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.models.prices import Price, usage

EXAMPLES = """
wellread models profile
wellread models profile openai:my-model --yes
wellread models profile llama:smollm2-135m
"""


@command(examples=EXAMPLES)
def profile(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A model as kind:name; the one of chat.model.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before texts are sent to an endpoint.")] = False,
) -> int:
    """Ask a model two dozen questions that ship with wellread, and keep how it is best asked and checked.

    What it costs is told first where the questions leave this machine. The profile is kept for this model at this
    address; delete its file, or say answer.reader, to do without.
    """
    with open_base(call, read_only=True) as opened:
        base = opened.configured([f"chat.model={name!r}"]) if name else opened
        settings, chat = base.settings["chat"], base.chat
        if chat is None:
            raise UsageError("chat.model is empty; name a model: wellread models profile kind:name")
        before = reader.profile(settings, base.settings["answer"])
        if chat.remote:
            _agreed(chat.remote, *profiling.tokens(before, chat, base.scorer), settings, yes)
        with progress(call) as watched:
            measured, figures, spent = profiling.measure(before, chat, base.scorer, watched)
        file = reader.keep(settings, config.models_folder(), measured, figures)
    if call.json:
        show.dump({"profile": measured, "figures": figures, "usage": spent, "file": file})
        return DONE
    show.say(settings.model, "bold")
    show.rows([(key, str(value)) for key, value in figures.items()], indent=2)
    asks = "whenever something was found" if not measured.ask_above else f"from evidence of {measured.ask_above:g}"
    show.say(f"asked {asks}; its refusals are {'respected' if measured.refuses else 'not relied on'}", indent=2)
    hint(call, f"kept in {show.where(str(file))}; answers use it from now on")
    return DONE


def _agreed(host: str, read: int, written: int, settings: object, yes: bool) -> None:
    """Says what is sent where and what it costs; continues only where somebody agrees."""
    price = Price(*(getattr(settings, key) for key in ("price_in", "price_out", "currency")))
    cost = usage(price, read, written).cost
    money = (
        f"at most {cost:.4f} {price.currency}"
        if cost is not None
        else "price not known (chat.price_in, chat.price_out)"
    )
    show.note(f"{read:,} tokens go to {host}, at most {written:,} come back: {money}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{host}: nobody is there to agree; say --yes")
    if not typer.confirm("Send them?", err=True):
        raise UsageError("nothing was sent")
