"""``wellread doctor``."""

from __future__ import annotations

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, ERROR, Call, command

EXAMPLES = """
wellread doctor
"""


@command(examples=EXAMPLES)
def doctor(call: Call) -> int:
    """Look for what is wrong, and say the cure of each fault.

    Looks at versions, settings, models, store, index and disk space. Ends with code 1 when something is wrong.
    """
    with open_base(call) as base:
        findings = base.doctor()
    well = all(finding.ok for finding in findings)
    if call.json:
        show.dump({"ok": well, "findings": findings})
        return DONE if well else ERROR
    for finding in findings:
        mark, style = ("ok", "") if finding.ok else ("FAULT", "red")
        show.say(f"{mark:<6} {finding.what}: {show.line(finding.detail)}", style)
        if finding.cure and not finding.ok:
            show.say(f"cure: {finding.cure}", indent=7)
    return DONE if well else ERROR
