"""``wellread optimise``."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import config as config_file
from wellread.cli import show
from wellread.cli.base import open_base, settings_file
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.evaluate import settings as evaluate_settings
from wellread.knowledge_base import KnowledgeBase
from wellread.optimise import optimise as searching
from wellread.optimise import rechunk, riskpage, tradeoff
from wellread.optimise import risk as risks
from wellread.optimise.optimise import Optimised
from wellread.optimise.risk import RiskLimit, RiskTest
from wellread.optimise.trial import Trial
from wellread.questions import file as questions
from wellread.questions import freeze
from wellread.types import Question

EXAMPLES = """
wellread optimise --minutes 10
wellread optimise --minutes 30 --try embed.model=onnx:minilm --try answer.passages=60 --yes
wellread optimise --minutes 5 --only answer.passages --only retrieve.alpha
wellread optimise --answers --risk 0.05
"""
PAGE, TRIALS = "optimise.html", "optimise.json"
RISK_PAGE, RISK_FILE = "answers.html", "answers.json"


@command(examples=EXAMPLES, kept="what was asked is kept; the same command resumes")
def optimise(  # noqa: PLR0913 - the options of a command
    call: Call,
    minutes: Annotated[float, typer.Option(min=0.1, metavar="N", help="How long to search, test included.")] = 10.0,
    more: Annotated[
        list[str] | None,
        typer.Option("--try", metavar="SECTION.KEY=VALUE", help="Try this value too, a model say; may be repeated."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="SECTION.KEY", help="Search only this setting; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where optimise.html and .json go; else beside wellread.toml.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write better settings into wellread.toml without asking.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Forget what earlier searches asked.")] = False,
    answers: Annotated[
        bool, typer.Option("--answers", help="Fit the threshold of refusal and the confidence, for --risk.")
    ] = False,
    risk: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Wrong answers among those given, at most.")
    ] = 0.05,
) -> int:
    """Search the best settings by your questions, and propose them.

    Chunk size, weights, reranker, rewriting, passages, threshold and what --try names are tried on the validation
    questions; the winner is asked the test questions once. What may be chance is not proposed. Nothing is embedded or
    asked twice: the same call resumes.

    With --answers nothing is searched but the threshold of refusal for a wanted risk, and the confidence is made a
    probability; the curve of risk and coverage goes into answers.html.
    """
    with open_base(call, read_only=True) as base, progress(call) as watched:
        settings = evaluate_settings.load(base.folder, call.overrides)
        validation, test, frozen = _questions(base)
        if again:
            rechunk.removed(base)
        if answers:
            limit = risks.limit(base, validation, test, risk, watched)
            return _limited(call, limit, out or base.folder, frozen, yes)
        budget = searching.Budget(minutes, settings.seed, settings.draws, tuple(more or ()), tuple(only or ()))
        found = searching.optimise(base, validation, test, budget, watched)
        folder = out or base.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(tradeoff.page(found), "utf-8")
    _kept(folder / TRIALS, found)
    if call.json:
        show.dump({"page": folder / PAGE, "trials": folder / TRIALS, "frozen": frozen, **_short(found)})
    else:
        _told(call, found, folder / PAGE, frozen)
    if found.proposal and (not call.json or yes):
        _proposed(call, {key: new for key, (_, new) in found.proposal.items()}, yes)
    return DONE


def _limited(call: Call, found: RiskLimit, folder: Path, frozen: bool, yes: bool) -> int:
    """Tells what a wanted risk costs, writes the page, and proposes the settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RISK_PAGE).write_text(riskpage.page(found), "utf-8")
    (folder / RISK_FILE).write_text(json.dumps(show.plain(found), ensure_ascii=False, indent=1) + "\n", "utf-8")
    if call.json:
        whole = {**show.plain(replace(found, curve=())), "settings": found.settings, "frozen": frozen}
        show.dump({"page": folder / RISK_PAGE, "curve": folder / RISK_FILE, **whole})
    else:
        show.say(riskpage.said(found), "bold")
        tests = [("now", found.now), *([("with the threshold found", found.test)] if found.test else [])]
        show.rows([(name, *_risk_figures(test)) for name, test in tests], indent=4)
        if not found.calibrated:
            fewest = f"{risks.FEWEST} right and {risks.FEWEST} wrong answers"
            show.say(f"the confidence is left as it is: it takes {fewest} to fit it", indent=4)
        if not frozen:
            show.say("the set is not frozen: it was halved for this (wellread questions freeze)", indent=4)
        if found.failed:
            show.say(f"a model failed {len(found.failed)} times, first on {found.failed[0]}", "yellow", indent=4)
        hint(call, f"risk against coverage: {show.where(str((folder / RISK_PAGE).resolve()))}")
    if found.settings and (not call.json or yes):
        _proposed(call, found.settings, yes)
    return DONE


def _risk_figures(test: RiskTest) -> tuple[str, str, str]:
    answered = f"{test.coverage.value:.0%} answered"
    if test.risk is None:
        return answered, "", f"n = {test.questions}"
    low, high = 100 * test.risk.low, 100 * test.risk.high
    return answered, f"{test.risk.value:.1%} of these wrong ({low:.0f} to {high:.0f})", f"n = {test.questions}"


def _questions(base: KnowledgeBase) -> tuple[tuple[Question, ...], tuple[Question, ...], bool]:
    """Validation and test questions, and whether the set is frozen; one that is not is halved for this call."""
    if freeze.is_frozen(base.folder):
        frozen = freeze.read(base.folder)
        return frozen.part("validation"), frozen.part("test"), True
    path = base.folder / questions.FILE
    if not path.is_file():
        raise UsageError(f"{path}: no questions yet; wellread questions load FILE, or wellread questions draft")
    seed = evaluate_settings.load(base.folder).seed
    parted = freeze.split(questions.read(path), (0, 0.5, 0.5), seed=seed)
    first, second = ([q for q in parted if q.split == part] for part in ("validation", "test"))
    return tuple(first), tuple(second), False


def _kept(path: Path, found: Optimised) -> None:
    path.write_text(json.dumps(show.plain(found), ensure_ascii=False, indent=1) + "\n", "utf-8")


def _short(found: Optimised) -> dict[str, object]:
    return show.plain(replace(found, trials=())) | {"trials_n": len(found.trials)}  # type: ignore[no-any-return]  # a dict


def _told(call: Call, found: Optimised, page: Path, frozen: bool) -> None:
    tried = f"{len(found.trials)} choices of settings, {found.asked} answers, {show.duration(found.seconds)}"
    show.say(f"{tried}: {found.said}", "bold")
    table = [("present, validation", *_figures(found.present))]
    if found.winner is not None:
        table.append(("best, validation", *_figures(found.winner)))
    for name, judged in (("present, test", found.test_present), ("best, test", found.test_winner)):
        if judged is not None:
            low, high = 100 * judged.quality.low, 100 * judged.quality.high
            right = f"{judged.quality.value:.1%} right ({low:.0f} to {high:.0f})"
            table.append((name, right, f"{show.duration(judged.p50_s)} an answer", f"n = {judged.quality.n}"))
    show.rows(table, indent=4)
    if not frozen:
        show.say("the set is not frozen: it was halved for this search (wellread questions freeze)", indent=4)
    if found.unfit:
        show.say(f"{found.unfit} questions without an accepted answer were left out", indent=4)
    if found.failed:
        show.say(f"a model failed {len(found.failed)} times, first on {found.failed[0]}", "yellow", indent=4)
    if found.not_searched:
        show.say(f"not searched, a copy of the base would take too long: {', '.join(found.not_searched)}", indent=4)
    hint(call, f"quality against latency: {show.where(str(page.resolve()))}")


def _figures(trial: Trial) -> tuple[str, str, str]:
    return f"{trial.quality:.1%} right", f"{show.duration(trial.p50_s)} an answer", f"n = {trial.n}"


def _proposed(call: Call, changes: Mapping[str, object], yes: bool) -> None:
    """Shows the change of wellread.toml, and writes it where it is accepted."""
    path = settings_file(call)
    if path is None:
        raise UsageError("no wellread.toml here or in a folder above; say --base FOLDER")
    old = path.read_text("utf-8")
    new = config_file.with_settings(old, changes)
    diff = difflib.unified_diff(old.splitlines(), new.splitlines(), path.name, f"{path.name}, better", lineterm="", n=1)
    if not call.json:
        show.say()
        show.say("\n".join(diff))
        show.say()
    if not yes:
        if not sys.stdin.isatty():
            hint(call, "nothing was changed; --yes writes it")
            return
        if not typer.confirm("Write it?", err=True):
            return
    config_file.write(path, new)
    if call.json:
        return
    show.say(f"{show.where(str(path))}: {show.count(len(changes), 'setting')} written")
    if any(key.startswith("chunk.") for key in changes):
        hint(call, "next: wellread sync reads the documents again")
    if "embed.model" in changes:
        hint(call, "next: wellread index reembed; until then the old index answers")
