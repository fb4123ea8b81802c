"""Whether an exported model is the one that was trained: the same prompts letter for letter, the same greedy answers.

The exported file answers greedily; the trained model then reads each prompt with that answer and says at every token
whether it would have chosen it. So one pass finds every place where the two would part, and by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.errors import ModelError
from wellread.models.api import Message
from wellread.models.providers.llamacpp import LlamaChat
from wellread.progress import SILENT, Progress
from wellread.tune.ship import modelfile
from wellread.tune.ship.modelfile import Modelfile

Logits = NDArray[np.float32]  # (tokens, vocabulary)
Prompt = Sequence[Message]
Forward = Callable[[Sequence[int]], Logits]  # token ids → logits after each of them
GreedyAnswer = Sequence[tuple[int, Logits]]  # greedy tokens, each with the logits (vocabulary,) that it was taken from

N_PROMPTS = 20
ANSWER_TOKENS = 24
AT_ONCE = 10  # prompts that a model of transformers answers at once


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a format must hold to.

    ``undecided`` is how far behind its own choice the trained model may hold the exported model's token, in standard
    deviations of the logits, for the two answers still to count as the same. ``correlation`` is the least one of
    the logits, ``agreement`` the least share of tokens that the trained model would have chosen too.
    """

    name: str
    undecided: float
    correlation: float
    agreement: float


# Measured on SmolLM2-135M (docs/log.md): F16 correlates 0.9999990 and better, formats of fewer bits 0.9989 to 0.9992
# with the same choice for 96 to 99 % of tokens. The limits leave room for other models, none for another template.
EXACT = Criterion("within the rounding of 16 bits", undecided=0.02, correlation=0.9999, agreement=0.98)
ROUNDED = Criterion("within the rounding of 8 bits and fewer", undecided=1.5, correlation=0.99, agreement=0.9)
SAME = Criterion("the same numbers", undecided=0.001, correlation=0.999999, agreement=0.999)


@dataclass(frozen=True, slots=True)
class ExportAgreement:
    """How two models agreed: prompts asked, answers that are the same letter for letter, tokens compared.

    ``gap`` is the largest distance between the trained model's own choice and the exported one's, in standard
    deviations of the logits; 0 where every answer is the same.
    """

    file: str
    criterion: str
    prompts: int
    identical: int
    tokens: int
    agreement: float
    correlation: float
    gap: float


def same_prompts(chat: LlamaChat, tokenizer: Any, prompts: Sequence[Prompt]) -> list[list[int]]:
    """Token ids of each prompt, the same for both sides.

    Raises: ModelError with both texts where they differ.
    """
    render, found = modelfile.renderer(tokenizer), []
    for messages in prompts:
        wanted = render(messages, True)
        text, ids = chat.render(messages)
        same_text(chat.name, wanted, text)
        trained = list(tokenizer(wanted, add_special_tokens=False)["input_ids"])
        if ids != trained:
            at = next((n for n, (a, b) in enumerate(zip(ids, trained, strict=False)) if a != b), len(trained))
            raise ModelError(
                f"{chat.name}: reads the prompt as other tokens than the trained model, from token {at}: "
                f"{ids[at : at + 5]}, trained with {trained[at : at + 5]}"
            )
        found.append(ids)
    return found


def same_modelfile(file: Modelfile, tokenizer: Any, prompts: Sequence[Prompt], stops: Sequence[str], bos: str) -> None:
    """Nothing, where Ollama makes the same prompts (but for ``bos``, which it adds) and stops at the same tokens.

    Raises: ModelError.
    """
    render = modelfile.renderer(tokenizer)
    for messages in prompts:
        same_text("Modelfile", render(messages, True).removeprefix(bos), modelfile.prompt(file, messages))
    missing = sorted(set(stops) - set(file.stops))
    if missing:
        raise ModelError(f"Modelfile: does not stop at {missing[0]!r}, with which the trained model ends its answers")


def same_text(where: str, wanted: str, got: str) -> None:
    """Nothing, where two prompts are the same letter for letter. Raises: ModelError with where they part."""
    if wanted == got:
        return
    at = next((n for n, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b), min(len(wanted), len(got)))
    raise ModelError(
        f"{where}: its chat template makes another prompt than the one of training, from character {at}: "
        f"{got[at : at + 40]!r}, trained with {wanted[at : at + 40]!r}"
    )


def greedy(chat: LlamaChat, ids: Sequence[int]) -> GreedyAnswer:
    """The answer of a GGUF model."""
    return list(chat.greedy(ids, ANSWER_TOKENS))


def greedy_by(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]]) -> Callable[[Sequence[int]], GreedyAnswer]:
    """The same for a model of transformers, which answers ``prompts`` (and no others) beforehand, several at once."""
    import torch
    from transformers import GenerationConfig

    end = tokenizer.eos_token_id
    make: Any = GenerationConfig
    settings = make(
        max_new_tokens=ANSWER_TOKENS,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
        output_logits=True,
        return_dict_in_generate=True,
    )
    known: dict[tuple[int, ...], GreedyAnswer] = {}
    for at in range(0, len(prompts), AT_ONCE):
        some = prompts[at : at + AT_ONCE]
        width = max(len(ids) for ids in some)
        given = torch.tensor([[end] * (width - len(ids)) + list(ids) for ids in some], device=model.device)
        mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in some], device=model.device)
        with torch.inference_mode():
            made = model.generate(input_ids=given, attention_mask=mask, generation_config=settings)
        for n, ids in enumerate(some):
            rows = [step[n].float().cpu().numpy() for step in made.logits]
            tokens = [int(row.argmax()) for row in rows]
            length = tokens.index(end) + 1 if end in tokens else len(tokens)
            known[tuple(ids)] = list(zip(tokens[:length], rows[:length], strict=True))
    return lambda ids: known[tuple(ids)]


def forward_of(model: Any) -> Forward:
    """The logits of a transformers model, (tokens, vocabulary) in float32; virtual tokens in front are left out."""
    import torch

    def forward(ids: Sequence[int]) -> Logits:
        with torch.inference_mode():
            given = torch.tensor([list(ids)], device=model.device)
            logits = model(input_ids=given).logits[0, -len(ids) :]
        found: Logits = logits.float().cpu().numpy()
        return found

    return forward


def compare(
    file: str,
    answer: Callable[[Sequence[int]], GreedyAnswer],
    trained: Forward,
    prompts: Sequence[Sequence[int]],
    criterion: Criterion,
    progress: Progress = SILENT,
) -> ExportAgreement:
    """How the greedy answers of an exported model agree with the trained one.

    Args:
        file: what is compared, for the report.
        answer: the exported model.
        trained: the model that was trained.
        prompts: token ids.
        criterion: what is asked of the format.
        progress: is told of each prompt.
    Raises: ModelError where they agree less than the criterion asks.
    """
    pairs: list[tuple[int, Logits, Logits]] = []
    identical = 0
    for n, ids in enumerate(prompts):
        given = answer(ids)
        told = trained([*ids, *(token for token, _ in given)])[len(ids) - 1 :]
        mine = [(token, row, told[at][: len(row)]) for at, (token, row) in enumerate(given)]
        identical += all(int(row.argmax()) == token for token, _, row in mine)
        pairs += mine
        progress.step("check", n + 1, len(prompts), file)
    gaps = [float((own.max() - own[token]) / own.std()) for token, _, own in pairs]
    correlations = [float(np.corrcoef(theirs, own)[0, 1]) for _, theirs, own in pairs]
    found = ExportAgreement(
        file=file,
        criterion=criterion.name,
        prompts=len(prompts),
        identical=identical,
        tokens=len(pairs),
        agreement=sum(gap == 0 for gap in gaps) / len(pairs),
        correlation=min(correlations),
        gap=max(gaps),
    )
    for fault in _faults(found, criterion):
        raise ModelError(f"{file}: does not answer like the trained model: {fault}; nothing was exported")
    return found


def _faults(found: ExportAgreement, criterion: Criterion) -> Iterator[str]:
    if not found.correlation >= criterion.correlation:  # NaN is a fault too
        yield f"its logits correlate {found.correlation:.6f}, {criterion.correlation} is asked"
    if found.agreement < criterion.agreement:
        yield f"the same choice for {found.agreement:.1%} of {found.tokens} tokens, {criterion.agreement:.0%} is asked"
    if found.gap > criterion.undecided:
        yield f"a token that the trained model holds {found.gap:.3f} deviations behind its own"


def turns_of(texts: Sequence[str]) -> list[Prompt]:
    """Questions as prompts of one turn, every fifth with a system message, every fifth as the follow-up of the last."""
    prompts: list[Prompt] = [[Message("user", text)] for text in texts]
    for n in range(0, len(prompts), 5):
        prompts[n] = [Message("system", "Answer in one short sentence."), *prompts[n]]
    for n, (before, text) in enumerate(pairwise(texts)):
        if n % 5 == 2:
            turns = [Message("user", before), Message("assistant", "I do not know."), Message("user", text)]
            prompts[n + 1] = turns
    return prompts
