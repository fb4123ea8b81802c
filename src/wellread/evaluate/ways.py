"""Ways of answering: those out of the box, those of the user, and how one is laid over an open base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from wellread import config
from wellread.answer.settings import IN_STEPS as STYLES_IN_STEPS
from wellread.config import suggestion
from wellread.errors import ConfigError, UsageError
from wellread.knowledge_base import SEARCHES, SECTIONS, KnowledgeBase
from wellread.metrics.results import Way, WayReads

READS: tuple[str, ...] = get_args(WayReads)
BUILT_IN = (
    Way("closed-book", "nothing", about="the chat model alone: the question and nothing else"),
    Way("few-shot", "examples", about="the chat model after a few questions with their answers"),
    Way("long-context", "documents", about="whole documents in the prompt, all that fit"),
    Way("retrieval", "passages", about="passages that are searched for, answered as the base is configured"),
    Way("retrieval-written", "passages", ("answer.style=write",), about="passages, and the chat model writes"),
)
IN_STEPS = (  # by name alone: a question takes several calls of the model
    Way("react", "passages", ("answer.style=react",), about="the chat model thinks and acts with tools, in steps"),
    Way("act", "passages", ("answer.style=act",), about="the same without thoughts"),
    Way("tables", "passages", ("answer.style=tables",), about="programs over the tables that are found, voted"),
    Way(
        "tables-chain",
        "passages",
        ("answer.style=tables", "answer.table_programs=0", "answer.table_chains=1", "answer.table_texts=0"),
        about="tables changed step by step (chain-of-table)",
    ),
)
RESERVED = (*(way.name for way in (*BUILT_IN, *IN_STEPS)), "tuned", "tuned+retrieval")
_OWN_KEYS = ("reads", "about", "trained")


def tuned(model: str) -> tuple[Way, Way]:
    """The tuned model alone, and the tuned model reading passages; ``model`` is kind:name, or what follows llama:."""
    name = model if ":" in model else f"llama:{model}"
    chat = f"chat.model={name}"
    return (
        Way("tuned", "nothing", (chat,), True, f"{name} alone: what it learned and nothing else"),
        Way("tuned+retrieval", "passages", ("answer.style=write", chat), True, f"passages, and {name} writes"),
    )


def with_model(way: Way, model: str) -> Way:
    """The same way with another chat model, named ``way@kind:name``."""
    overrides = (*(o for o in way.overrides if not o.startswith("chat.model=")), f"chat.model={model}")
    return Way(f"{way.name}@{model}", way.reads, overrides, False, f"{way.about}; by {model}")


def own(base: KnowledgeBase, given: Mapping[str, Mapping[str, object]]) -> tuple[Way, ...]:
    """The ways of ``[evaluate.ways.NAME]``. Raises: ConfigError with every fault of all of them."""
    faults: list[str] = []
    found = [_own(base, name, entry, faults) for name, entry in given.items()]
    if faults:
        raise ConfigError(faults)
    return tuple(found)


def _own(base: KnowledgeBase, name: str, given: object, faults: list[str]) -> Way:
    origin = f"{config.FILE_NAME}: evaluate.ways.{name}"
    if not isinstance(given, Mapping):
        faults.append(f"{origin}: is a table; write [evaluate.ways.{name}] and its settings below")
        return Way(name, "nothing")
    if name in RESERVED or any(mark in name for mark in "@, "):
        faults.append(f"{origin}: is a name that wellread uses itself; take one of letters, digits and hyphens")
    reads = given.get("reads")
    if reads not in READS:
        said = "is required and" if reads is None else f"'{reads}'"
        faults.append(f"{origin}: reads: {said} is one of {', '.join(READS)}{suggestion(str(reads), READS)}")
    if not isinstance(given.get("about", ""), str):
        faults.append(f"{origin}: about: is text, got {given['about']!r}")
    if not isinstance(given.get("trained", False), bool):
        faults.append(f"{origin}: trained: is true or false, got {given['trained']!r}")
    overrides = tuple(_overrides(origin, {k: v for k, v in given.items() if k not in _OWN_KEYS}, faults))
    try:
        config.changed(base.settings, SECTIONS, overrides, origin=origin)
    except ConfigError as error:
        faults.extend(error.faults)
    return Way(
        name,
        reads if reads in READS else "nothing",
        overrides,
        given.get("trained") is True,
        str(given.get("about", "")),
    )


def _overrides(origin: str, given: Mapping[str, object], faults: list[str]) -> list[str]:
    """``section.key=value`` of nested tables or of dotted keys in quotes."""
    found = []
    for section, value in given.items():
        if isinstance(value, Mapping):
            found += [f"{section}.{key}={config.toml_value(item)}" for key, item in value.items()]
        elif "." in section:
            found.append(f"{section}={config.toml_value(value)}")
        else:
            known = suggestion(section, _OWN_KEYS) or suggestion(section, SECTIONS)
            faults.append(f"{origin}: {section}: no such key{known or '; write reads, about, trained or section.key'}")
    return found


def known(
    base: KnowledgeBase,
    given: Mapping[str, Mapping[str, object]],
    *,
    tuned_model: str = "",
    models: Sequence[str] = (),
) -> dict[str, Way]:
    """Every way that can be asked for, by name: built in, tuned, the user's own, and each with every further model.

    Ways that would answer just like an earlier one (the base writes already, say), or that need a chat model where none
    is set, are left out.
    Raises: ConfigError with every fault of the user's own ways.
    """
    ways = [*BUILT_IN, *(tuned(tuned_model) if tuned_model else ()), *own(base, given)]
    ways += [with_model(way, model) for model in models for way in ways if not way.trained]
    found: dict[str, Way] = {}
    seen: set[tuple[object, ...]] = set()
    for way in ways:
        settings = config.changed(base.settings, SECTIONS, way.overrides)
        if not settings["chat"].model and (
            way.reads != "passages" or settings["answer"].style in ("write", *STYLES_IN_STEPS)
        ):
            continue
        acts = (way.reads, *(settings[name] for name in _acting(way, settings)))
        if acts not in seen:
            seen.add(acts)
            found[way.name] = way
    return found


def uses_chat(way: Way, settings: config.Settings) -> bool:
    """Whether the way asks a chat model."""
    return way.reads != "passages" or (settings["answer"].style != "quote" and bool(settings["chat"].model))


def _acting(way: Way, settings: config.Settings) -> tuple[str, ...]:
    """Sections that the answers of a way follow from."""
    if way.reads in ("nothing", "examples"):
        return "chat", "answer"
    sections = ("embed", *SEARCHES, "answer")
    return (*sections, "chat") if uses_chat(way, settings) else sections


def choose(names: Sequence[str], ways: Mapping[str, Way], base: KnowledgeBase) -> tuple[Way, ...]:
    """The ways of these names, in this order; ``NAME@kind:model`` is a known way with that model.

    Raises: UsageError with every name that is not known, and what was meant.
    """
    found, faults = [], []
    if base.settings["chat"].model:
        ways = {**ways, **{way.name: way for way in IN_STEPS}}
    for name in dict.fromkeys(names):
        plain, at, model = name.partition("@")
        if name in ways:
            found.append(ways[name])
        elif at and plain in ways and ":" in model:
            found.append(with_model(ways[plain], model))
        elif not base.settings["chat"].model and plain in RESERVED:
            faults.append(f"way '{name}': needs a chat model; set chat.model in {config.FILE_NAME}")
        elif name.startswith("tuned"):
            faults.append(f"way '{name}': needs a tuned model; name it with --tuned, or make one: wellread tune --help")
        else:
            faults.append(f"way '{name}': no such way{suggestion(name, ways)}; known are {', '.join(ways)}")
    if faults:
        raise UsageError("\n".join(faults))
    return tuple(found)


def applied(base: KnowledgeBase, way: Way) -> KnowledgeBase:
    """The open base as the way configures it; what is asked of it is not logged. Raises: ConfigError."""
    return base.configured(way.overrides, logs=False, origin=f"way '{way.name}'")
