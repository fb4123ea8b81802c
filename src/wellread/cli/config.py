"""``wellread config``."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from wellread import config as settings_of
from wellread.cli import show
from wellread.cli.base import settings_file
from wellread.cli.call import DONE, Call, command, hint
from wellread.cli.sections import ALL as SECTIONS
from wellread.errors import ConfigError, UsageError

EXAMPLES_SHOW = """
wellread config show
wellread config show answer
wellread --set answer.style=quote config show answer.style
"""
EXAMPLES_SET = """
wellread config set answer.refuse_below 0.6
wellread config set chat.model llama:smollm2-135m
"""


@command(examples=EXAMPLES_SHOW)
def show_settings(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="SECTION.KEY", help="Only this section, or this setting.")] = "",
) -> int:
    """Print every setting: value, where it comes from, meaning."""
    path = settings_file(call)
    loaded = settings_of.load(path, SECTIONS, overrides=call.overrides)
    wanted = _wanted(name, SECTIONS)
    if call.json:
        found = {section: _described(section, keys, loaded, SECTIONS[section]) for section, keys in wanted.items()}
        show.dump({"file": path, "settings": found})
        return DONE
    show.say(f"# {show.where(str(path)) if path else 'no wellread.toml here: the defaults'}", "dim")
    for section, keys in wanted.items():
        show.say()
        show.say(f"[{section}]", "bold")
        for key, entry in _described(section, keys, loaded, SECTIONS[section]).items():
            show.say(f"{key} = {settings_of.toml_value(entry['value'])}  # {entry['origin']}")
            show.say(entry["meaning"], "dim", indent=4)
    return DONE


def _wanted(name: str, sections: Mapping[str, type]) -> dict[str, list[str]]:
    section, _, key = name.partition(".")
    every = {s: [f.name for f in fields(cls)] for s, cls in sections.items()}
    if not section:
        return every
    if section not in every:
        raise UsageError(f"{section}: no such section{settings_of.suggestion(section, every)}")
    if key and key not in every[section]:
        raise UsageError(f"{name}: no such setting{settings_of.suggestion(key, every[section])}")
    return {section: [key] if key else every[section]}


def _described(section: str, keys: Sequence[str], loaded: settings_of.Settings, cls: type) -> dict[str, dict[str, Any]]:
    meaning = settings_of.sentences(cls)
    return {
        key: {
            "value": show.plain(getattr(loaded[section], key)),
            "origin": loaded.origins.get(f"{section}.{key}", "default"),
            "meaning": meaning.get(key, ""),
        }
        for key in keys
    }


@command(examples=EXAMPLES_SET)
def set_setting(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="SECTION.KEY", help="The setting; wellread config show lists all.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As in wellread.toml; text needs no quotes.")],
) -> int:
    """Write one setting into wellread.toml.

    Everything else in the file stays as it is, comments too.
    """
    path = settings_file(call)
    if path is None:
        raise UsageError("no wellread.toml here or in a folder above; run wellread init, or say --base FOLDER")
    checked = settings_of.load(None, SECTIONS, environ={}, overrides=[f"{name.strip()}={value}"])
    section, _, key = name.strip().partition(".")
    new_value = getattr(checked[section], key)
    written = settings_of.toml_value(new_value)
    settings_of.load(path, SECTIONS, environ={})  # a file with faults is not edited
    old = path.read_text("utf-8")
    new = edited(old, section, key, written)
    if not _differ_only_in(old, new, section, key):
        raise UsageError(f"{path}: {section}.{key}: is written in a way that cannot be edited here; change it by hand")
    _replace(path, new, SECTIONS)
    if call.json:
        show.dump({"file": path, "setting": f"{section}.{key}", "value": new_value})
    else:
        show.say(f"{show.where(str(path))}: {section}.{key} = {written}")
        if section in ("documents", "parse", "chunk"):
            hint(call, "next: wellread sync reads the documents again that this setting changes")
        elif section == "embed":
            hint(call, "next: wellread index reembed; until then the old index answers")
    return DONE


def with_settings(text: str, changes: Mapping[str, object]) -> str:
    """The text of a settings file with every ``section.key`` of ``changes`` set; everything else stays as it is.

    Raises: UsageError for one that is written in a way that cannot be edited here.
    """
    for name, value in changes.items():
        section, _, key = name.partition(".")
        new = edited(text, section, key, settings_of.toml_value(value))
        if not _differ_only_in(text, new, section, key):
            raise UsageError(f"{settings_of.FILE_NAME}: {name}: is written in a way that cannot be edited here")
        text = new
    return text


def write(path: Path, text: str) -> None:
    """Puts the text in the place of a settings file, after it has been read as one. Raises: ConfigError."""
    _replace(path, text, SECTIONS)


def _differ_only_in(old: str, new: str, section: str, key: str) -> bool:
    before, after = tomllib.loads(old), tomllib.loads(new)
    for table in (before, after):
        table.setdefault(section, {}).pop(key, None)
    return before == after


def _replace(path: Path, text: str, sections: Mapping[str, type]) -> None:
    """Puts a new file in the place of the old one, whole or not at all, after it has been read as settings."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, "utf-8")
        settings_of.load(draft, sections, environ={})
        draft.replace(path)
    except ConfigError as fault:
        faults = [line.replace(draft.name, path.name, 1) for line in fault.faults]
        raise ConfigError([*faults, f"{path.name}: not changed; mend the faults first"]) from fault
    finally:
        draft.unlink(missing_ok=True)


def edited(text: str, section: str, key: str, value: str) -> str:
    """The text of a TOML file with ``key = value`` in ``[section]``; all other lines and comments stay as they are.

    A setting that stands there commented out (``# key = …``) is put in force in its place.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    start, end = _section(lines, section)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{section}]", f"{key} = {value}"]) + "\n"
    at = _find(lines, start, end, key)
    if at is None:
        last = max((n for n in range(start, end) if lines[n].strip()), default=start)
        lines.insert(last + 1, f"{key} = {value}")
    else:
        length, comment = _extent(lines[at:end])
        lines[at : at + length] = [f"{key} = {value}{comment}"]
    return "\n".join(lines) + "\n"


def _section(lines: Sequence[str], section: str) -> tuple[int | None, int]:
    """First line of a section's header, and the line after its last one."""
    start = None
    for n, each in enumerate(lines):
        header = each.split("#")[0].strip()
        if header.startswith("[") and header.endswith("]") and "=" not in header:
            if start is not None:
                return start, n
            if header.strip("[] ").strip("\"'") == section:
                start = n
    return start, len(lines)


def _find(lines: Sequence[str], start: int, end: int, key: str) -> int | None:
    """The line that sets a key; without one, the line where it stands commented out."""
    names = [(n, lines[n].partition("=")[0].strip()) for n in range(start, end) if "=" in lines[n]]
    for n, name in names:
        if name.strip("\"'") == key:
            return n
    for n, name in names:
        if name.startswith("#") and name.lstrip("# ").strip("\"'") == key:
            return n
    return None


def _extent(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines a setting takes (a list may take several), and the comment behind its value."""
    if lines[0].lstrip().startswith("#"):
        return 1, ""
    for length in range(1, len(lines) + 1):
        setting = "\n".join(lines[:length])
        if _is_toml(setting):
            last = lines[length - 1]
            marks = [n for n, letter in enumerate(last) if letter == "#"]
            for mark in marks:
                if _is_toml("\n".join([*lines[: length - 1], last[:mark]])):
                    return length, "  " + last[mark:]
            return length, ""
    return 1, ""


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@command(examples="wellread config check")
def check(call: Call) -> int:
    """List every fault of wellread.toml and the WELLREAD_ variables."""
    path = settings_file(call)
    settings_of.load(path, SECTIONS, overrides=call.overrides)
    if call.json:
        show.dump({"file": path, "ok": True})
    else:
        show.say(f"{show.where(str(path)) if path else 'no wellread.toml here; the defaults'}: no fault")
    return DONE
