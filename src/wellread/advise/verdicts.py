"""The rules of advice: one table, read from top to bottom; the first that applies decides.

A rule of stage ``measured`` looks at a comparison, one of stage ``prior`` at documents and task alone, and one of stage
``training`` says how to train where training is wanted. ``when`` gives the figures that make the rule apply, or None.
``because`` puts them into words; ``sentence`` says the rule in general; ``verdict`` is empty where the picked way
itself names it. ``docs/how-to/decide.md`` shows this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wellread.advise import conditions
from wellread.advise.advice import Fired, Verdict
from wellread.advise.choose import verdict_of
from wellread.advise.conditions import (
    ENOUGH_EXAMPLES,
    ENOUGH_LABELS,
    ENOUGH_PAIRS,
    LEAST_QUESTIONS,
    MOST_TOKENS,
    SMALL_MODEL,
    Case,
    Figures,
)
from wellread.metrics import words

Stage = Literal["measured", "prior", "training"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    name: str
    stage: Stage
    verdict: Verdict | Literal[""]
    when: Callable[[Case], Figures | None]
    sentence: str
    because: str
    source: str


MEASURED: tuple[Rule, ...] = (
    Rule(
        "nothing-allowed",
        "measured",
        "none-good-enough",
        conditions.nothing_allowed,
        "Every way breaks a limit that you set: privacy, seconds, memory, or who may read what.",
        "Every way breaks a limit that you set: {reasons}.",
        "your limits",
    ),
    Rule(
        "too-few-questions",
        "measured",
        "not-enough-questions",
        conditions.too_few,
        f"Fewer than {LEAST_QUESTIONS} questions: a share is known to no better than ± 20 points, and no kind of "
        "question is stood for.",
        "{n} questions were asked; with fewer than {least} a share is known to no better than ± 20 points, and no kind "
        "of question is stood for.",
        "Wilson 1927: one half of 20 lies between 30 and 70 %",
    ),
    Rule(
        "reader-too-weak",
        "measured",
        "bigger-model",
        conditions.reader_fails,
        "The evidence is found and the answers are wrong all the same: the model that reads it is too small.",
        "{reader} finds {found} of the evidence, yet the best way is surely not above {most} ({bar} is wanted): "
        "the model that reads is too weak.",
        "LaRA (Li et al. 2025): what reading gains depends on the strength of the model",
    ),
    Rule(
        "none-good-enough",
        "measured",
        "none-good-enough",
        conditions.below_the_bar,
        "Even the upper end of the best way's interval lies below what you call good enough.",
        "The best way, {way}, {reaches} and surely not above {most} ({n} questions); {bar} is wanted.",
        "your bar (--good-enough)",
    ),
    Rule(
        "undecided",
        "measured",
        "not-enough-questions",
        conditions.undecided,
        "A way was left aside without proof, and a difference that matters could hide in the interval.",
        "On {n} questions {pick} cannot be told from {open}, and a difference that matters could hide in that.",
        "power of the paired test; your --matters",
    ),
    Rule(
        "clear-winner",
        "measured",
        "",
        conditions.only_one_left,
        "One way is distinguishably better than every other that is allowed.",
        "On {n} questions {way} {reaches}, {told}.",
        "paired test; Holm 1979 for several comparisons",
    ),
    Rule(
        "cheapest-of-equals",
        "measured",
        "",
        conditions.cheapest_of_equals,
        "Several ways cannot be told apart and none can be far ahead: the cheapest, or of ways that cost about the "
        "same (within a quarter) the simplest.",
        "On {n} questions {way} cannot be told from {equals}; it is the cheapest, or as cheap and simpler.",
        "no difference proven: take the cheaper; Cost-of-Pass, arXiv 2605.09533",
    ),
    Rule(
        "only-one-measured",
        "measured",
        "",
        conditions.only_one_measured,
        "Only one way was measured, or only one is allowed; nothing was compared.",
        "{way} is the only way that was measured and is allowed.",
        "nothing to compare with",
    ),
)

PRIOR: tuple[Rule, ...] = (
    Rule(
        "nothing-to-learn-from",
        "prior",
        "prompt-only",
        conditions.nothing_to_learn_from,
        "Without documents, examples or preferences there is nothing to teach: a good prompt is all there is.",
        "There are no documents, examples or preferences to learn from.",
        "nothing can be measured either",
    ),
    Rule(
        "rights-or-sources",
        "prior",
        "retrieve",
        conditions.rights_or_sources,
        "Where answers must name their source, or not everybody may read everything: weights keep neither.",
        "You say that {what}; weights keep neither sources nor rights.",
        "Carlini et al. 2021: a model gives back what it was trained on, to whoever asks",
    ),
    Rule(
        "taste-from-preferences",
        "prior",
        "tune",
        conditions.taste,
        f"Manner is wanted, and at least {ENOUGH_PAIRS} pairs of a better and a worse answer show which.",
        "{preferences} pairs of a better and a worse answer show the manner that is wanted.",
        "Rafailov et al. 2023 (DPO); Ouyang et al. 2022 (reward model and PPO)",
    ),
    Rule(
        "classes-from-labels",
        "prior",
        "tune",
        conditions.labels,
        f"A classification with at least {ENOUGH_LABELS} labelled examples: a small classifier, trained in minutes.",
        "{examples} labelled examples are enough to train a classifier.",
        "Tunstall et al. 2022 (SetFit): 8 examples per class; Howard & Ruder 2018 (ULMFiT): 100 labels",
    ),
    Rule(
        "manner-from-examples",
        "prior",
        "tune",
        conditions.manner,
        f"Style or format is wanted and at least {ENOUGH_EXAMPLES} examples show it: tuning teaches manner well.",
        "{examples} examples show the style or format that is wanted; tuning teaches manner well.",
        "OpenAI's guide (50 to 100 examples); Hu et al. 2021 (LoRA) on E2E-NLG",
    ),
    Rule(
        "few-examples",
        "prior",
        "few-shot",
        conditions.few_examples,
        "Style, format or classes with few examples, or no memory to tune: show the best ones in the prompt.",
        "{examples} examples are too few to tune on here; shown in the prompt they cost nothing to try.",
        "Brown et al. 2020: few-shot examples in the prompt",
    ),
    Rule(
        "documents-fit",
        "prior",
        "long-context",
        conditions.fits,
        f"All documents fit the model's window (and are below {MOST_TOKENS:,} tokens): nothing to search, no miss.",
        "The documents are {tokens:,} tokens and the model's window holds {window:,}.",
        "Anthropic 2024 (contextual retrieval); LaRA 2025: at 32k tokens the long prompt is 2.4 points ahead",
    ),
    Rule(
        "no-time-to-read",
        "prior",
        "tune",
        conditions.no_time_to_read,
        "Reading passages takes longer here than an answer may take: what is known must be in the weights.",
        "Reading the passages of a question took {reading:.1f} s here, and {latency:g} s are bearable.",
        "measured on this machine",
    ),
    Rule(
        "facts-that-change",
        "prior",
        "retrieve",
        conditions.changes,
        "Facts that change: a new document is answered from at once, a model would have to be trained again.",
        "{what}; a new document is answered from at once, a model would have to be trained again.",
        "Ovadia et al. 2023: news, Mistral-7B: base 0.48, tuned 0.50, retrieval 0.88",
    ),
    Rule(
        "small-reader",
        "prior",
        "both",
        conditions.small_reader,
        f"Facts, a model below {SMALL_MODEL / 1e9:g} billion parameters and at least {ENOUGH_EXAMPLES} examples: "
        "retrieval, with a model trained to read passages.",
        "A model of {parameters:.2g} billion parameters with {examples} examples gains from learning to read passages.",
        "Soudani et al. 2024: tuned and retrieving is best for small models; RAFT (Zhang et al. 2024)",
    ),
    Rule(
        "facts-from-documents",
        "prior",
        "retrieve",
        conditions.documents,
        "Facts that stand in documents and that few others write about: retrieval.",
        "{documents} documents with {tokens:,} tokens hold the facts.",
        "Soudani et al. 2024: retrieval far ahead of tuning for rare facts; Ovadia et al. 2023",
    ),
)

TRAINING: tuple[Rule, ...] = (
    Rule(
        "too-little-memory",
        "training",
        "few-shot",
        conditions.does_not_fit,
        "Even the smallest tuning (QLoRA) does not fit the memory: tune elsewhere, or take a smaller model.",
        "The smallest tuning needs about {needed:,.0f} MB and {memory:,.0f} MB are there.",
        "torchtune README: QLoRA of 8 billion parameters in 7.4 GiB",
    ),
    Rule(
        "preferences-dpo-or-ppo",
        "training",
        "tune",
        conditions.pairs,
        "Pairs of a better and a worse answer: DPO first, it needs nothing else. wellread compare --align measures it "
        "beside supervised tuning, a reward model with PPO and the best of a few answers, on your own pairs.",
        "{preferences} pairs: DPO by wellread tune run; wellread compare --align says whether PPO serves better.",
        "Rafailov et al. 2023: on TL;DR, DPO is preferred in about 6 of 10 cases, PPO in 5.7",
    ),
    Rule(
        "labels-features-first",
        "training",
        "tune",
        conditions.labelled,
        "Labels: first a linear classifier on frozen features, then tuning; often the first is enough.",
        "{examples} labels: first a linear classifier on frozen features, then tuning.",
        "Tunstall et al. 2022 (SetFit)",
    ),
    Rule(
        "examples-lora",
        "training",
        "tune",
        conditions.shown,
        "Examples of good answers: LoRA on all linear layers, with a learning rate ten times that of full tuning.",
        "{examples} examples: LoRA on all linear layers, learning rate ten times that of full tuning.",
        "Hu et al. 2021; Schulman et al. 2025 (LoRA Without Regret)",
    ),
    Rule(
        "facts-in-many-words",
        "training",
        "tune",
        conditions.facts,
        "Facts from documents: each in several phrasings and as questions with answers, old knowledge mixed in; "
        "to read retrieved passages, train with distracting ones.",
        "{documents} documents: each fact in several phrasings and as questions; one phrasing teaches next to nothing.",
        "Allen-Zhu & Li 2023 (Physics 3.1); RAFT; naive tuning with retrieval can lose (RAFT, HF 61 to 43)",
    ),
)

RULES: tuple[Rule, ...] = (*MEASURED, *PRIOR, *TRAINING)


def fire(case: Case, stage: Stage) -> tuple[Fired, ...]:
    """Every rule of a stage that applies, in the order of the table; the first one decides."""
    found = []
    for rule in RULES:
        figures = rule.when(case) if rule.stage == stage else None
        if figures is not None:
            because = words.capital(rule.because.format(**figures))
            found.append(Fired(rule.name, _verdict(rule, case), because, rule.source, figures))
    return tuple(found)


def _verdict(rule: Rule, case: Case) -> Verdict:
    return rule.verdict or verdict_of(case.measured.way(case.measured.pick).way)
