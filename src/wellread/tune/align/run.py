"""THE VERB for preferences: pairs or rated answers come in; a model that writes more like the better ones goes out.

``run.start`` comes here for data sets of preferences and of ratings. The folder of the run, its loop, its checkpoints,
its end and what it leaves are those of every other run.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from wellread.errors import UsageError
from wellread.progress import Progress
from wellread.tune import recipe
from wellread.tune.align import heldout, losses, ppo, preferences, ratings, reference, reward
from wellread.tune.align.ppo import PolicyTask
from wellread.tune.align.preferences import PreferenceParts
from wellread.tune.align.ratings import RatedParts
from wellread.tune.align.reference import TwoRows
from wellread.tune.align.task import PreferenceTask
from wellread.tune.align.unpaired import UnpairedTask
from wellread.tune.base import base_model, device
from wellread.tune.base.template import Encoded
from wellread.tune.data.data import DataSet
from wellread.tune.recipe import MethodPlan
from wellread.tune.settings import TuneSettings
from wellread.tune.train import loop, outcome, probe, session, state, tuned
from wellread.tune.train.examples import EncodedParts
from wellread.tune.train.loop import LoopModel, StepPlan, TrainingTask, TuneFailed
from wellread.tune.train.outcome import Result

Parts = PreferenceParts | RatedParts

TASKS = ("preference", "rating")  # of the data sets that are learned from here
RATE = 0.1  # of a method's own learning rate: pairs change a model that can answer already
ANSWERS = "answers.json"  # what the base model wrote to held-out prompts
TRIED = 4  # pairs at most of the steps that choose the number format


def train(folder: Path, data: DataSet, settings: TuneSettings, progress: Progress) -> Result:
    """The result of a run whose run.json is there; ``best/`` holds the weights, as of any method.

    Raises: UsageError for settings that do not go with pairs; TuneFailed with the reason.
    """
    _refuse(settings)
    run = state.read(folder)
    weights, method = Path(run.base.folder), recipe.find(settings.method)
    device.quiet_libraries()
    threads = device.set_threads(run.threads or settings.threads)
    tokenizer = base_model.load_tokenizer(weights)
    pad = probe.pad_of(tokenizer)
    parts = _encoded(data, tokenizer, settings)
    probed = EncodedParts((), (), (), (), parts.left_out, 0, parts.max_length, teaches_facts=False)
    before = outcome.before(folder, run, tokenizer, probed, method, progress)
    open_base = partial(tuned.open_base, method, weights)
    progress.step("answers before", 0, 1)
    answers = _answers_before(folder, parts, open_base, tokenizer, settings.seed)
    learned = _learned(parts, settings)
    course = StepPlan([one.n_tokens for one in learned.train], len(learned.train), settings, 0.0)
    model = open_base()
    described = replace(run.base, n_parameters=session.n_parameters(model), architecture=str(model.config.model_type))
    card = {"base": asdict(run.base), "run": run.name, "data": asdict(run.data), "objective": settings.objective}
    trained = session.attach(method, model, MethodPlan(settings, course.total, tokenizer, folder), card)
    run = replace(
        run,
        threads=threads,
        dtype=run.dtype or _dtype_of(trained.model, learned.train, settings, pad),
        learning_rate=settings.learning_rate or RATE * method.learning_rate,
        trained=session.n_trained(trained.model),
        left_out=parts.left_out,
        base=described,
    )
    state.write(folder, run)
    progress.step("reference", 0, 1)
    if settings.objective == "ppo":
        opened = reference.base_of(trained.model, open_base, switch=reference.has_switch(settings))
        task = _policy_of(_pairs(parts), settings, pad)
        ended = ppo.run(trained, task, opened, tokenizer, settings, run.learning_rate, folder, progress)
    else:
        made = _task_of(folder, learned, trained, open_base, settings, pad, bf16=run.dtype == "bfloat16")
        ended = loop.run(trained, made, course, run.learning_rate, folder, session.recorder(folder, course, progress))
        del made
    del model, trained
    gc.collect()
    result = outcome.judge(folder, run, tokenizer, probed, before, ended, progress)
    result = replace(result, seconds=round(result.seconds + _seconds_before(folder), 2))
    return _scored(folder, result, parts, answers, tokenizer, settings, open_base)


def _encoded(data: DataSet, tokenizer: Any, settings: TuneSettings) -> Parts:
    """The rows of a data set of either task. Raises: UsageError for an objective that needs the other one."""
    if data.card.task == "preference":
        return preferences.encode_pairs(data, tokenizer, settings.max_length)
    if settings.objective != "kto":
        raise UsageError(
            f"tune.objective = '{settings.objective}': learns from pairs, and data set '{data.card.name}' holds single "
            "ratings; take kto: --set tune.objective=kto"
        )
    return ratings.encode_ratings(data, tokenizer, settings.max_length)


def _learned(parts: Parts, settings: TuneSettings) -> Parts:
    """What the loop goes through: pairs, or single answers where the objective takes these."""
    return ratings.of_pairs(parts) if settings.objective == "kto" and isinstance(parts, PreferenceParts) else parts


def _pairs(parts: Parts) -> PreferenceParts:
    if not isinstance(parts, PreferenceParts):
        raise TypeError("rated answers are no pairs")  # ``_encoded`` refuses them
    return parts


def _refuse(settings: TuneSettings) -> None:
    """Raises: UsageError for what only conversations have."""
    if settings.rank_by != "all":
        raise UsageError(f"tune.rank_by = '{settings.rank_by}': ranks blocks by conversations; pairs train with 'all'")
    if settings.objective == "ppo":
        if settings.method == "adalora":
            raise UsageError(
                "tune.method = 'adalora': shares out its ranks over planned steps, ppo plans none; take lora"
            )
        ppo.refuse(settings)
    if settings.replay:
        raise UsageError(f"tune.replay = {settings.replay:g}: no general examples are mixed into pairs; set it to 0")


def _policy_of(pairs: PreferenceParts, settings: TuneSettings, pad_id: int) -> PolicyTask:
    """The prompts of the training pairs, judged on those of the validation pairs where there are such."""
    judged = sorted({pair.prompt for pair in (pairs.validation or pairs.train)})[: heldout.MOST]
    fit = partial(reward.fitted, pairs=pairs, pad_id=pad_id, batch=settings.batch)
    return PolicyTask(sorted({pair.prompt for pair in pairs.train}), judged, fit)


def _seconds_before(folder: Path) -> float:
    """What the run did before its first step: the reference's word on every pair, or the fit of the reward model."""
    return reference.seconds_of(folder) + reward.kept(folder).get("seconds", 0.0)


def _answers_before(folder: Path, parts: Parts, open_base: Callable[[], Any], tokenizer: Any, seed: int) -> list[str]:
    """What the base model writes to the held-out prompts; a resumed run finds the same answers."""
    path = folder / ANSWERS
    if not path.is_file():
        state.put(path, {"answers": _answers(open_base(), parts, tokenizer, seed)})
    return [str(text) for text in json.loads(path.read_text("utf-8"))["answers"]]


def _answers(model: Any, parts: Parts, tokenizer: Any, seed: int) -> list[str]:
    return heldout.written(model, tokenizer, list(_asked(parts)), seed=seed)


def _asked(parts: Parts) -> dict[str, str]:
    """Held-out prompts that are answered, each with an answer that was preferred."""
    return dict(list(parts.wanted.items())[: heldout.MOST])


def _dtype_of(model: Any, learned: Sequence[TwoRows], settings: TuneSettings, pad_id: int) -> str:
    """The number format of the settings, or the one in which a step of this model is faster here."""
    if settings.objective == "ppo":
        return "float32"  # a ratio of probabilities near 1 is lost in bfloat16
    if settings.dtype != "auto":
        return settings.dtype
    order = sorted(learned, key=lambda one: one.n_tokens)
    middle = order[len(order) // 2 :][: min(settings.batch, TRIED)]

    def step(bf16: bool) -> None:
        made = reference.pair_logprobs(model, middle, pad_id, bf16=bf16)
        (made.rejected - made.chosen).sum().backward()
        model.zero_grad()

    return device.faster_dtype(step)[0]


def _task_of(
    folder: Path,
    learned: Parts,
    trained: LoopModel,
    open_base: Callable[[], Any],
    settings: TuneSettings,
    pad_id: int,
    *,
    bf16: bool,
) -> TrainingTask:
    """The pairs or answers with what the base says of them; made before the first step, when no adapter acts yet."""

    def opened() -> reference.Opened:
        return reference.base_of(trained.model, open_base, switch=reference.has_switch(settings))

    asked = {"train": learned.train, "validation": learned.validation}
    known = reference.kept(folder, asked, opened, pad_id, batch=settings.batch, bf16=bf16)
    model, told, other = trained.model, known["train"], known["validation"]
    if isinstance(learned, RatedParts):
        answers, validation = (learned.train, told), (learned.validation, other)
        return UnpairedTask(model, answers, validation, settings, pad_id=pad_id, bf16=bf16)
    return PreferenceTask(model, (learned.train, told), (learned.validation, other), settings, pad_id=pad_id, bf16=bf16)


def _scored(
    folder: Path,
    result: Result,
    parts: Parts,
    answers: list[str],
    tokenizer: Any,
    settings: TuneSettings,
    open_base: Callable[[], Any],
) -> Result:
    """The result with what the weights in ``best/`` do on held-out pairs, in result.json whatever comes of it.

    Raises: TuneFailed where the answers have narrowed.
    """
    reason = _not_judged(parts)
    if reason:
        note = f"{reason}: how often the better answer wins, and whether answers narrowed, is not known"
        result = replace(result, notes=(note,))
        state.put(folder / "result.json", asdict(result))
        return result
    model = tuned.load(folder / "best", Path(state.read(folder).base.folder))
    opened = reference.base_of(model, open_base)
    if isinstance(parts, RatedParts):
        scores = _rated_scores(model, opened, parts, tokenizer, settings)
    else:
        scores = _scores(model, opened, parts, tokenizer, settings)
    told = {name: value for name, value in reward.kept(folder).items() if name != "seconds"}
    scores |= {f"reward_model_{name}": value for name, value in told.items()}
    now, wanted = _answers(model, parts, tokenizer, settings.seed), list(_asked(parts).values())
    for n in (1, 2):
        scores[f"distinct_{n}_before"], scores[f"distinct_{n}"] = (heldout.distinct(a, n) for a in (answers, now))
    scores["distinct_2_preferred"] = heldout.distinct(wanted, 2)
    for name, texts in (("self_bleu_before", answers), ("self_bleu", now), ("self_bleu_preferred", wanted)):
        scores[name] = heldout.self_bleu(texts)
    scores["words_before"], scores["words"] = heldout.mean_words(answers), heldout.mean_words(now)
    result = replace(result, scores=scores)
    state.put(folder / "result.json", asdict(result))
    reason = heldout.narrowed(scores, settings.narrowest)
    if reason:
        raise TuneFailed(reason)
    return result


def _not_judged(parts: Parts) -> str:
    """Why nothing can be said of held-out answers; empty where it can."""
    if not parts.held_out:
        return f"no {'rated answer' if isinstance(parts, RatedParts) else 'pair'} was held out"
    if isinstance(parts, RatedParts) and len({one.good for one in parts.held_out}) == 1:
        return "the held-out answers are all good or all bad"
    return ""


def _scores(
    model: Any, base_of: reference.Opened, pairs: PreferenceParts, tokenizer: Any, settings: TuneSettings
) -> dict[str, float]:
    """Agreement with the held-out pairs before and after, beside length alone, and the distance to the base."""
    judged, pad = pairs.held_out, probe.pad_of(tokenizer)
    now = reference.all_logprobs(model, judged, pad, batch=outcome.BATCH, bf16=False)
    with base_of() as base:
        before = reference.all_logprobs(base, judged, pad, batch=outcome.BATCH, bf16=False)
    scores = {"held_out_pairs": float(len(judged)), "accuracy_by_length": heldout.by_length(judged)}
    scores["accuracy_before"], scores["margin_before"] = heldout.agreement(judged, before)
    scores["accuracy"], scores["margin"] = heldout.agreement(judged, now)
    if settings.objective in losses.WITH_REFERENCE:
        beta = losses.beta_of(settings)
        scores["reward_accuracy"], scores["reward_margin"] = heldout.rewarded(now, before, beta)
    return scores | _distance(model, base_of, [pair.chosen for pair in judged], pad)


def _rated_scores(
    model: Any, base_of: reference.Opened, parts: RatedParts, tokenizer: Any, settings: TuneSettings
) -> dict[str, float]:
    """The same of rated answers: every good one against every bad one, by likelihood a token and by reward."""
    judged, pad = parts.held_out, probe.pad_of(tokenizer)
    now = [own for own, _ in reference.all_logprobs(model, judged, pad, batch=outcome.BATCH, bf16=False)]
    with base_of() as base:
        before = [own for own, _ in reference.all_logprobs(base, judged, pad, batch=outcome.BATCH, bf16=False)]
    lengths, beta = [one.own.n_trained for one in judged], losses.beta_of(settings)
    longer, _ = heldout.ranked(judged, list(map(float, lengths)))
    scores = {"held_out_answers": float(len(judged)), "accuracy_by_length": max(longer, 1 - longer)}
    for name, said in (("_before", before), ("", now)):
        a_token = [one / n for one, n in zip(said, lengths, strict=True)]
        scores[f"accuracy{name}"], scores[f"margin{name}"] = heldout.ranked(judged, a_token)
    rewards = [beta * (one - other) for one, other in zip(now, before, strict=True)]
    scores["reward_accuracy"], scores["reward_margin"] = heldout.ranked(judged, rewards)
    return scores | _distance(model, base_of, [one.own for one in judged if one.good], pad)


def _distance(model: Any, base_of: reference.Opened, rows: Sequence[Encoded], pad_id: int) -> dict[str, float]:
    found = heldout.distance(model, base_of, rows[: heldout.MOST], pad_id)
    return {"kl": found.kl, "entropy_before": found.entropy_before, "entropy": found.entropy}
