"""The program as a whole: help, mistakes, options that stand anywhere."""

import json
import subprocess
import sys

import pytest

from wellread.cli import call
from wellread.cli.table import COMMANDS, CommandRow, LazyCommands, loaded

RUN = [row for row in COMMANDS if row.place]
PATHS = [tuple(row.name.split()) for row in RUN]


def test_the_commands_are_those_that_are_promised() -> None:
    promised = (
        "init add sync remove status search similar ask verify chat rate route index graph models questions eval "
        "compare advise optimise tune config doctor check backup restore log keys serve tables jobs"
    )
    assert sorted({path[0] for path in PATHS}) == sorted(promised.split())


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_says_what_for_and_shows_an_example(wellread, path: tuple[str, ...]) -> None:
    done = wellread(*path, "--help")
    assert done.exit_code == 0
    assert f"Usage: wellread {' '.join(path)}" in done.stdout
    assert "Examples:" in done.stdout
    examples = done.stdout.partition("Examples:")[2]
    assert f" {path[-1]}" in examples
    assert "wellread " in examples


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_option_and_argument_has_a_sentence(path: tuple[str, ...]) -> None:
    group, command = LazyCommands(""), None
    for name in path:
        command = group[name]
        group = getattr(command, "commands", group)
    assert command is not None
    for parameter in command.params:
        if not getattr(parameter, "hidden", False):
            assert parameter.help, parameter.name
            assert parameter.help.endswith((".", "here.")), parameter.name


def test_the_list_of_commands_shows_whole_sentences_in_the_order_of_a_first_day(wellread) -> None:
    listing = wellread("--help").stdout.partition("Commands:")[2].partition("\n\n")[0]
    lines = listing.strip().splitlines()
    listed = [tuple(line.strip().split(maxsplit=1)) for line in lines]
    assert listed == [(row.name, row.sentence) for row in COMMANDS if " " not in row.name]
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


@pytest.mark.parametrize("row", RUN, ids=[row.name for row in RUN])
def test_the_sentence_of_a_command_in_the_table_is_the_first_of_its_help(row: CommandRow) -> None:
    made = call.built(row.name, loaded(row))
    assert made.get_short_help_str(1000) == row.sentence


def test_the_help_of_the_program_imports_no_command() -> None:
    code = "import sys; from wellread.cli.main import app; app(['--help'], standalone_mode=False, prog_name='wellread')"
    code += "; print('IMPORTED', *(m for m in sys.modules if m.startswith('wellread.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.partition("IMPORTED")[2].split())
    assert "wellread.cli.table" in imported
    assert not {f"wellread.cli.{row.place.partition(':')[0]}" for row in RUN} & imported
    assert "wellread.knowledge_base" not in imported


def test_a_command_imports_no_other_part_of_the_program_than_it_uses() -> None:
    code = "import sys, wellread.cli.ask; print(*(m for m in sys.modules if m.startswith('wellread.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert "answer" in rooms
    assert not rooms & {"tune", "evaluate", "advise", "optimise", "questions", "metrics"}


def test_without_a_command_the_help_is_shown(wellread) -> None:
    assert wellread().stdout == wellread("--help").stdout


def test_a_misspelt_command_is_one_line_with_a_suggestion(wellread) -> None:
    done = wellread("serach", "dogs")
    assert done.exit_code == 2
    assert done.stderr == "error: no such command 'serach'; did you mean 'search'?\n"
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words", [("ask",), ("ask", "--nonsense"), ("search", "x", "--k", "0"), ("index",), ("sync", "--interval", "soon")]
)
def test_a_mistake_in_the_call_is_one_line_and_code_2(wellread, words: tuple[str, ...]) -> None:
    done = wellread(*words)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith(f"; see wellread {words[0]} --help\n")
    assert done.stderr.count("\n") == 1


def test_a_mistake_with_json_is_one_object_too(wellread) -> None:
    done = wellread("ask", "--json")
    found = json.loads(done.stdout)
    assert found["error"]["kind"] == "UsageError"
    assert found["error"]["exit_code"] == done.exit_code == 2


def test_without_a_base_the_cure_is_named(wellread) -> None:
    done = wellread("status")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert "wellread init" in done.stderr


def test_a_reader_that_goes_away_ends_the_program_quietly() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "wellread", "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.close()
    said = started.stderr.read().decode()
    started.stderr.close()
    assert (started.wait(30), said) == (141, "")


def test_the_version_is_printed_alone(wellread) -> None:
    import wellread as package

    assert wellread("--version").stdout == f"wellread {package.__version__}\n"
