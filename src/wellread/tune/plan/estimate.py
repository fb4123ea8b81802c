"""What a run will cost, from a few measured steps of it on this machine, before anything starts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread import config, paths
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT, Progress
from wellread.tune import recipe, run
from wellread.tune.base import base_model, device
from wellread.tune.data import data as datasets
from wellread.tune.layers import choose
from wellread.tune.recipe import MethodPlan, Recipe
from wellread.tune.settings import TuneSettings
from wellread.tune.train import examples, probe, session, tuned
from wellread.tune.train.examples import EncodedParts
from wellread.tune.train.loop import LoopModel, StepPlan
from wellread.tune.train.losses import ConversationTask

MEASURED = 3  # steps
STATES = {"adamw": 2, "adam": 2, "sgd": 1, "adafactor": 0.1}  # numbers kept for each trained weight
CHECKPOINTS = 3  # two whole ones and the one that is being written
PROBE_ANSWERS = 8  # questions whose answering is timed
PROBES_AT_A_RUN = 2  # before and after


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds, megabytes and gigabytes of a run, and what they were computed from.

    ``memory_mb`` is the most that the process held while it took a step with the longest batch; ``free_memory_gb`` and
    ``free_disk_gb`` are what the machine has left.
    """

    data: str
    base: str
    method: str
    steps: int
    tokens: int
    tokens_per_s: float
    train_s: float
    validate_s: float
    probe_s: float
    rank_s: float
    memory_mb: float
    disk_mb: float
    trained: int
    n_parameters: int
    dtype: str
    rows_left_out: int
    rows_cut: int
    free_memory_gb: float
    free_disk_gb: float

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        return self.train_s + self.validate_s + self.probe_s + self.rank_s


def estimate(base: KnowledgeBase, settings: TuneSettings, *, progress: Progress = SILENT) -> Estimate:
    """What ``tune.run`` with these settings will take; nothing is written.

    Raises: as ``run.start`` where the data set or the base model do not fit.
    """
    data = datasets.load(datasets.find(base, run.chosen_data(base, settings)))
    if run.kind_of(data, settings) != "conversations":
        raise UsageError(
            f"data set '{data.card.name}': a run for {data.card.task} with tune.method = '{settings.method}' is not "
            "estimated beforehand; it can be stopped and resumed: wellread tune run"
        )
    folder, _, _ = base_model.resolve(settings.base, config.models_folder())
    method = recipe.find(settings.method)
    device.quiet_libraries()
    device.set_threads(settings.threads)
    free_gb = device.free_memory_gb()
    tokenizer = base_model.load_tokenizer(folder)
    rows = examples.encode_rows(data, tokenizer, settings.max_length)
    course = session.course_of(rows, settings, session.replay_of(rows, settings))
    progress.step("measure", 0, MEASURED + 1)
    model = tuned.open_base(method, folder)
    n_parameters = session.n_parameters(model)
    with _scratch(base.folder) as work:
        trained = session.attach(method, model, MethodPlan(settings, course.total, tokenizer, work), {})
        dtype = session.dtype_of(trained.model, rows, settings, tokenizer)
        task = session.task_of(trained.model, rows, settings, tokenizer, bf16=dtype == "bfloat16")
        speed = _tokens_per_s(trained, task, course, progress)
        validate_s = _validation_s(rows, course, speed)
        probe_s = _probe_s(trained.model, tokenizer) if settings.probe else 0.0
        progress.step("measure", MEASURED + 1, MEASURED + 1)
    tokens = _tokens(course)
    n_trained = session.n_trained(trained.model)
    return Estimate(
        data=data.card.name,
        base=settings.base,
        method=settings.method,
        steps=course.total,
        tokens=tokens,
        tokens_per_s=round(speed, 1),
        train_s=round(tokens / speed, 1),
        validate_s=round(validate_s, 1),
        probe_s=round(probe_s, 1),
        rank_s=round(_rank_s(settings, rows, course, speed), 1),
        memory_mb=round(device.peak_memory_mb()),
        disk_mb=round(_disk_bytes(settings, method, n_trained, n_parameters) / 1e6, 1),
        trained=n_trained,
        n_parameters=n_parameters,
        dtype=dtype,
        rows_left_out=len(rows.left_out),
        rows_cut=rows.cut,
        free_memory_gb=round(free_gb, 1),
        free_disk_gb=round(shutil.disk_usage(base.folder).free / 1e9, 1),
    )


def beforehand(base: KnowledgeBase, settings: TuneSettings, *, progress: Progress = SILENT) -> Estimate | None:
    """The estimate of a run; None for one of labels, which takes minutes at most and is not estimated.

    Raises: as ``estimate``.
    """
    data = datasets.load(datasets.find(base, run.chosen_data(base, settings)))
    return None if run.kind_of(data, settings) != "conversations" else estimate(base, settings, progress=progress)


def over_limit(found: Estimate, settings: TuneSettings) -> list[str]:
    """What of an estimate is above the limits of the settings, in words; empty where nothing is."""
    over = []
    if found.seconds > settings.most_minutes * 60:
        over.append(f"{found.seconds / 60:,.0f} minutes, above tune.most_minutes = {settings.most_minutes:g}")
    limit_gb = settings.most_memory_gb or found.free_memory_gb
    if found.memory_mb / 1e3 > limit_gb:
        name = "tune.most_memory_gb =" if settings.most_memory_gb else "the free"
        over.append(f"{found.memory_mb / 1e3:.1f} GB of memory, above {name} {limit_gb:g}")
    if found.disk_mb / 1e3 > found.free_disk_gb:
        over.append(f"{found.disk_mb / 1e3:.1f} GB of disk, and {found.free_disk_gb:g} GB are free")
    if found.rows_left_out:
        over.append(f"no account of {found.rows_left_out} examples, whose answers lie beyond tune.max_length")
    return over


class _scratch:  # noqa: N801  # a with block, used once
    """A folder that is gone afterwards, beside the runs of a base."""

    def __init__(self, base: Path) -> None:
        self._path = base / paths.ESTIMATE

    def __enter__(self) -> Path:
        shutil.rmtree(self._path, ignore_errors=True)
        self._path.mkdir(parents=True)
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _tokens_per_s(trained: LoopModel, task: ConversationTask, course: StepPlan, progress: Progress) -> float:
    """Speed of some whole steps: one with the longest batch, which shows the most memory, and some of middle length."""
    from wellread.tune.train import optimise

    settings = course.settings
    optimizer = optimise.optimizer_of(settings, trained.groups(), 0.0)  # a rate of 0 leaves the weights as they are
    steps = sorted(course.epoch(0), key=lambda made: sum(task.lengths[row] for rows in made for row in rows))
    middle = steps[len(steps) // 2]
    _timed(trained, task, optimizer, [max(rows_of(steps), key=lambda rows: max(task.lengths[row] for row in rows))])
    taken, tokens = 0.0, 0
    for number in range(MEASURED):
        taken += _timed(trained, task, optimizer, middle)
        tokens += sum(task.lengths[row] for rows in middle for row in rows)
        progress.step("measure", number + 1, MEASURED + 1)
    return tokens / taken


def rows_of(steps: Sequence[Sequence[tuple[int, ...]]]) -> list[tuple[int, ...]]:
    """The batches of all steps."""
    return [rows for made in steps for rows in made]


def _timed(trained: LoopModel, task: ConversationTask, optimizer: Any, made: Sequence[Sequence[int]]) -> float:
    begun = time.perf_counter()
    trained.model.train()
    for rows in made:
        (task.loss(rows) / max(1, task.weight(rows))).backward()
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - begun


def _tokens(course: StepPlan) -> int:
    epochs = course.total / course.steps_per_epoch
    seen = sum(course.lengths[row] for made in course.epoch(0) for rows in made for row in rows)
    return round(seen * epochs)


def _validation_s(rows: EncodedParts, course: StepPlan, speed: float) -> float:
    """Forward passes take about a third of a step's time; the base and the end count too."""
    every = course.settings.validate_every or course.steps_per_epoch
    tokens = sum(len(row.ids) for row in rows.validation) * (course.total // every + 2)
    tokens += sum(len(row.ids) for row in rows.test) * 2
    return tokens / speed / 3


def _probe_s(model: Any, tokenizer: Any) -> float:
    asked = [question for question, _ in probe.questions()]
    begun = time.perf_counter()
    probe.answer(model, tokenizer, asked[:PROBE_ANSWERS], bf16=False)
    return (time.perf_counter() - begun) * len(asked) / PROBE_ANSWERS * PROBES_AT_A_RUN / 1.5  # larger batches later


def _rank_s(settings: TuneSettings, rows: EncodedParts, course: StepPlan, speed: float) -> float:
    """Probes of a ranking: three to compare with, the forest's own, and gradients."""
    if settings.rank_by == "all":
        return 0.0
    mean_tokens = sum(len(row.ids) for row in rows.train) / len(rows.train) * settings.batch
    validation = sum(len(row.ids) for row in rows.validation) / 3
    n = 3 + settings.probes * (settings.rank_by == "forest")
    return (n * (choose.STEPS * mean_tokens + validation) + choose.BATCHES * mean_tokens) / speed


def _disk_bytes(settings: TuneSettings, method: Recipe, n_trained: int, n_parameters: int) -> float:
    """Checkpoints with the optimizer's memory, and the best weights twice while they are replaced."""
    saved = n_parameters if method.name == "full" else n_trained
    return 4 * (n_trained * (1 + STATES[settings.optimizer]) * CHECKPOINTS + saved * 2)
