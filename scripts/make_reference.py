"""Writes docs/reference from the code: every command's help, every setting. A test holds the pages against the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from wellread import config
from wellread.cli.main import app
from wellread.cli.sections import ALL as SECTIONS
from wellread.cli.table import COMMANDS
from wellread.documents.kinds import KINDS, REFUSED

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MARGIN = 2  # columns that help leaves free
NOTE = "<!-- made by `make docs`; edit the code instead -->"


def settings_page() -> str:
    """Every setting with its default and meaning."""
    lines = ["# Settings", NOTE, ""]
    lines += [
        "Each stands in `wellread.toml`, in a variable `WELLREAD_SECTION__KEY`, or after `--set section.key=value`;",
        "the last one wins.",
        "",
    ]
    defaults = config.load(None, SECTIONS, environ={})
    for name, section in SECTIONS.items():
        lines += [
            f"## {name}",
            "",
            " ".join((section.__doc__ or "").split("\n\n")[0].split()),
            "",
            "| setting | default | meaning |",
            "|---|---|---|",
        ]
        for key, meaning in config.sentences(section).items():
            value = config.toml_value(getattr(defaults[name], key)).replace("|", "\\|")
            lines.append(f"| `{key}` | `{value}` | {meaning.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)


def commands_page() -> str:
    """The help of every command."""
    lines = ["# Commands", NOTE, ""]
    for words in [(), *commands()]:
        lines += [f"## wellread {' '.join(words)}".rstrip(), "", "```", shown(*words), "```", ""]
    return "\n".join(lines)


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, those of a group after it."""
    for row in COMMANDS:
        if not row.default:  # its help is that of the command it stands for
            yield tuple(row.name.split())


def shown(*words: str) -> str:
    """What ``wellread WORDS --help`` prints, 100 columns wide."""
    done = CliRunner().invoke(app, [*words, "--help"], prog_name="wellread", terminal_width=100 - MARGIN)
    if done.exit_code:
        raise RuntimeError(f"wellread {' '.join(words)} --help ended with {done.exit_code}") from done.exception
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def formats_page() -> str:
    """The table of kinds: what is read, what is not, the unit, how it is cited, and what is refused with its cure."""
    lines = [
        "# Formats",
        "",
        NOTE,
        "",
        "Every file is read in a child process with limits. Its content must agree with its name. What cannot be read",
        "is a row of the report and of `wellread status --failed` or `--skipped`, with the reason and the cure.",
        "",
        "Units are what a page is to a PDF; a unit that gave nothing stands in the document's metadata as",
        "`units_not_read`. An extra is installed with `pip install wellread[NAME]`; without it the file is listed as",
        "skipped, and the next `wellread sync` after installing reads it.",
        "",
        "| kind | files | unit | read | not read | cited as | extra |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        cells = (kind.name, f"`{kind.suffixes}`", kind.unit, kind.read, kind.not_read, kind.citation, kind.extra or "–")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "## Refused", "", "| kind | files | what to do |", "|---|---|---|"]
    lines += [f"| {kind.name} | `{kind.suffixes}` | {kind.cure} |" for kind in REFUSED]
    lines += [
        "",
        "Encrypted Office files, locked PDFs and EPUBs with DRM are refused: save them without a password.",
    ]
    return "\n".join(lines)


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "formats.md": formats_page}


def main() -> None:
    """Writes the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page().rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()
