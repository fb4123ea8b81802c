"""A GGUF file made of a transformers folder alone: a llama whose tokenizer is a byte-level BPE.

For bases that never were a GGUF file, models trained from nothing among them. Its tokens are compared with the
tokenizer's own whenever an export is checked, so a tokenizer that llama.cpp reads differently is found there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import MissingExtra, ModelError
from wellread.tune.base import gguf_file
from wellread.tune.base.gguf_file import TEMPLATE, permuted

_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5  # llama.cpp's kinds of token
_CONTEXT = 2048


def write(folder: Path, target: Path) -> None:
    """The model of ``folder`` at ``target`` in F16.

    Raises: ModelError where it is no llama, or its tokenizer is of a kind that cannot be written; MissingExtra.
    """
    try:
        import gguf
    except ImportError as error:
        raise MissingExtra("gguf (to write GGUF files)", "tune") from error
    logging.getLogger("gguf").setLevel(logging.ERROR)
    config = _json(folder / "config.json")
    if config.get("model_type") != "llama":
        raise ModelError(
            f"{folder}: is a {config.get('model_type')}; only a llama can become a GGUF file here. Export it --to "
            "merged and use llama.cpp's own script, or train from a GGUF file"
        )
    writer = gguf.GGUFWriter(None, "llama")
    _sizes(writer, config)
    _tokenizer(writer, folder, int(config["vocab_size"]))
    tensors = _tensors(folder, config)
    for name, tensor in tensors.items():
        writer.add_tensor_info(name, tensor.shape, tensor.dtype, tensor.nbytes)
    gguf_file.put(writer, target, tensors.values())


def _sizes(writer: Any, config: Mapping[str, Any]) -> None:
    heads = int(config["num_attention_heads"])
    width = int(config["hidden_size"])
    head = int(config.get("head_dim") or width // heads)
    rope = config.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default" or config.get("rope_scaling"):
        raise ModelError("config.json: its rope is scaled, which cannot be written as GGUF here; export it --to merged")
    writer.add_string("general.type", "model")
    writer.add_uint32("general.file_type", 1)
    writer.add_uint32("llama.block_count", int(config["num_hidden_layers"]))
    writer.add_uint32("llama.context_length", int(config.get("max_position_embeddings", _CONTEXT)))
    writer.add_uint32("llama.embedding_length", width)
    writer.add_uint32("llama.feed_forward_length", int(config["intermediate_size"]))
    writer.add_uint32("llama.attention.head_count", heads)
    writer.add_uint32("llama.attention.head_count_kv", int(config.get("num_key_value_heads") or heads))
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", float(config["rms_norm_eps"]))
    writer.add_float32("llama.rope.freq_base", float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0))
    writer.add_uint32("llama.rope.dimension_count", head)
    writer.add_uint32("llama.vocab_size", int(config["vocab_size"]))
    for side in ("key", "value"):
        writer.add_uint32(f"llama.attention.{side}_length", head)


def _tokenizer(writer: Any, folder: Path, n_vocab: int) -> None:
    made, config = _json(folder / "tokenizer.json"), _json(folder / "tokenizer_config.json")
    if made["model"].get("type") != "BPE" or made["model"].get("byte_fallback"):
        raise ModelError(f"{folder}: its tokenizer is no byte-level BPE, which alone can be written as GGUF here")
    tokens = [f"[unused{n}]" for n in range(n_vocab)]
    kinds = [_UNUSED] * n_vocab
    for text, n in made["model"]["vocab"].items():
        tokens[n], kinds[n] = text, _NORMAL
    for added in made.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    merges = [one if isinstance(one, str) else " ".join(one) for one in made["model"]["merges"]]
    writer.add_string("tokenizer.ggml.model", "gpt2")
    writer.add_string("tokenizer.ggml.pre", _pre_tokenizer(made.get("pre_tokenizer"), folder))
    writer.add_array("tokenizer.ggml.tokens", tokens)
    writer.add_array("tokenizer.ggml.token_type", kinds)
    writer.add_array("tokenizer.ggml.merges", merges)
    for key in ("bos", "eos", "unk", "pad"):
        token = config.get(f"{key}_token")
        text = token["content"] if isinstance(token, dict) else token
        if text in tokens:
            name = {"unk": "unknown", "pad": "padding"}.get(key, key)
            writer.add_uint32(f"tokenizer.ggml.{name}_token_id", tokens.index(text))
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    writer.add_bool("tokenizer.ggml.add_space_prefix", False)
    if (template := _template(folder, config)) is not None:
        writer.add_string(TEMPLATE, template)


def _template(folder: Path, config: Mapping[str, Any]) -> str | None:
    own = folder / "chat_template.jinja"
    return own.read_text("utf-8") if own.is_file() else config.get("chat_template")


def _pre_tokenizer(found: Mapping[str, Any] | None, folder: Path) -> str:
    """llama.cpp's name for how text is cut before pairs of bytes are merged."""
    parts = [] if found is None else found.get("pretokenizers", [found])
    kinds = [part["type"] for part in parts]
    if kinds == ["ByteLevel"] and parts[0].get("use_regex", True) and not parts[0].get("add_prefix_space"):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "smollm"
    raise ModelError(f"{folder}: cuts text by {', '.join(kinds) or 'nothing'}, which cannot be written as GGUF here")


def _tensors(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by the file's own names: norms in 32 bits, the rest in 16."""
    import gguf
    from safetensors import safe_open

    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, int(config["num_hidden_layers"]))
    heads = int(config["num_attention_heads"])
    keys = int(config.get("num_key_value_heads") or heads)
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - no mapping
                place = table.get_name(name, try_suffixes=(".weight", ".bias"))
                if place is None:
                    raise ModelError(f"{path.name}: {name} has no place in a GGUF file")
                weights = tensors.get_tensor(name).float().numpy()
                if ".attn_q." in place:
                    weights = permuted(weights, heads)
                if ".attn_k." in place:
                    weights = permuted(weights, keys)
                whole = weights.ndim == 1
                found[place] = np.ascontiguousarray(weights, np.float32 if whole else np.float16)
    if config.get("tie_word_embeddings"):
        found.pop("output.weight", None)
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    return found
