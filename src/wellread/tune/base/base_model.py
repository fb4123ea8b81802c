"""A base model's name comes in; a model that can be trained and its tokenizer go out.

A GGUF file cannot be trained. It is turned once into a folder of safetensors at full precision, which is kept beside
the pulled models under the digest of the file that it was made from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from wellread import digests
from wellread.errors import MissingExtra, ModelError, UsageError
from wellread.models.providers import llamacpp
from wellread.models.providers import transformers as local

CONVERTED = "trainable"  # folder of the models folder that holds what was made from GGUF files


def resolve(name: str, models_folder: Path) -> tuple[Path, Path | None, str]:
    """Folder of trainable weights, the GGUF file behind it (or None), and the digest; converts where that is needed.

    Raises: MissingExtra; ModelError where the model is absent, damaged or of a kind that cannot be trained; UsageError
        for a name of another kind.
    """
    kind, colon, rest = name.partition(":")
    if not colon or kind not in ("llama", "transformers"):
        raise UsageError(
            f"tune.base = '{name}': only models on this machine can be trained; "
            "write llama:NAME for a GGUF file or transformers:FOLDER for a folder of safetensors"
        )
    if kind == "llama":
        gguf = llamacpp.find(rest, models_folder)
        llamacpp.check_gguf(gguf)
        digest = _digest_of_gguf(gguf)
        return convert(gguf, digest, models_folder), gguf, digest
    folder = Path(local.resolve(rest, models_folder)).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelError(f"tune.base = '{name}': {folder} holds no model (config.json is missing)")
    return folder, None, _digest_of_folder(folder)


def load_model(folder: Path, *, dtype: str = "float32", quantization: Any = None) -> Any:
    """The causal language model of a folder, on this machine alone. Raises: MissingExtra, ModelError."""
    torch, transformers = _libraries()
    try:
        return transformers.AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            quantization_config=quantization,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{folder}: cannot be loaded for training: {error}") from error


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder. Raises: MissingExtra, ModelError."""
    _, transformers = _libraries()
    try:
        return transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder}: has no tokenizer that can be loaded: {error}") from error


def convert(gguf: Path, digest: str, models_folder: Path) -> Path:
    """The folder of safetensors made from a GGUF file: weights at full precision, tokenizer, chat template.

    It is made once (about 15 s for 135 million weights) and kept; two processes that make it at once both succeed.

    Raises: ModelError where transformers cannot read the architecture.
    """
    target = models_folder / CONVERTED / f"{gguf.stem}-{digest[:12]}"
    if (target / "config.json").is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=".converting-"))
    try:
        _write_safetensors(gguf, work)
        (work / "source.json").write_text(json.dumps({"gguf": gguf.name, "sha256": digest}) + "\n", "utf-8")
        try:
            work.replace(target)
        except OSError:  # another process was faster; its folder holds the same
            if not (target / "config.json").is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _write_safetensors(gguf: Path, work: Path) -> None:
    torch, transformers = _libraries()
    from transformers.utils.quantization_config import GgufConfig

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # read-only arrays of the gguf package, a remark about its metadata
            model = transformers.AutoModelForCausalLM.from_pretrained(
                str(gguf.parent),
                gguf_file=gguf.name,
                dtype=torch.float32,
                local_files_only=True,
                quantization_config=GgufConfig(dequantize=True),
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(gguf.parent), gguf_file=gguf.name, local_files_only=True
            )
    except ImportError as error:
        raise MissingExtra("gguf (to read a GGUF file for training)", "tune") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{gguf}: transformers cannot read this GGUF file for training ({error}); "
            "take the model as a folder of safetensors: tune.base = 'transformers:FOLDER'"
        ) from error
    model.hf_quantizer = None
    model.is_quantized = False
    model.quantization_method = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(work)
    tokenizer.save_pretrained(work)


def _digest_of_gguf(gguf: Path) -> str:
    """SHA-256 of the file; the record that ``models pull`` keeps saves reading it where the size still fits."""
    try:
        record = json.loads(gguf.with_suffix(".json").read_text("utf-8"))
        if record["path"] == gguf.name and record["size_bytes"] == gguf.stat().st_size:
            return str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # pulled by hand: read it
    return digests.of_file(gguf)


def _digest_of_folder(folder: Path) -> str:
    found = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        found.update(f"{path.name} {digests.of_file(path)}\n".encode())
    return found.hexdigest()


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("torch with transformers (for training)", "tune") from error
    return torch, transformers
