"""``wellread models show | use | export | lineage``: the models that a base has taught."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from wellread import config as settings_of
from wellread.cli import config as config_file
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune.ship import export, registry
from wellread.tune.ship.agreement import ExportAgreement
from wellread.tune.ship.export import Exported
from wellread.tune.ship.registry import Learned, TunedModel

EXAMPLES_SHOW = """
wellread models show facts-lora
wellread models show facts-lora --json
"""
EXAMPLES_USE = """
wellread models use facts-lora
wellread models use facts-lora --as adapter
wellread models use base
"""
EXAMPLES_EXPORT = """
wellread models export facts-lora --to gguf-q8_0
wellread models export facts-lora --to ollama --out ~/facts-ollama
wellread models export facts-lora --to merged --out ~/facts
"""
EXAMPLES_LINEAGE = """
wellread models lineage facts-lora
wellread models lineage handbook/pay.md
"""
SERVED = ("gguf-f16", "gguf-q8_0", "adapter")
NAME = "As wellread models list shows it."


@command(examples=EXAMPLES_SHOW)
def show_model(call: Call, name: Annotated[str, typer.Argument(metavar="NAME", help=NAME)]) -> int:
    """Show a tuned model: its base, data, settings, scores, and what serves it."""
    with open_base(call, read_only=True) as base:
        found = registry.find(base, name, base.settings["chat"].model)
        learned = registry.learned_from(base, found.run)
    if call.json:
        show.dump({**fields(found), "settings": found.run.settings, "documents": learned})
        return DONE
    used = ", answers now" if found.in_use else ""
    show.say(f"{found.name}: {found.run.method} on {found.run.base.name}{used}", "bold")
    show.rows(list(_about(found, learned)), indent=2)
    for one in found.exports:
        show.say(f"exported as {one.to}: {show.where(str(one.folder))}, {show.size(one.size_bytes)}", indent=2)
    for document in learned:
        if document.state != "as it was":
            show.say(f"{document.state}: {document.uri or document.document_id}; train it again", indent=2)
    if found.says_labels:
        hint(call, f"to use it: wellread tune predict {found.name} TEXT")
    elif not found.in_use:
        hint(call, f"to answer with it: wellread models use {found.name}")
    return DONE


def _about(found: TunedModel, learned: list[Learned]) -> Iterator[tuple[str, str]]:
    run, result = found.run, found.result
    yield "data set", f"{run.data.name} ({run.data.hash[:12]}), {show.count(len(learned), 'document')}"
    yield "base", f"{run.base.name} ({run.base.digest[:12]})"
    yield "trained", f"{run.started_at}, {run.trained:,} weights, learning rate {run.learning_rate:g}, {run.dtype}"
    yield from scores(result).items()
    yield "folder", f"{show.where(str(found.folder))}, {show.size(found.size_bytes)}"


def scores(result: Any) -> dict[str, str]:
    """What a run was worth, each figure beside the base model's where there is one."""
    found = {}
    for part in ("validation", "test"):
        before, after = result.get(f"{part}_before"), result.get(f"{part}_loss")
        if before is not None and after is not None:
            found[f"{part} loss"] = f"{before:.3f} → {after:.3f}"
    if result.get("forgotten"):
        found["forgotten"] = f"loss on plain texts {result['forgotten']['text_loss']:+.1%}"
    for name, value in (result.get("scores") or {}).items():
        found[name] = f"{value:.3f}" if isinstance(value, float) else str(value)
    return found


def fields(found: TunedModel) -> dict[str, Any]:
    """A tuned model for a program."""
    run = found.run
    kept = ("method", "seed", "dtype", "trained", "learning_rate", "started_at", "ended_at", "code_version")
    return {
        "name": found.name,
        "base": run.base,
        "data": run.data,
        **{key: getattr(run, key) for key in kept},
        "result": found.result,
        "exports": found.exports,
        "in_use": found.in_use,
        "folder": found.folder,
        "size_bytes": found.size_bytes,
    }


@command(examples=EXAMPLES_USE)
def use(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A tuned model, or base for the one before it.")],
    form: Annotated[
        str, typer.Option("--as", metavar="FORMAT", help=f"How it is served: {', '.join(SERVED)}.")
    ] = "gguf-f16",
) -> int:
    """Answer with a tuned model from now on: chat.model in wellread.toml names it.

    It is exported first where that has not been done, and every export is tried against the trained model.
    """
    if form not in SERVED:
        raise UsageError(f"--as {form}: llama.cpp serves {', '.join(SERVED)}{settings_of.suggestion(form, SERVED)}")
    with open_base(call) as base, progress(call) as watched:
        current = base.settings["chat"].model
        if name == "base":
            wanted, made = _before(base, current), None
        else:
            found = registry.find(base, name, current)
            made = next((one for one in found.exports if one.to == form), None)
            if made is None:
                made = export.export(base, name, form, progress=watched)  # type: ignore[arg-type]  # one of SERVED
            export.unchanged(made)
            wanted = made.setting
            if not any(model.in_use for model in registry.models(base, current)):
                registry.remember(base.folder, current)
        path = base.folder / settings_of.FILE_NAME
    old = path.read_text("utf-8")
    if wanted != current:
        config_file.write(path, config_file.with_settings(old, {"chat.model": wanted}))
    if call.json:
        show.dump({"file": path, "setting": "chat.model", "before": current, "value": wanted, "export": made})
        return DONE
    show.say(f"{show.where(str(path))}: chat.model", "bold")
    show.rows([("was", current), ("is", wanted)], indent=2)
    for one in made.agreements if made else ():
        show.say(agreed(one), indent=2)
    hint(call, "next: wellread ask …; to go back: wellread models use base" if made else "next: wellread ask …")
    return DONE


def _before(base: KnowledgeBase, current: str) -> str:
    """What answered before a tuned model did: as it was remembered, else the base of the one in use."""
    used = next((model for model in registry.models(base, current) if model.in_use), None)
    if used is None:
        return current
    return registry.before(base.folder) or str(used.run.base.name)


def agreed(found: ExportAgreement) -> str:
    """How an export agreed with the trained model, in a line."""
    return (
        f"{found.file}: {found.identical} of {found.prompts} answers the same as the trained model's, the same choice "
        f"for {found.agreement:.1%} of {found.tokens:,} tokens, logits correlate {found.correlation:.6f}"
    )


@command(examples=EXAMPLES_EXPORT)
def export_model(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help=NAME)],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="adapter, merged, gguf-f16, gguf-q8_0 or ollama.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="A new folder; else the run's own.")
    ] = None,
) -> int:
    """Write a tuned model for other programs, after trying it against the trained one.

    The exported file gets the same 20 prompts as the trained model and must make the same prompt text of them and give
    the same greedy answers, within the rounding of its format; otherwise nothing is written.
    """
    with open_base(call, read_only=True) as base, progress(call) as watched:
        made = export.export(base, name, to, out=out, progress=watched)  # type: ignore[arg-type]  # checked there
    if call.json:
        show.dump(made)
        return DONE
    show.say(f"{show.where(str(made.folder))}: {to}, {show.size(made.size_bytes)}", "bold")
    for one in made.agreements:
        show.say(agreed(one), indent=2)
    _next(call, made)
    return DONE


def _next(call: Call, made: Exported) -> None:
    if made.to == "ollama":
        hint(call, f"next: ollama create {made.run} -f {show.where(str(made.folder / 'Modelfile'))}")
    elif made.setting:
        hint(call, f"to answer with it: wellread config set chat.model {made.setting}")


@command(examples=EXAMPLES_LINEAGE)
def lineage(
    call: Call,
    what: Annotated[str, typer.Argument(metavar="NAME|DOCUMENT", help="A tuned model, or a document of the base.")],
) -> int:
    """Say which documents a tuned model learned from, or which tuned models learned from a document."""
    with open_base(call, read_only=True) as base:
        known = {model.name: model for model in registry.models(base, base.settings["chat"].model)}
        if what in known:
            return _documents(call, known[what], registry.learned_from(base, known[what].run))
        document, sets, runs = registry.learned_by(base, what)
    if call.json:
        show.dump({"document": document.uri, "id": document.id, "data_sets": sets, "models": runs})
        return DONE
    show.say(show.where(document.uri), "bold")
    rows = [("data set", name) for name in sets] + [("tuned model", name) for name in runs]
    show.rows(rows, indent=2)
    if not rows:
        show.say("nothing has learned from it", indent=2)
    return DONE


def _documents(call: Call, model: TunedModel, learned: list[Learned]) -> int:
    if call.json:
        shown = [{**show.plain(one), "state": one.state} for one in learned]
        show.dump({"model": model.name, "data": model.run.data, "base": model.run.base, "documents": shown})
        return DONE
    show.say(f"{model.name} learned from data set {model.run.data.name}, made from", "bold")
    named = [(show.where(one.uri) if one.uri else f"document {one.document_id}", one) for one in learned]
    show.rows([(name, f"version {one.version}", one.state) for name, one in named], indent=2)
    if not learned:
        show.say("no document of this base: its examples came from files", indent=2)
    return DONE
