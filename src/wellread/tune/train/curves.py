"""The course of a run as a picture and as a page that needs nothing but itself."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wellread.tune.train import state
from wellread.tune.train.state import TrainingRun

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; margin: 1rem 0 }} td, th {{ padding: .2rem 1.2rem .2rem 0; text-align: left }}
img {{ max-width: 100% }} .failed {{ color: #a00 }} caption {{ text-align: left; font-weight: bold }}
</style>
<h1>{title}</h1>
<p class="{state}">{verdict}</p>
<img alt="Loss by step" src="data:image/png;base64,{picture}">
{tables}
</html>
"""


def draw(folder: Path, run: TrainingRun, result: Mapping[str, Any] | None) -> None:
    """``curves.png`` and ``report.html`` in the folder of a run; nothing where it has made no step yet."""
    rows = state.rows(folder)
    if not any("loss" in row for row in rows):
        return
    if any("reward" in row for row in rows):
        _rounds(rows, run.name, folder / "curves.png")
    else:
        _picture(rows, run.name, folder / "curves.png")
    picture = base64.b64encode((folder / "curves.png").read_bytes()).decode("ascii")
    page = PAGE.format(
        title=html.escape(run.name),
        state=html.escape(run.state),
        verdict=html.escape(f"{run.state}: {run.reason}" if run.reason else run.state),
        picture=picture,
        tables="\n".join(_table(caption, lines) for caption, lines in _tables(run, result)),
    )
    (folder / "report.html").write_text(page, "utf-8")


def _picture(rows: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = [row for row in rows if "loss" in row]
    judged = [row for row in rows if row.get("validation_loss") is not None]
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([row["step"] for row in steps], [row["loss"] for row in steps], label="loss", color="#8ab", lw=1)
    if judged:
        above.plot(
            [row["step"] for row in judged],
            [row["validation_loss"] for row in judged],
            "o-",
            label="validation",
            color="#c40",
        )
    above.set_ylabel("loss")
    above.set_title(title)
    above.legend()
    below.plot([row["step"] for row in steps], [row["learning_rate"] for row in steps], color="#686", lw=1)
    below.set_ylabel("learning rate")
    below.set_xlabel("step")
    figure.savefig(path, dpi=110)


def _rounds(rows: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Reward, distance from the base model and length of the answers, by round."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = [row for row in rows if "reward" in row]
    judged = [row for row in rows if row.get("validation_loss") is not None]
    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True)
    named = (("reward", "reward", "#369"), ("kl", "KL, nats an answer", "#a50"), ("length", "tokens an answer", "#686"))
    for axis, (key, label, colour) in zip(axes, named, strict=True):
        axis.plot([row["step"] for row in made], [row[key] for row in made], "o-", color=colour, label="drawn answers")
        axis.set_ylabel(label)
    axes[0].plot(
        [row["step"] for row in judged],
        [-row["validation_loss"] for row in judged],
        "s--",
        color="#c40",
        label="validation",
    )
    axes[0].set_title(title)
    axes[0].legend()
    axes[-1].set_xlabel("round")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path, dpi=110)


def _tables(run: TrainingRun, result: Mapping[str, Any] | None) -> list[tuple[str, list[tuple[str, str]]]]:
    made = []
    if result:
        made.append(("Result", [(name, _shown(value)) for name, value in result.items() if name != "folder"]))
    about = {
        "data set": f"{run.data.name} ({run.data.hash[:12]})",
        "base": f"{run.base.name} ({run.base.digest[:12]})",
        "method": run.method,
        "trained parameters": f"{run.trained:,}",
        "number format": run.dtype,
        "learning rate": f"{run.learning_rate:g}",
        "general examples mixed in": f"{run.replay:.0%}",
        "rows left out": str(len(run.left_out)),
        "rows cut": str(run.cut),
        "code": run.code_version,
        "started": run.started_at,
        "ended": run.ended_at,
    }
    made.append(("Run", list(about.items())))
    made.append(("Settings", [(name, _shown(value)) for name, value in run.settings.items()]))
    made.append(("Environment", list(run.environment.items())))
    if run.left_out:
        made.append(("Left out", [(f"{row['part']} {row['id']}", row["reason"]) for row in run.left_out]))
    return made


def _table(caption: str, lines: Sequence[tuple[str, str]]) -> str:
    rows = "\n".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in lines)
    return f"<table><caption>{html.escape(caption)}</caption>\n{rows}\n</table>"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return str(value)
