"""Settings searched within a budget: short runs with other learning rates, batches and sizes; the best validation wins.

Each trial is a row of ``trials.jsonl`` when it is over, so a search that was killed resumes with what it knows.
"""

from __future__ import annotations

import gc
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wellread import config, digests, paths
from wellread.errors import MissingExtra, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT, Progress
from wellread.tune import recipe, run
from wellread.tune.base import base_model, device
from wellread.tune.data import data as datasets
from wellread.tune.recipe import MethodPlan
from wellread.tune.settings import TuneSettings
from wellread.tune.train import examples, loop, session, tuned
from wellread.tune.train.examples import EncodedParts
from wellread.tune.train.loop import TuneFailed

FOLDER = paths.SEARCHES
SPREAD = 5.0  # of the learning rate, to both sides of the method's own
BATCHES = (4, 8, 16)
SIZES: Mapping[str, Sequence[int]] = {
    "rank": (4, 8, 16, 32),
    "adapter_width": (16, 32, 64, 128),
    "virtual_tokens": (5, 10, 20, 40),
}
SIZED: Mapping[str, str] = {
    "lora": "rank",
    "qlora": "rank",
    "adalora": "rank",
    "series-adapter": "adapter_width",
    "pfeiffer-adapter": "adapter_width",
    "parallel-adapter": "adapter_width",
    "prefix": "virtual_tokens",
    "prompt": "virtual_tokens",
    "p-tuning": "virtual_tokens",
}
BESIDE = (
    *("data", "base"),  # a search is known by what they hold
    *("most_minutes", "most_memory_gb", "save_every_s", "probe"),  # no trial follows them
)
WARM = 3  # trials before one is cut short for being worse than the middle of those before


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """One short run; ``state`` is complete, cut (worse than the others half-way, or out of time) or failed."""

    number: int
    settings: Mapping[str, Any]
    validation_loss: float | None
    seconds: float
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """All trials and the best of the complete ones; ``picture`` shows the loss by each setting."""

    name: str
    folder: Path
    trials: tuple[SearchTrial, ...]
    best: SearchTrial
    picture: Path


class _Cut(Exception):  # no error: the trial ends here
    """The trial is not worth going on with."""


def search(
    base: KnowledgeBase, settings: TuneSettings, *, trials: int, minutes: float, progress: Progress = SILENT
) -> Searched:
    """The best of at most ``trials`` runs in at most ``minutes``; those of an earlier call count too.

    Only those count that had the same data, base and settings, but for what is searched.

    Raises: UsageError where the data set has no validation part or no trial was completed; MissingExtra.
    """
    optuna = _library()
    begun = time.monotonic()
    data = datasets.load(datasets.find(base, run.chosen_data(base, settings)))
    settings = replace(settings, max_length=datasets.limit_of(data.card, settings.max_length))
    weights, _, digest = base_model.resolve(settings.base, config.models_folder())
    device.quiet_libraries()
    device.set_threads(settings.threads)
    tokenizer = base_model.load_tokenizer(weights)
    rows = examples.encode_rows(data, tokenizer, settings.max_length)
    if not rows.validation:
        raise UsageError(f"data set '{data.card.name}': has no validation part, so no setting can be told from another")
    name = f"{data.card.name}-{settings.method}-{data.card.hash[:6]}{digest[:6]}{_key(settings)}"
    folder = base.folder / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=settings.seed, n_startup_trials=WARM),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM),
    )
    done = _read(folder)
    for one in done:
        _tell(optuna, study, one, settings)
    while len(done) < trials and (time.monotonic() - begun) < minutes * 60:
        progress.step("trials", len(done), trials, _note(done))
        asked = study.ask()
        wanted = replace(settings, **_suggest(asked, settings))
        until = begun + minutes * 60
        one = _try(len(done), wanted, rows, tokenizer, weights, folder, asked, until)
        complete = one.state == "complete"
        study.tell(asked, one.validation_loss if complete else None, state=_state(optuna, one))
        done.append(one)
        _append(folder, one)
    return _result(name, folder, done)


def _key(settings: TuneSettings) -> str:
    """6 hex digits that follow from every setting that a trial is not free to choose."""
    free = {"learning_rate", "batch", SIZED.get(settings.method, ""), *BESIDE}
    fixed = {name: value for name, value in asdict(settings).items() if name not in free}
    return digests.of_json(fixed)[:6]


def _suggest(asked: Any, settings: TuneSettings) -> dict[str, Any]:
    own = settings.learning_rate or recipe.find(settings.method).learning_rate
    found = {
        "learning_rate": asked.suggest_float("learning_rate", own / SPREAD, own * SPREAD, log=True),
        "batch": asked.suggest_categorical("batch", BATCHES),
    }
    size = SIZED.get(settings.method)
    return found | ({size: asked.suggest_categorical(size, SIZES[size])} if size else {})


def _try(
    number: int,
    settings: TuneSettings,
    rows: EncodedParts,
    tokenizer: Any,
    weights: Path,
    folder: Path,
    asked: Any,
    until: float,
) -> SearchTrial:
    """One run in a folder that is gone afterwards."""
    work, begun = folder / f".trial-{number}", time.monotonic()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    best: list[float] = []

    def watch(row: Mapping[str, Any]) -> None:
        if row.get("validation_loss") is None:
            return
        if row["step"]:
            best.append(float(row["validation_loss"]))
            asked.report(min(best), row["step"] * settings.batch)
        if time.monotonic() > until:
            raise _Cut("out of time")
        if row["step"] and asked.should_prune():
            raise _Cut("worse than the middle of the trials before")

    chosen = {key: getattr(settings, key) for key in asked.params}
    try:
        _train(settings, rows, tokenizer, weights, work, watch)
        return SearchTrial(number, chosen, min(best), round(time.monotonic() - begun, 1), "complete")
    except _Cut as cut:
        loss = min(best) if best else None
        return SearchTrial(number, chosen, loss, round(time.monotonic() - begun, 1), "cut", str(cut))
    except TuneFailed as fault:
        return SearchTrial(number, chosen, None, round(time.monotonic() - begun, 1), "failed", str(fault))
    finally:
        shutil.rmtree(work, ignore_errors=True)
        gc.collect()


def _train(
    settings: TuneSettings, rows: EncodedParts, tokenizer: Any, weights: Path, work: Path, watch: loop.Record
) -> None:
    method = recipe.find(settings.method)
    course = session.course_of(rows, settings, session.replay_of(rows, settings))
    model = tuned.open_base(method, weights)
    trained = session.attach(method, model, MethodPlan(settings, course.total, tokenizer, work), {})
    task = session.task_of(trained.model, rows, settings, tokenizer, bf16=settings.dtype == "bfloat16")
    loop.run(trained, task, course, settings.learning_rate or method.learning_rate, work, watch)


def _tell(optuna: Any, study: Any, one: SearchTrial, settings: TuneSettings) -> None:
    """A trial of an earlier call, told to the study."""
    own = settings.learning_rate or recipe.find(settings.method).learning_rate
    space = {"learning_rate": optuna.distributions.FloatDistribution(own / SPREAD, own * SPREAD, log=True)}
    space["batch"] = optuna.distributions.CategoricalDistribution(BATCHES)
    if size := SIZED.get(settings.method):
        space[size] = optuna.distributions.CategoricalDistribution(SIZES[size])
    if not own / SPREAD <= one.settings["learning_rate"] <= own * SPREAD:
        return  # tune.learning_rate was another one then; the trial stays in the list
    complete = one.state == "complete"
    study.add_trial(
        optuna.trial.create_trial(
            params=dict(one.settings),
            distributions=space,
            value=one.validation_loss if complete else None,
            state=_state(optuna, one),
        )
    )


def _state(optuna: Any, one: SearchTrial) -> Any:
    states = optuna.trial.TrialState
    return {"complete": states.COMPLETE, "cut": states.PRUNED, "failed": states.FAIL}[one.state]


def _result(name: str, folder: Path, done: Sequence[SearchTrial]) -> Searched:
    complete = [one for one in done if one.state == "complete" and one.validation_loss is not None]
    if not complete:
        why = f"; the first: {done[0].reason}" if done and done[0].reason else ""
        raise UsageError(f"search '{name}': no trial was completed in the time{why}; give it more --minutes")
    best = min(complete, key=lambda one: one.validation_loss or 0.0)
    picture = folder / "search.png"
    _picture(done, best, picture)
    return Searched(name, folder, tuple(done), best, picture)


def _picture(done: Sequence[SearchTrial], best: SearchTrial, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [one for one in done if one.validation_loss is not None]
    names = list(best.settings)
    figure = Figure(figsize=(4 * (len(names) + 1), 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(names) + 1, sharey=True), ["trial", *names], strict=True):
        for state, colour in (("complete", "#06a"), ("cut", "#bbb")):
            found = [one for one in shown if one.state == state]
            at = [one.number if name == "trial" else one.settings[name] for one in found]
            axes.scatter(at, [one.validation_loss for one in found], color=colour, label=state)
        here = best.number if name == "trial" else best.settings[name]
        axes.scatter([here], [best.validation_loss], s=120, facecolors="none", edgecolors="#c40", label="best")
        axes.set_xlabel(name.replace("_", " "))
        if name == "learning_rate":
            axes.set_xscale("log")
    figure.axes[0].set_ylabel("validation loss, nats a token")
    figure.axes[0].legend()
    figure.savefig(path, dpi=110)


def _note(done: Sequence[SearchTrial]) -> str:
    found = [one.validation_loss for one in done if one.validation_loss is not None]
    return f"best {min(found):.3f}" if found else ""


def _read(folder: Path) -> list[SearchTrial]:
    path = folder / "trials.jsonl"
    if not path.is_file():
        return []
    return [SearchTrial(**json.loads(line)) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _append(folder: Path, one: SearchTrial) -> None:
    with (folder / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(one)) + "\n")


def _library() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("optuna (for wellread tune search)", "tune") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
