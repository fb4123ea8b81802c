"""``wellread check``."""

from __future__ import annotations

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, ERROR, Call, command, hint

EXAMPLES = """
wellread check
"""


@command(examples=EXAMPLES)
def check(call: Call) -> int:
    """Compare everything stored with its checksums.

    Reads every row, text and vector, and finds a single flipped byte. Ends with code 1 when there is a fault.
    """
    with open_base(call, read_only=True) as base:
        faults = base.check()
    if call.json:
        show.dump({"ok": not faults, "faults": faults})
    else:
        for fault in faults:
            show.say(show.line(str(fault)), "red")
        show.say(show.count(len(faults), "fault") if faults else "no fault found")
        if faults:
            hint(call, "next: wellread restore BACKUP FOLDER, or wellread index rebuild if only the index is damaged")
    return ERROR if faults else DONE
