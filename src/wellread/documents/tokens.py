"""Counting tokens in a child process: the embedder's own tokenizer file, read without its padding and cutting."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path


def counter(tokenizer_file: str) -> Callable[[Sequence[str]], list[int]]:
    """A function that counts the tokens of each text, special ones apart, by a Hugging Face tokenizer.json.

    Raises: OSError and ValueError where the file cannot be read.
    """
    from kitoken import Kitoken  # a child that only parses does not need it

    definition = json.loads(Path(tokenizer_file).read_bytes())
    definition["padding"] = definition["truncation"] = None
    encode = Kitoken.from_tokenizers(json.dumps(definition).encode()).encode

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encode(text, False)) for text in texts]

    return count
