"""From nothing: a tokenizer and a small llama, trained on the user's own text alone.

It shows how a language model comes to be; what it says is no use. ``cost_of`` says what a useful size would take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.errors import UsageError
from wellread.tune.base.template import Encoded

BLOCK = 128  # tokens of a training row
END, TURN, CLOSE = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOKENS_PER_WEIGHT = 20.0  # Hoffmann et al. 2022 (Chinchilla), table 3
USEFUL = (135e6, 2e12)  # weights and training tokens of SmolLM2-135M: Allal et al. 2025 (SmolLM2), section 6


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What training a model of ``weights`` on ``tokens`` takes: floating-point operations and years at a speed."""

    weights: float
    tokens: float
    operations: float
    years: float


def cost_of(weights: float, tokens: float, n_mine: int, tokens_per_s: float) -> TrainingCost:
    """The cost of another model, at the operations a second that ``n_mine`` weights at ``tokens_per_s`` came to.

    Source: Kaplan et al. 2020, section 2.1: 6 operations a weight and token.
    """
    operations = 6 * weights * tokens
    per_second = 6 * n_mine * tokens_per_s
    return TrainingCost(weights, tokens, operations, operations / per_second / (365.25 * 86400))


def make_tokenizer(texts: Iterable[str], vocabulary: int, folder: Path) -> Any:
    """A byte-level BPE of at most ``vocabulary`` tokens, learned from the texts, in ``folder``.

    Raises: UsageError for a vocabulary that does not hold every byte.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [END, TURN, CLOSE]
    if vocabulary < len(alphabet) + len(special):
        raise UsageError(f"tune.vocabulary: is at least {len(alphabet) + len(special)}, so that every byte has a token")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(tokenizer_object=made, eos_token=CLOSE, pad_token=END, bos_token=TURN)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(str(folder))
    return tokenizer


def make_model(tokenizer: Any, layers: int, width: int, *, seed: int) -> Any:
    """An untrained llama of that many layers and that width, in float32. Raises: UsageError for an odd width."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    if width % 64:
        raise UsageError(f"tune.width = {width}: is a multiple of 64")
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=3 * width,
            num_hidden_layers=layers,
            num_attention_heads=width // 32,
            num_key_value_heads=width // 64,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def blocks(texts: Sequence[str], tokenizer: Any, length: int = BLOCK) -> list[Encoded]:
    """All the texts one after the other, each closed by the end token, cut into rows of ``length`` tokens."""
    ids: list[int] = []
    for text in texts:
        ids += [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    rows = [tuple(ids[at : at + length]) for at in range(0, len(ids), length)]
    return [Encoded(row, row) for row in rows if len(row) > 1]


def perplexity(loss: float) -> float:
    """What a mean cross entropy a token in nats comes to; it depends on the tokenizer: compare ``bits_per_byte``."""
    return math.exp(min(loss, 50.0))


def bits_per_byte(loss: float, n_tokens: int, texts: Sequence[str]) -> float:
    """Mean bits that the model needs for a byte of the texts, whatever its tokenizer; 8 is no model at all."""
    n_bytes = sum(len(text.encode()) for text in texts)
    return loss * n_tokens / math.log(2) / n_bytes if n_bytes else math.nan
