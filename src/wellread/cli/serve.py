"""``wellread serve``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command
from wellread.errors import MissingExtra
from wellread.evaluate import settings as evaluate_settings
from wellread.serve import settings as serve_settings

EXAMPLES = """
wellread serve
wellread serve --port 8080
wellread serve --set serve.in_flight=4
"""


@command(examples=EXAMPLES, kept="the server stopped; every answer that was shown stands in the log")
def serve(
    call: Call,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port, instead of serve.port.")] = None,
) -> int:
    """Serve the base to programs, assistants and browsers.

    Programs speak OpenAI's API at /v1, assistants the Model Context Protocol at /mcp, people open the link that is
    printed: it signs one browser in, once, within ten minutes. Everybody else needs a key: wellread keys add.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise MissingExtra("the server", "serve")
    from wellread.serve import run  # the web framework is there only with the extra

    with open_base(call) as base:
        given = (*call.overrides, *((f"serve.port={port}",) if port is not None else ()))
        settings = serve_settings.load(base.folder, given)
        run.serve(base, settings, evaluate_settings.load(base.folder, call.overrides), _say)
    return DONE


def _say(link: str) -> None:
    show.note(f"open {link}\nit signs one browser in, within ten minutes; stop the server with Ctrl-C")
