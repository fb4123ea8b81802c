"""What can be set about training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wellread import config
from wellread.knowledge_base import SECTIONS, SECTIONS_ABOVE

Method = Literal[
    "full",
    "lora",
    "qlora",
    "adalora",
    "ia3",
    "prefix",
    "prompt",
    "p-tuning",
    "series-adapter",
    "pfeiffer-adapter",
    "parallel-adapter",
    "features",
    "head",
    "ulmfit",
    "scratch",
]
Objective = Literal["dpo", "cdpo", "ipo", "simpo", "orpo", "kto", "ppo"]
Ranking = Literal["all", "top", "random", "taylor", "fisher", "magnitude", "forest"]


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Section ``[tune]`` of wellread.toml."""

    seed: int = 0
    """Where chance enters: order of the examples, initial weights of what is added, dropout."""
    base: str = "llama:smollm2-135m"
    """The model that learns: llama:NAME (a GGUF file, converted once) or transformers:FOLDER."""
    data: str = ""
    """The prepared data set to learn from; empty takes the only one there is."""
    method: Method = "lora"
    """What is trained: full, lora, qlora, adalora, ia3, prefix, prompt, p-tuning, series-, pfeiffer- or
    parallel-adapter; for labels also features, head, ulmfit; from nothing scratch."""
    objective: Objective = "dpo"
    """What a data set of preferences is learned by: dpo, conservative dpo (cdpo), ipo, simpo, orpo, kto (also from
    single ratings), or a reward model and ppo."""
    beta: float = 0.0
    """How strongly the objective holds to the base model (dpo, cdpo, ipo, kto: a higher one changes less), scales the
    likelihood (simpo), weighs the odds (orpo) or the distance in the first round (ppo); 0 takes the objective's own:
    0.1, for simpo 2."""
    rounds: int = 8
    """Rounds of ppo: answers are drawn, rewarded and learned from. Schedule, warmup, validate_every and patience count
    rounds there, and max_steps ends it after a whole one."""
    answers: int = 64
    """Answers that are drawn in a round of ppo."""
    target_kl: float = 6.0
    """Distance from the base model, in nats an answer, that ppo is held to."""
    flipped: float = 0.1
    """Share of the pairs that cdpo takes to be the wrong way round."""
    target_margin: float = 1.0
    """What simpo wants the preferred answer to be ahead by, after beta."""
    narrowest: float = 0.5
    """Share of their diversity (distinct word pairs, and unlikeness by self-BLEU) that answers keep after learning
    from preferences, of the base model's or of the preferred answers', whichever is lower; below it the run has
    failed. 0 never fails it."""
    epochs: int = 10
    """Times that every example is seen; ppo counts rounds instead and refuses another value than this one."""
    max_steps: int = 0
    """Steps of the optimizer at most; 0 leaves it to the epochs."""
    batch: int = 8
    """Examples that go through the model at once."""
    accumulate: int = 1
    """Batches whose gradients are summed before a step; the loss is the mean over all their learned tokens."""
    by_length: bool = True
    """Whether a batch holds examples of like length, so that little of it is padding."""
    max_length: int = 0
    """Tokens of an example at most; 0 takes what the data set was prepared with, else 1024."""
    learning_rate: float = 0.0
    """The highest learning rate; 0 takes the method's own, for preferences a tenth of it."""
    optimizer: Literal["adamw", "adam", "sgd", "adafactor"] = "adamw"
    """How a gradient becomes a step; sgd has momentum."""
    momentum: float = 0.9
    """Momentum of sgd, first beta of adam and adamw."""
    weight_decay: float = 0.0
    """Share of a weight that decays each step, times the learning rate."""
    schedule: Literal["constant", "linear", "cosine", "inverse-sqrt", "wsd", "slanted"] = "cosine"
    """Course of the learning rate after the warm-up."""
    warmup: float = 0.05
    """Share of all steps in which the learning rate rises from 0."""
    clip: float = 1.0
    """Norm that the gradient is cut to; 0 leaves it as it is."""
    rank: int = 16
    """Rank of lora, qlora and adalora: how many directions each matrix may change in."""
    alpha: float = 32.0
    """Strength of lora: its change is scaled by alpha / rank."""
    dropout: float = 0.0
    """Share of an adapter's inputs that are dropped in training."""
    rslora: bool = False
    """Whether lora is scaled by alpha / √rank instead, so that high ranks learn as fast as low ones."""
    dora: bool = False
    """Whether lora learns the length of each column apart from its direction."""
    init: Literal["zero", "gaussian", "pissa", "olora"] = "zero"
    """Where lora starts: from no change, or from the strongest directions of each matrix (pissa, olora)."""
    targets: tuple[str, ...] = ()
    """Linear modules that are changed, by the end of their name, like q_proj; empty takes all."""
    adapter_width: int = 48
    """Width of the bottleneck of an adapter."""
    virtual_tokens: int = 20
    """Length of what prefix, prompt and p-tuning put before each example, in tokens."""
    prompt_text: str = ""
    """What the virtual tokens of prompt tuning start from; empty starts from chance."""
    vocabulary: int = 4096
    """Tokens of a tokenizer that is made from nothing."""
    layers: int = 4
    """Layers of a model from nothing."""
    width: int = 256
    """Width of a model from nothing, a multiple of 64."""
    rank_by: Ranking = "all"
    """Which blocks are trained: all, top layers, some at random, or the best by taylor, fisher, magnitude or forest."""
    budget: float = 0.5
    """Share of the trainable weights that a ranking keeps."""
    spend: Literal["blocks", "ranks"] = "blocks"
    """What a ranking decides: which blocks are trained at full rank, or how lora's ranks are shared out among all."""
    probes: int = 24
    """Short training runs that the ranking forest learns from."""
    validate_every: int = 0
    """Steps between two measurements of the validation loss; 0 measures after each epoch."""
    patience: int = 3
    """Measurements without a better validation loss after which training ends; 0 goes to the end."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the arithmetic; auto takes the one that a measured step says is faster here."""
    threads: int = 0
    """Threads of the arithmetic; 0 takes all cores."""
    checkpointing: bool = False
    """Whether activations are computed twice instead of kept: less memory, about a quarter more time."""
    save_every_s: float = 60.0
    """Seconds between two checkpoints; what was done since the last one is done again after a kill."""
    explode: float = 3.0
    """Training fails where the loss stays above this many times its first values, ppo where a round's answers are
    further from the base model than this many times target_kl; 0 never does."""
    replay: float | None = None
    """General examples mixed in, as a share of the data set's; empty: 0.25 where facts are taught, else none."""
    rehearse: int = 64
    """Texts that the base model writes itself beforehand, among the general examples; only where replay is on."""
    probe: bool = True
    """Whether general questions and texts are tried before and after, to see what was forgotten."""
    most_minutes: float = 30.0
    """Estimated minutes of a run above which it asks first."""
    most_memory_gb: float = 0.0
    """Estimated memory of a run above which it asks first, in GB; 0 takes what the machine has free."""

    def __post_init__(self) -> None:
        counted = ("epochs", "batch", "accumulate", "rank", "adapter_width", "virtual_tokens", "probes", "rounds")
        for name in (*counted, "answers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: is at least 1")
        if not self.target_kl > 0:
            raise ValueError("target_kl: is above 0")
        counts = ("max_steps", "max_length", "validate_every", "patience", "threads", "rehearse")
        for name in (*counts, "learning_rate", "weight_decay", "clip", "explode", "save_every_s", "most_minutes"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: is not below 0")
        for name in ("beta", "target_margin"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: is a number not below 0")
        for name, below in (("warmup", 1), ("dropout", 1), ("momentum", 1), ("flipped", 0.5)):
            if not 0 <= getattr(self, name) < below:
                raise ValueError(f"{name}: is at least 0 and below {below}")
        if not 0 <= self.narrowest <= 1:
            raise ValueError("narrowest: is between 0 and 1")
        if not 0 < self.budget <= 1:
            raise ValueError("budget: is above 0 and at most 1")
        if self.replay is not None and self.replay < 0:
            raise ValueError("replay: is not below 0")


def load(folder: Path, overrides: Sequence[str] = (), *, data: str = "") -> TuneSettings:
    """Section ``[tune]`` of the base in ``folder``; ``data`` replaces the data set that is set.

    Raises: ConfigError with every fault of the section; UsageError for an override that is not ``section.key=value``.
    """
    others = [name for name in (*SECTIONS, *SECTIONS_ABOVE) if name != "tune"]
    given = [*overrides, f"tune.data={data}"] if data else overrides
    found = config.load(folder / config.FILE_NAME, {"tune": TuneSettings}, overrides=given, elsewhere=others)
    settings: TuneSettings = found["tune"]
    return settings
