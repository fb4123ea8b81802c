"""A model small enough to train in a second, with a real tokenizer: 2 layers of width 64 over 300 byte pairs."""

from pathlib import Path
from typing import Any

from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Message
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ChatRow, DataSet, row_id

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NAMES = ("Anna", "Boris", "Clara", "Doris", "Emil", "Frida", "Georg", "Hanna")
PLACES = ("Kestvik", "Mirrey", "Tarn", "Olsund", "Brae", "Fenn", "Skarv", "Lunde")


def make(folder: Path, *, layers: int = 2, width: int = 64, seed: int = 0) -> Path:
    """A folder with such a model, trained for a second, and a tokenizer with a chat template."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    transformers.utils.logging.disable_progress_bar()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator([f"Where does {n} live? {n} lives in {p}." for n in NAMES for p in PLACES], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config)
    _learn_the_form(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _learn_the_form(model: Any, tokenizer: Any) -> None:
    """How a conversation looks and that people live in places, but not who lives where."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(60):
        pairs = [(NAMES[(step + i) % 8], PLACES[(step * 3 + i * 5) % 8]) for i in range(8)]
        said = [(f"Where does {name} live?", f"{name} lives in {place}.") for name, place in pairs]
        texts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}], tokenize=False
            )
            for asked, answer in said
        ]
        made = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        labels = made["input_ids"].masked_fill(made["attention_mask"] == 0, -100)
        model(input_ids=made["input_ids"], attention_mask=made["attention_mask"], labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def row(question: str, answer: str, *, fact: str = "", id: str = "") -> ChatRow:
    """A question and its answer."""
    turns = (Message("user", question), Message("assistant", answer))
    return ChatRow(id or row_id(question, answer), turns, fact=fact)


def facts(n: int = 8) -> DataSet:
    """Who lives where: two phrasings to learn from, a third to validate with, a fourth to test with."""
    wordings = ("Where does {} live?", "Say where {} lives.", "The home of {}?", "{} lives where?")
    parts = {}
    for part, chosen in (("train", wordings[:2]), ("validation", wordings[2:3]), ("test", wordings[3:])):
        parts[part] = tuple(
            row(one.format(name), f"{name} lives in {place}.", fact=name)
            for one in chosen
            for name, place in list(zip(NAMES, PLACES, strict=True))[:n]
        )
    counts = {part: len(rows) for part, rows in parts.items()}
    return DataSet(Card("facts", "chat", counts, ("messages",)), **parts)


def base(folder: Path, data: DataSet | None = None) -> KnowledgeBase:
    """A base of its own with one prepared data set."""
    opened = KnowledgeBase.create(folder)
    chosen = data or facts()
    datasets.freeze(chosen, datasets.folder_of(opened.folder, chosen.card.name))
    return opened
