"""Weights of a transformers model written as GGUF, into the shape of the GGUF file that the model was made from.

Everything that is not a weight (tokenizer, sizes, rope) is copied from that file; only the chat template, the end token
and the file type are set. So a tuned model differs from its base in what was trained, and in nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wellread.errors import MissingExtra, ModelError

FileType = Literal["f16", "q8_0"]
Array = NDArray[Any]
Take = Callable[[str], Array]  # name of a tensor in transformers → its values in float32

TEMPLATE = "tokenizer.chat_template"
SUPPORTED = ("llama", "qwen2", "qwen3", "gemma3")  # whose weights are known to come out right; docs/log.md
_WITHOUT_SOURCE = ("rope_freqs.", "rope_factors_")  # tables that a model computes for itself
_FILE_TYPES: Mapping[FileType, int] = {"f16": 1, "q8_0": 7}  # llama_ftype: MOSTLY_F16, MOSTLY_Q8_0
_HEAD = "output.weight"
_BLOCK = 32  # values that share a scale in Q8_0
_LARGEST_F16 = 65504.0


@dataclass(frozen=True)
class BaseGguf:
    """An open GGUF file that others are written after."""

    path: Path
    reader: Any = field(repr=False)

    @cached_property
    def architecture(self) -> str:
        """As ``general.architecture`` says, like ``llama``."""
        return str(self.value("general.architecture"))

    def value(self, key: str, default: Any = None) -> Any:
        """A metadata value, or ``default`` where it is absent."""
        found = self.reader.get_field(key)
        return default if found is None else found.contents()

    def size(self, name: str, default: int = 0) -> int:
        """A whole number below the architecture's name, like ``block_count``."""
        return int(self.value(f"{self.architecture}.{name}", default))

    @cached_property
    def quantised(self) -> bool:
        """Whether most weights have fewer than 16 bits."""
        import gguf

        whole = {gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16}
        return any(tensor.tensor_type not in whole for tensor in self.reader.tensors)

    @cached_property
    def names(self) -> Callable[[str], str | None]:
        """From a tensor's name in transformers to its name in the file; None for one that has no place there."""
        import gguf

        arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == self.architecture)
        table = gguf.get_tensor_name_map(arch, self.size("block_count"))

        def find(name: str) -> str | None:
            found: str | None = table.get_name(name, try_suffixes=(".weight", ".bias"))
            return found

        return find


@dataclass(frozen=True)
class _Place:
    """A tensor of the file: its shape (rows first), how it is stored, and where its values come from.

    ``source`` is its name in transformers; None means that ``copied``, the pattern's own bytes, stay.
    """

    name: str
    shape: tuple[int, ...]
    kind: Any
    source: str | None
    raw: Any = field(repr=False)

    @property
    def copied(self) -> Array:
        return np.ascontiguousarray(self.raw)


def open_pattern(path: Path, *, any_architecture: bool = False) -> BaseGguf:
    """The GGUF file at ``path``, to write others after it; with ``any_architecture`` only to look into it.

    Raises: MissingExtra without gguf; ModelError where the architecture is none of ``SUPPORTED``.
    """
    try:
        import gguf
    except ImportError as error:
        raise MissingExtra("gguf (to write GGUF files)", "tune") from error
    logging.getLogger("gguf").setLevel(logging.ERROR)
    pattern = BaseGguf(path, gguf.GGUFReader(path))
    if pattern.architecture not in SUPPORTED and not any_architecture:
        raise ModelError(
            f"{path.name}: architecture '{pattern.architecture}' cannot be written as GGUF; known are "
            f"{', '.join(SUPPORTED)}; export it with --to merged and convert it with llama.cpp's own script"
        )
    return pattern


def write_model(
    pattern: BaseGguf,
    names: Sequence[str],
    take: Take,
    target: Path,
    *,
    file_type: FileType,
    values: Mapping[str, str | int],
) -> None:
    """A whole model at ``target``: tensors of the transformers model ``names``, each fetched by ``take`` when written.

    Norms and biases stay in 32 bits; the rest is F16, or Q8_0 where a row is a multiple of 32 long.

    Args:
        pattern: the file whose tokenizer and sizes are taken over.
        names: of the tensors as transformers calls them.
        take: (rows, columns) float32 by name; called twice for no tensor.
        target: the new file.
        file_type: f16 or q8_0.
        values: metadata to set in place of the pattern's.
    Raises: ModelError where a tensor has no place in the file, the file's tensor has no source, or a weight is no
        finite 16-bit number.
    """
    sources = _sources(pattern, names)
    writer = _writer(pattern, {**values, "general.file_type": _FILE_TYPES[file_type]})
    planned = [
        place if place.source is None else replace(place, kind=_kind(place, file_type))
        for place in _places(pattern, sources)
    ]
    for place in planned:
        _announce(writer, place)
    put(
        writer,
        target,
        (place.copied if place.source is None else _encoded(pattern, place, take(place.source)) for place in planned),
    )


def write_adapter(
    pattern: BaseGguf,
    pairs: Mapping[str, tuple[Array, Array, float]],
    target: Path,
    *,
    values: Mapping[str, str | int],
) -> None:
    """A LoRA adapter at ``target`` for the base of ``pattern``.

    llama.cpp adds ``alpha / rank * B A x``; where alpha / rank differs between tensors, each B takes its own factor
    in, and alpha is 0, which llama.cpp reads as a factor of 1.

    Args:
        pattern: the base's file.
        pairs: for a weight of the base as transformers calls it: A (rank, in), B (out, rank) and the factor.
        target: the new file.
        values: metadata to set beside what an adapter needs.
    Raises: ModelError where a weight has no place in the base.
    """
    alphas = {round(factor * a.shape[0], 6) for a, _, factor in pairs.values()}
    alpha = alphas.pop() if len(alphas) == 1 else 0.0
    here = {tensor.name: tensor for tensor in pattern.reader.tensors}
    tensors: dict[str, Array] = {}
    for name, (a, b, factor) in pairs.items():
        place = pattern.names(name)
        if place is None or place not in here or place.startswith(("token_embd", "output.")):
            raise ModelError(f"{name}: a LoRA of it cannot be an adapter file of {pattern.path.name}; export it merged")
        scaled = b if alpha else b * factor
        tensors[f"{place}.lora_a"] = _finite(name, a.astype(np.float32))
        tensors[f"{place}.lora_b"] = _finite(name, _as_stored(pattern, place, scaled.astype(np.float32)))
    writer = _empty_writer(pattern.architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_uint32("general.file_type", 0)  # ALL_F32: ranks are small, and nothing is rounded
    for key, value in values.items():
        _add(writer, key, value)
    for name, tensor in tensors.items():
        writer.add_tensor_info(name, tensor.shape, tensor.dtype, tensor.nbytes)
    put(writer, target, (np.ascontiguousarray(tensor) for tensor in tensors.values()))


def permuted(weights: Array, n_heads: int) -> Array:
    """Rows of a query or key projection in llama.cpp's order: within a head, the two halves of rope interleaved.

    Args:
        weights: (n_heads * head size, columns), or (n_heads * head size,) for a bias.
        n_heads: of queries, or of keys.
    """
    halves = weights.reshape(n_heads, 2, weights.shape[0] // n_heads // 2, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


def _as_stored(pattern: BaseGguf, place: str, weights: Array) -> Array:
    """The tensor as the file holds it: llama's rope order, gemma's norms with their 1."""
    if pattern.architecture == "llama":
        heads = pattern.size("attention.head_count")
        if ".attn_q." in place:
            return permuted(weights, heads)
        if ".attn_k." in place:
            return permuted(weights, pattern.size("attention.head_count_kv", heads))
    if pattern.architecture == "gemma3" and place.endswith("norm.weight"):
        return weights + np.float32(1)
    return weights


def _sources(pattern: BaseGguf, names: Sequence[str]) -> dict[str, str]:
    """Name in the file → name in transformers."""
    found: dict[str, str] = {}
    for name in names:
        place = pattern.names(name)
        if place is None:
            raise ModelError(f"{name}: has no place in a GGUF file of architecture '{pattern.architecture}'")
        found[place] = name
    here = {tensor.name for tensor in pattern.reader.tensors}
    for place in sorted(set(found) - here - {_HEAD}):
        raise ModelError(f"{found[place]}: {pattern.path.name} has no tensor {place}")
    return found


def _places(pattern: BaseGguf, sources: Mapping[str, str]) -> Iterator[_Place]:
    """The tensors of the pattern in its order; an output layer that only the trained model has comes last."""
    here = [_place(tensor, sources) for tensor in pattern.reader.tensors]
    for place in here:
        if place.source is None and place.name == _HEAD:
            continue  # tied in the trained model: llama.cpp takes the embedding then
        if place.source is None and not place.name.startswith(_WITHOUT_SOURCE):
            raise ModelError(f"{pattern.path.name}: its tensor {place.name} is not in the trained model")
        yield place
    if _HEAD in sources and all(place.name != _HEAD for place in here):
        embedding = next(place for place in here if place.name == "token_embd.weight")
        yield replace(embedding, name=_HEAD, source=sources[_HEAD])


def _place(tensor: Any, sources: Mapping[str, str]) -> _Place:
    shape = tuple(int(n) for n in reversed(tensor.shape))
    return _Place(tensor.name, shape, tensor.tensor_type, sources.get(tensor.name), tensor.data)


def _kind(place: _Place, file_type: FileType) -> Any:
    import gguf

    if len(place.shape) == 1 or place.name.endswith("_norm.weight"):
        return gguf.GGMLQuantizationType.F32
    if file_type == "q8_0" and place.shape[-1] % _BLOCK == 0:
        return gguf.GGMLQuantizationType.Q8_0
    return gguf.GGMLQuantizationType.F16


def _announce(writer: Any, place: _Place) -> None:
    """Tells the writer of a tensor that comes later."""
    import gguf

    n = int(np.prod(place.shape))
    if place.kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor_info(place.name, place.shape, np.dtype(np.float32), 4 * n)
    elif place.kind == gguf.GGMLQuantizationType.F16:
        writer.add_tensor_info(place.name, place.shape, np.dtype(np.float16), 2 * n)
    else:
        rows = gguf.quant_shape_to_byte_shape(place.shape, place.kind)
        writer.add_tensor_info(place.name, rows, np.dtype(np.uint8), int(np.prod(rows)), raw_dtype=place.kind)


def _encoded(pattern: BaseGguf, place: _Place, weights: Array) -> Array:
    """The trained tensor as the file stores it. Raises: ModelError for another shape, or what is not finite."""
    import gguf

    if weights.shape != place.shape:
        raise ModelError(
            f"{place.source}: has the shape {weights.shape}, {pattern.path.name} has {place.shape} there; "
            "export it merged, for a model whose vocabulary or size was changed"
        )
    stored = _finite(str(place.source), _as_stored(pattern, place.name, weights))
    if place.kind == gguf.GGMLQuantizationType.F32:
        return np.ascontiguousarray(stored, np.float32)
    if place.kind == gguf.GGMLQuantizationType.F16:
        return np.ascontiguousarray(stored.astype(np.float16))
    packed: Array = gguf.quants.quantize(np.ascontiguousarray(stored), place.kind)
    return packed


def _finite(name: str, weights: Array) -> Array:
    if not np.all(np.abs(weights) <= _LARGEST_F16):  # NaN too
        raise ModelError(f"{name}: holds values that are not finite 16-bit numbers; the training went wrong")
    return weights


def _empty_writer(architecture: str) -> Any:
    import gguf

    return gguf.GGUFWriter(None, architecture)


def _writer(pattern: BaseGguf, values: Mapping[str, str | int]) -> Any:
    """A writer with the pattern's metadata, ``values`` in place of what it says there."""
    import gguf

    writer = _empty_writer(pattern.architecture)
    array = gguf.GGUFValueType.ARRAY
    for name, entry in pattern.reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or name in values:
            continue
        kind = entry.types[0]
        content = entry.contents()
        if kind == array and not content:
            continue  # the format has no empty list
        writer.add_key_value(name, content, kind, entry.types[-1] if kind == array else None)
    for key, value in values.items():
        _add(writer, key, value)
    return writer


def _add(writer: Any, key: str, value: str | int) -> None:
    if isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_uint32(key, value)


def put(writer: Any, target: Path, tensors: Iterable[Array]) -> None:
    """The file on disk: what the writer was told of, then the tensors in the same order."""
    try:
        writer.write_header_to_file(target)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            writer.write_tensor_data(tensor)
    finally:
        writer.close()
