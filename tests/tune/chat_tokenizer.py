"""A tokenizer whose tokens are bytes, with a chat template: what a row becomes can be counted by hand."""

import json
from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make(template: str = CHATML, *, eos: str = "<|im_end|>", bos: str = "<|im_start|>", adds_bos: bool = False) -> Any:
    """The tokenizer; ``pad`` is ``eos``, as in many small models."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    for token in dict.fromkeys(["<|im_start|>", "<|im_end|>", bos, eos]):
        plain.add_special_tokens([AddedToken(token, special=True, normalized=False)])
    if adds_bos:
        ids = plain.token_to_id(bos)
        plain.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, ids)])
    made = PreTrainedTokenizerFast(tokenizer_object=plain, bos_token=bos, eos_token=eos, pad_token=eos)
    made.chat_template = template
    return made


def folder(path: Path, tokenizer: Any) -> Path:
    """The tokenizer saved as a model's folder holds it, without weights."""
    path.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(path)
    (path / "model.safetensors").touch()
    (path / "config.json").write_text(json.dumps({"model_type": "llama"}), "utf-8")
    return path
