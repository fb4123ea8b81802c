"""GGUF files for tests: copies with other metadata."""

from collections.abc import Mapping
from pathlib import Path

from wellread.tune.base import gguf_file


def with_values(path: Path, target: Path, values: Mapping[str, str | int]) -> None:
    """A copy of a GGUF file with other metadata, its tensors byte for byte."""
    pattern = gguf_file.open_pattern(path)
    writer = gguf_file._writer(pattern, values)
    places = [gguf_file._place(tensor, {}) for tensor in pattern.reader.tensors]
    for place in places:
        gguf_file._announce(writer, place)
    gguf_file.put(writer, target, (place.copied for place in places))
