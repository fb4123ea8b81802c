"""Which way of learning from preferences serves best: measured on one preference set, ending in advice.

The base model, supervised tuning on the preferred answers, DPO, a reward model with PPO, and the honest baseline, the
best of a few answers of the base by the reward model. Each answers the same held-out prompts; a judge says how often
its answer is better than the base model's. The judge is a reward model fitted on the held-out pairs alone, which no way
has learned from; how often it agrees with people is measured on the training pairs, which it has not seen.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from wellread.errors import UsageError
from wellread.evaluate.memory import PeakMemory
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import stats
from wellread.metrics.results import Difference
from wellread.models.api import Message
from wellread.progress import SILENT, Progress
from wellread.tune import recipe, run
from wellread.tune.align import heldout, preferences, reference, reward
from wellread.tune.align.preferences import PreferenceParts
from wellread.tune.align.reward import RewardModel
from wellread.tune.base import base_model
from wellread.tune.base.template import Encoded
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ChatRow, DataSet, PreferenceRow, Row
from wellread.tune.settings import TuneSettings
from wellread.tune.train import outcome, probe, state, tuned
from wellread.tune.train.loop import TuneFailed

WAYS = ("base", "supervised", "dpo", "ppo", "best-of-n")
BEST_OF = 4  # answers of the base among which the reward model chooses
AGREES = 0.6  # share of people's choices from which a judge is worth asking


@dataclass(frozen=True, slots=True)
class AlignedWay:
    """What one way came to on the held-out prompts.

    ``win_rate`` is how often the judge prefers its answer to the base model's, a tie counts half, with its 95 %
    interval; ``reward`` the judge's mean of ``rewards``, one a prompt; ``kl`` nats a token from the base, ``forgotten``
    as a run measures it, in percent of loss; ``seconds`` of everything that was done to learn, of drawing for base and
    best-of-n; ``peak_memory_mb`` the most that the process held while that was done. ``failed`` says why a way has no
    figures, or is not to be trusted with them.
    """

    name: str
    win_rate: float = 0.5
    low: float = 0.5
    high: float = 0.5
    reward: float = 0.0
    kl: float = 0.0
    distinct_2: float = 0.0
    words: float = 0.0
    forgotten: float | None = None
    seconds: float = 0.0
    peak_memory_mb: float | None = None
    failed: str = ""
    rewards: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class AlignContest:
    """All ways on one preference set; ``judge_agrees`` is the judge's share of people's choices on ``judge_pairs``.

    ``differences`` hold every two ways that gave answers against each other, see ``duels``.
    """

    data: str
    prompts: int
    judge_agrees: float
    judge_by_length: float
    judge_pairs: int
    ways: tuple[AlignedWay, ...]
    differences: tuple[Difference, ...]
    headline: str
    because: str


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every way is judged with: the prompts, the base model's rewards on them, the judge."""

    weights: Path
    prompts: Sequence[str]
    before: Sequence[float]
    judged: Callable[[Sequence[Encoded]], list[float]]
    tokenizer: Any
    pad: int
    settings: TuneSettings


def contest(base: KnowledgeBase, settings: TuneSettings, name: str, *, progress: Progress = SILENT) -> AlignContest:
    """Trains what is not trained yet (runs ``NAME-supervised``, ``NAME-dpo``, ``NAME-ppo``), asks and judges.

    Finished runs on the same data set are taken as they are, so that the command can be stopped and continues.

    Raises: UsageError where the data set is for another task, or nothing was held out.
    """
    data = datasets.load(datasets.find(base, name))
    weights = _base_folder(settings)
    tokenizer = base_model.load_tokenizer(weights)
    pad = probe.pad_of(tokenizer)
    pairs = preferences.encode_pairs(data, tokenizer, settings.max_length)
    if not pairs.held_out:
        raise UsageError(f"data set '{name}': no pair is held out, so nothing can be compared; prepare more pairs")
    prompts = list(dict.fromkeys(pair.prompt for pair in pairs.held_out))[: heldout.MOST]
    ended = {way: _trained(base, settings, data, way, progress) for way in ("supervised", "dpo", "ppo")}
    model = tuned.open_base(recipe.find(settings.method), weights)
    model.eval()
    judge, scores = _judge(model, pairs, pad, settings.batch)
    judged = partial(_rewards, judge, model, pad)
    started = time.monotonic()
    with PeakMemory() as watched:
        own = heldout.drawn(model, tokenizer, prompts, seed=settings.seed)
    drawing = time.monotonic() - started
    scene = _Scene(weights, prompts, judged(own), judged, tokenizer, pad, settings)
    ways = [_way("base", own, scene, drawing, watched.mb)]
    for way, told in ended.items():
        progress.step("answers", len(ways), len(WAYS))
        ways.append(_of_run(way, told, state.folder_of(base.folder, f"{name}-{way}"), scene))
    ways.append(_best_of(model, state.folder_of(base.folder, f"{name}-ppo"), scene))
    differences = duels(ways, seed=settings.seed)
    headline, because = advise(ways, differences, scores[0])
    return AlignContest(name, len(prompts), *scores, len(pairs.train), tuple(ways), differences, headline, because)


def duels(ways: Sequence[AlignedWay], *, seed: int) -> tuple[Difference, ...]:
    """Every two ways on the same prompts: in how many the judge prefers the first one's answer less the second one's.

    Each prompt is won, lost or even, so the test is exact (McNemar); p is corrected over all pairs (Holm).
    """
    asked = {way.name: way.rewards for way in ways if way.rewards}
    found = []
    for first, second in combinations(asked, 2):
        won = [_won(one, other) for one, other in zip(asked[first], asked[second], strict=True)]
        lost = [1 - one for one in won]
        least = stats.detectable(stats.spread(won, lost), len(won))
        found.append((first, second, stats.paired(won, lost, seed=seed), least))
    corrected = stats.holm([made.p for _, _, made, _ in found])
    return tuple(
        Difference("wins", first, second, made.value, made.low, made.high, made.p, p, made.n, least)
        for (first, second, made, least), p in zip(found, corrected, strict=True)
    )


def _won(one: float, other: float) -> float:
    return 1.0 if one > other else 0.5 if one == other else 0.0


def advise(ways: Sequence[AlignedWay], differences: Sequence[Difference], judge_agrees: float) -> tuple[str, str]:
    """What to do, and why, from the measured rows alone: a headline and a reason.

    A way is better than another one where the corrected paired test says so, and by no other sign.
    """
    if judge_agrees < AGREES:
        return (
            "Collect more pairs before choosing.",
            f"The judge agrees with people on {judge_agrees:.0%} of the pairs; its win rates mean little.",
        )
    ahead = _ahead(differences)
    better = [way for way in ways if (way.name, "base") in ahead and not way.failed]
    if not better:
        return (
            "Keep the base model.",
            "No way beats its answers beyond chance on these prompts; more pairs, or pairs that agree, may change it.",
        )
    best = max(better, key=lambda way: way.win_rate)
    equal = [way for way in better if (best.name, way.name) not in ahead]
    cheapest = min(equal, key=lambda way: (way.name == "best-of-n", way.seconds))
    names = {"supervised": "supervised tuning on the preferred answers", "dpo": "DPO", "ppo": "a reward model with PPO"}
    chosen = names.get(cheapest.name, "the best of a few answers by the reward model, without training")
    reason = f"It wins {cheapest.win_rate:.0%} ({cheapest.low:.0%} to {cheapest.high:.0%}) against the base model"
    others = [way for way in equal if way is not cheapest]
    if others:
        told = ", ".join(f"{way.name} {way.win_rate:.0%} in {way.seconds:.0f} s" for way in others)
        return f"Use {chosen}.", f"{reason} in {cheapest.seconds:.0f} s of training; not distinguishable: {told}."
    near = [w.name for w in ways if w is not best and not w.failed and (best.name, w.name) not in ahead]
    if near:
        return f"Use {chosen}.", f"{reason}, the most; chance may order it and {', '.join(near)}."
    return f"Use {chosen}.", f"{reason}, more than every other way beyond chance."


def _ahead(differences: Sequence[Difference]) -> set[tuple[str, str]]:
    """(better, worse) wherever the two can be told apart."""
    told = [one for one in differences if one.distinguishable]
    return {(one.first, one.second) if one.value > 0 else (one.second, one.first) for one in told}


def _base_folder(settings: TuneSettings) -> Path:
    from wellread import config

    return run.resolve_base(settings, config.models_folder())[0]


def _trained(base: KnowledgeBase, settings: TuneSettings, data: DataSet, way: str, progress: Progress) -> str:
    """Why the run of a way failed; empty where it is finished."""
    name = f"{data.card.name}-{way}"
    folder = state.folder_of(base.folder, name)
    try:
        if (folder / "run.json").is_file():
            found = state.read(folder)
            if found.state in ("finished", "failed"):
                return found.reason if found.state == "failed" else ""
            run.resume(base, name, progress=progress)
            return ""
        taught, objective = data.card.name, way
        if way == "supervised":
            taught, objective = _preferred(base, data), "dpo"
        made = replace(settings, data=taught, objective=objective)  # type: ignore[arg-type]  # of WAYS
        if way == "ppo":  # one section serves all ways; rounds are ppo's own count
            made = replace(made, epochs=TuneSettings().epochs)
        run.start(base, made, name=name, progress=progress)
    except (TuneFailed, UsageError) as error:
        return str(error)
    return ""


def _preferred(base: KnowledgeBase, data: DataSet) -> str:
    """The name of a data set of the preferred answers alone, as conversations, in the same parts."""
    name = f"{data.card.name}-preferred"
    folder = datasets.folder_of(base.folder, name)
    if not (folder / "card.json").is_file():
        parts = {part: tuple(map(_chat, getattr(data, part))) for part in datasets.PARTS}
        counts = {part: len(rows) for part, rows in parts.items()}
        card = Card(name, "chat", counts, ("messages",), documents=data.card.documents, tenant=base.who.tenant)
        train, validation, test = (parts[part] for part in datasets.PARTS)
        datasets.freeze(DataSet(card, train=train, validation=validation, test=test), folder)
    return name


def _chat(row: Row) -> ChatRow:
    if not isinstance(row, PreferenceRow):
        raise UsageError(f"row {row.id}: is no pair of answers")
    return ChatRow(row.id, (Message("user", row.prompt), Message("assistant", row.chosen)))


def _judge(model: Any, pairs: PreferenceParts, pad: int, batch: int) -> tuple[RewardModel, tuple[float, float]]:
    """A reward model of the held-out pairs, and how often it and length alone agree with the training pairs."""
    others = replace(pairs, train=(*pairs.validation, *pairs.test), validation=(), test=pairs.train)
    judge, scores = reward.fitted(model, others, pad, batch=batch)
    return judge, (scores.accuracy or 0.0, scores.by_length or 0.0)


def _rewards(judge: RewardModel, model: Any, pad: int, rows: Sequence[Encoded]) -> list[float]:
    return [float(one) for one in judge(reward.states(model, rows, pad, batch=heldout.AT_ONCE))]


def _way(name: str, rows: Sequence[Encoded], scene: _Scene, seconds: float, memory_mb: float | None) -> AlignedWay:
    rewards, before = scene.judged(rows), scene.before
    wins = [_won(one, other) for one, other in zip(rewards, before, strict=True)]
    score = stats.bootstrap(wins, seed=0)
    texts = heldout.texts_of(rows, scene.tokenizer)
    return AlignedWay(
        name,
        score.value,
        score.low,
        score.high,
        sum(rewards) / len(rewards),
        distinct_2=heldout.distinct(texts, 2),
        words=heldout.mean_words(texts),
        seconds=round(seconds, 1),
        peak_memory_mb=None if memory_mb is None else round(memory_mb),
        rewards=tuple(rewards),
    )


def _of_run(way: str, failed: str, folder: Path, scene: _Scene) -> AlignedWay:
    """A run's best weights on the prompts; a run that failed has its reason, and figures where it left weights."""
    if not (folder / "best").is_dir():
        return AlignedWay(way, failed=failed or "left no weights")
    model = tuned.load(folder / "best", scene.weights)
    rows = heldout.drawn(model, scene.tokenizer, scene.prompts, seed=scene.settings.seed)
    result = outcome.result_of(folder) or {}
    made = _way(way, rows, scene, float(result.get("seconds") or 0.0), result.get("peak_memory_mb"))
    opened = reference.base_of(model, partial(tuned.open_base, recipe.find(scene.settings.method), scene.weights))
    distance = heldout.distance(model, opened, rows, scene.pad).kl
    del model
    gc.collect()
    return replace(made, kl=distance, forgotten=(result.get("forgotten") or {}).get("text_loss"), failed=failed)


def _best_of(model: Any, folder: Path, scene: _Scene) -> AlignedWay:
    """The answer of the base that the reward model of the ppo run likes best, of a few."""
    chooser = reward.load(folder)
    if chooser is None:
        return AlignedWay("best-of-n", failed="there is no reward model: the ppo run came to none")
    try:
        reward.refuse(reward.scores_of(folder))
    except TuneFailed as error:
        return AlignedWay("best-of-n", failed=str(error))
    started, seed = time.monotonic(), scene.settings.seed
    with PeakMemory() as watched:
        drawn = [heldout.drawn(model, scene.tokenizer, scene.prompts, seed=seed + n) for n in range(BEST_OF)]
        liked = [_rewards(chooser, model, scene.pad, rows) for rows in drawn]
    best = [max(range(BEST_OF), key=likes.__getitem__) for likes in zip(*liked, strict=True)]
    seconds = time.monotonic() - started
    return _way("best-of-n", [drawn[n][at] for at, n in enumerate(best)], scene, seconds, watched.mb)
