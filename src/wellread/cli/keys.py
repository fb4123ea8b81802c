"""``wellread keys``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError
from wellread.store import credentials
from wellread.types import Principal

ADD = """
wellread keys add "Open WebUI" --action ask --action search
wellread keys add Ines --group board --user ines --days 90
"""
LIST = """
wellread keys list
"""
REVOKE = """
wellread keys revoke 3f9a2b10c4d7
"""


@command(examples=ADD)
def add(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What or who the key is for.", show_default=False)],
    action: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What it may: ask, search, read, rate, write, train, operate; repeatable."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, metavar="N", help="Days until it ends.")] = 365,
) -> int:
    """Make a key; it is shown this once.

    The key reads with the tenant and the groups of this call (--tenant, --group), and what is done with it is done by
    its user (--user), or by its name. Only a digest of it is kept.
    """
    with open_base(call) as base:
        who = Principal(base.who.tenant, base.who.groups, base.who.user or name)
        with base.store.writing() as tx:
            allowed = tuple(action or credentials.READER)
            token = credentials.issue(tx, "key", name, who=who, actions=allowed, lasts=timedelta(days=days))
    if call.json:
        show.dump({"name": name, "key": token, "actions": allowed, "groups": sorted(who.groups), "days": days})
        return DONE
    typer.echo(token)
    hint(call, "keep it now: it cannot be shown again; wellread keys list names it")
    return DONE


@command(examples=LIST)
def listed(call: Call) -> int:
    """List the keys: whose they are, what they may, when they end."""
    with open_base(call, read_only=True) as base, base.store.reading() as connection:
        found = credentials.listing(connection, who=base.who)
    if call.json:
        show.dump({"keys": found})
        return DONE
    for one in found:
        ends = one.revoked_at or one.expires_at
        state = "revoked" if one.revoked_at else "ends"
        groups = ", ".join(sorted(one.who.groups)) or "no group"
        when = f"{state} {ends:%Y-%m-%d}" if ends else "does not end"
        typer.echo(f"{one.id}  {one.name}  {', '.join(sorted(one.actions))}  {groups}  {when}")
    return DONE


@command(examples=REVOKE)
def revoke(
    call: Call, number: Annotated[str, typer.Argument(metavar="ID", help="As wellread keys list shows it.")]
) -> int:
    """End a key, within a second and for good."""
    with open_base(call) as base, base.store.writing() as tx:
        ended = credentials.revoke(tx, number, who=base.who)
    if not ended:
        raise UsageError(f"{number}: no such key, or it ended already; wellread keys list names those that there are")
    if call.json:
        show.dump({"revoked": number})
    else:
        typer.echo(f"{number} lets nobody in any more")
    return DONE
