"""What every command is given, and how every command ends: the options that all share, errors, Ctrl-C, exit codes."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from wellread.cli import show
from wellread.errors import ConfigError, Refused, UsageError, WellreadError
from wellread.progress import SILENT, Progress
from wellread.types import Principal

DONE, ERROR, USAGE, PART, REFUSED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 4, 130, 141

EVERYWHERE = (
    "Every command also takes --base, --set, --json, --tenant, --group, --user and --quiet: see wellread --help."
)


@dataclass(frozen=True, slots=True)
class Call:
    """The options that every command shares; those after the command's name add to those before it."""

    base: Path | None = None
    overrides: tuple[str, ...] = ()
    json: bool = False
    tenant: str = ""
    groups: tuple[str, ...] = ()
    quiet: bool = False
    user: str = ""

    @property
    def who(self) -> Principal:
        """Who the command is run by."""
        return Principal(self.tenant or Principal().tenant, frozenset(self.groups), self.user)

    def over(self, outer: Call) -> Call:
        """These options on top of those given before the command's name."""
        return Call(
            self.base or outer.base,
            outer.overrides + self.overrides,
            self.json or outer.json,
            self.tenant or outer.tenant,
            outer.groups + self.groups,
            self.quiet or outer.quiet,
            self.user or outer.user,
        )


Base = Annotated[
    Path | None,
    typer.Option("--base", metavar="FOLDER", help="The knowledge base; without it the nearest wellread.toml upwards."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One setting for this call alone; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object instead of text.")]
Tenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose documents.", show_default=False)]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="NAME", help="A group whose documents may be read too; may be repeated."),
]
User = Annotated[
    str,
    typer.Option(
        "--user", metavar="NAME", help="Who does it, for log and ratings; without it, the terminal.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no hints, only the result.")]


def shared(
    base: Base = None,
    overrides: Overrides = None,
    json: Json = False,
    tenant: Tenant = "",
    group: Groups = None,
    quiet: Quiet = False,
    user: User = "",
) -> Call:
    """A Call from the shared options; its signature is the list of them."""
    return Call(base, tuple(overrides or ()), json, tenant, tuple(group or ()), quiet, user)


@dataclass(frozen=True, slots=True)
class Command:
    """A command before it has a name: its first parameter gets the Call, its docstring is the help."""

    body: Callable[..., int]
    examples: str  # lines of a shell, shown below the options as they are
    kept: str  # what Ctrl-C leaves behind and how to resume


def command(*, examples: str, kept: str = "nothing was changed") -> Callable[[Callable[..., int]], Command]:
    """Makes a Command of a function; the table of the program gives it its name.

    Args:
        examples: lines of a shell, shown below the options as they are.
        kept: what Ctrl-C leaves behind and how to resume.
    """
    return lambda body: Command(body, examples, kept)


def built(name: str, made: Command) -> TyperCommand:
    """The command as the program runs it: its own options and those that all share, its help, its examples."""

    def run(ctx: typer.Context, **given: Any) -> None:
        options = {key: given.pop(key) for key in common}
        outer = ctx.obj if isinstance(ctx.obj, Call) else Call()
        call = shared(**options).over(outer)
        texts = {_called(p): given.get(str(p.name)) for p in ctx.command.params}
        texts |= {"--set": call.overrides, "--tenant": call.tenant, "--group": call.groups, "--user": call.user}

        def checked() -> int:
            _check_decoded(texts)
            return made.body(call, **given)

        raise typer.Exit(finish(call, made.kept, checked))

    common = {p.name: _hidden(p) for p in inspect.signature(shared, eval_str=True).parameters.values()}
    own = list(inspect.signature(made.body, eval_str=True).parameters.values())[1:]
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *common.values()))]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, help=inspect.getdoc(made.body), epilog=_epilog(made.examples))(run)
    return cast(TyperCommand, get_command(alone))  # of one command without a callback


def _hidden(parameter: inspect.Parameter) -> inspect.Parameter:
    """The same option, left out of a command's own help."""
    option = parameter.annotation.__metadata__[0]
    shown = typer.Option(*_names(option), hidden=True)
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, shown])


def _names(option: Any) -> tuple[str, ...]:
    first = (option.default,) if isinstance(option.default, str) else ()
    return (*first, *(option.param_decls or ()))


def _called(parameter: Any) -> str:
    """What a person types for it: the long name of an option, the word that stands for an argument."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name)


def _check_decoded(texts: Mapping[str, object]) -> None:
    """Nothing, where all texts could be decoded; paths may be any bytes. Raises UsageError that names the argument."""
    for name, value in texts.items():
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and show.SURROGATES.search(text):
                seen = show.SURROGATES.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)  # byte by byte
                more = "; a file that is called so comes in with its folder" if name == "SOURCE" else ""
                raise UsageError(f"{name}: '{seen}' is not in UTF-8; type it in UTF-8{more}")


def _epilog(examples: str) -> str:
    lines = "\n".join(f"  {line}" for line in inspect.cleandoc(examples).splitlines())
    return f"\b\nExamples:\n{lines}\n\n{EVERYWHERE}"


def finish(call: Call, kept: str, body: Callable[[], int]) -> int:
    """The exit code of a command; what went wrong is one line on stderr, with ``--json`` an object on stdout too."""
    try:
        code = body()
        sys.stdout.flush()
    except WellreadError as fault:
        return failed(str(fault), _code(fault), type(fault).__name__, json=call.json)
    except KeyboardInterrupt:
        show.note(f"stopped; {kept}")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere, quietly
        return PIPE_CLOSED
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename else ""
        return failed(f"{where}{fault.strerror or fault}", ERROR, type(fault).__name__, json=call.json)
    return code


def failed(message: str, code: int, kind: str, *, json: bool) -> int:
    """``code``, after saying what went wrong."""
    for line in message.splitlines():
        show.error(line)
    if json:
        show.dump({"error": {"kind": kind, "message": message, "exit_code": code}})
    return code


def _code(fault: WellreadError) -> int:
    if isinstance(fault, (UsageError, ConfigError)):
        return USAGE
    return REFUSED if isinstance(fault, Refused) else ERROR


@contextmanager
def progress(call: Call) -> Iterator[Progress]:
    """A line on stderr that tells how far work is, where a person watches; else nothing."""
    if call.quiet or call.json or not sys.stderr.isatty():
        yield SILENT
        return
    watched = show.Line()
    try:
        yield watched
    finally:
        watched.close()


def hint(call: Call, text: str) -> None:
    """What to do next, for a person."""
    if not call.quiet and not call.json:
        show.say(text, "dim")
