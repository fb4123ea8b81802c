"""``wellread tune launch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.tune import settings as section
from wellread.tune.plan import launch as launching

EXAMPLES = """
wellread tune launch --data facts --processes 8 --zero 3 --out ~/facts-8gpu
wellread tune launch --data facts --cpu --processes 2 --out ~/facts-2
wellread tune launch --data facts --out ~/facts-other-trainers
"""


@command(examples=EXAMPLES)
def launch(
    call: Call,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A new folder for all that is written.")],
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="The prepared data set; else tune.data.")] = "",
    processes: Annotated[int, typer.Option("--processes", metavar="N", help="Processes, one an accelerator.")] = 2,
    machines: Annotated[int, typer.Option("--machines", metavar="N", help="Machines that they run on.")] = 1,
    cpu: Annotated[bool, typer.Option("--cpu", help="Processes without accelerators, joined by gloo.")] = False,
    zero: Annotated[int, typer.Option("--zero", metavar="STAGE", help="DeepSpeed's ZeRO: 0 none, 2 or 3.")] = 0,
) -> int:
    """Write a training for several processes or machines, and its settings for other trainers.

    Nothing is trained. The folder holds the encoded examples, the settings of accelerate and DeepSpeed with the command
    that begins, and under others/ the same settings for axolotl, LLaMA-Factory and TRL. It names the folder of the base
    model and needs wellread where it runs.
    """
    wanted = launching.Launch(processes, machines, cpu, zero)
    with open_base(call, read_only=True) as base:
        settings = section.load(base.folder, call.overrides, data=data)
        folder, words = launching.write(base, settings, wanted, out)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if call.json:
        show.dump({"folder": folder, "command": words, "files": files})
        return DONE
    show.say(show.where(str(folder)), "bold")
    show.rows([(name,) for name in files], indent=2)
    hint(call, f"next, there: {' '.join(words)}")
    return DONE
