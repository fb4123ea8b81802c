"""From ``kind:name`` to an open model. Built-in kinds and those of other packages come through the same door."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellread import plugins
from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.models.api import Chat, Embedder, Reranker, SparseEncoder
from wellread.models.discreet import discreet
from wellread.models.plugged import checked
from wellread.models.settings import ChatSettings, EmbedSettings, RerankSettings, SparseSettings
from wellread.models.truncate import truncated

# Kind → "module:function"; the function takes (name, settings, folder of pulled models, API key or None). Another
# package adds a kind with an entry point of the same form in the groups of plugins.py.
CHATS = {
    "llama": "wellread.models.providers.llamacpp:open_chat",
    "openai": "wellread.models.providers.openai:open_chat",
}
EMBEDDERS = {
    "static": "wellread.models.providers.static:open_embedder",
    "onnx": "wellread.models.providers.minilm:open_embedder",
    "transformers": "wellread.models.providers.transformers:open_embedder",
    "openai": "wellread.models.providers.openai:open_embedder",
}
SPARSE = {"transformers": "wellread.models.providers.transformers:open_sparse"}
RERANKERS = {
    "onnx": "wellread.models.providers.minilm:open_reranker",
    "late": "wellread.models.providers.minilm:open_late",
    "transformers": "wellread.models.providers.transformers:open_reranker",
    "cohere": "wellread.models.providers.cohere:open_reranker",
}


def chat(settings: ChatSettings, folder: Path, *, api_key: str | None = None) -> Chat:
    """The chat model that ``settings.model`` names.

    Args:
        settings: section ``chat``.
        folder: where pulled models are kept.
        api_key: the value of the variable that ``settings.api_key_env`` names.
    Raises: UsageError for an unknown kind or name, ModelError where the model cannot be used, MissingExtra.
    """
    made: Chat = _open("chat", CHATS, settings, folder, api_key, "chat.model")
    return discreet(made, settings.personal_data)


def embedder(
    settings: EmbedSettings, folder: Path, *, api_key: str | None = None, where: str = "embed.model"
) -> Embedder:
    """The embedder that ``settings.model`` names; errors name the setting ``where``. Otherwise as ``chat``."""
    made: Embedder = _open("embedder", EMBEDDERS, settings, folder, api_key, where)
    return made if settings.model.startswith("openai:") else truncated(made, settings.dim, settings.model)


def sparse(settings: SparseSettings, folder: Path) -> SparseEncoder:
    """The learned sparse model that ``settings.model`` names. Errors as for ``chat``."""
    made: SparseEncoder = _open("sparse", SPARSE, settings, folder, None, "sparse.model")
    return made


def reranker(settings: RerankSettings, folder: Path, *, api_key: str | None = None) -> Reranker | None:
    """The reranker that ``settings.model`` names, None where it is empty. Arguments and errors as for ``chat``."""
    if not settings.model:
        return None
    made: Reranker = _open("reranker", RERANKERS, settings, folder, api_key, "rerank.model")
    return made


def kinds(part: str) -> list[str]:
    """Kinds that can be named for ``chat``, ``embedder``, ``sparse`` or ``reranker``, built in or installed."""
    built_in = {"chat": CHATS, "embedder": EMBEDDERS, "sparse": SPARSE, "reranker": RERANKERS}[part]
    return sorted({*built_in, *plugins.installed(part)})


def _open(
    part: str,
    built_in: Mapping[str, str],
    settings: ChatSettings | EmbedSettings | RerankSettings | SparseSettings,
    folder: Path,
    api_key: str | None,
    where: str,
) -> Any:
    kind, colon, name = settings.model.partition(":")
    if not colon or not name:
        example = f"{next(iter(built_in))}:NAME"
        raise UsageError(f"{where} = '{settings.model}': is written kind:name, like {example}")
    if kind in built_in:
        make = plugins.loaded(built_in[kind])
        return make(name, settings, folder, api_key)
    if kind in plugins.installed(part):
        named = plugins.named(part, settings.model, where)
        return checked(named, named.open(settings, folder, api_key))
    known = kinds(part)
    hint = suggestion(kind, known)
    raise UsageError(f"{where} = '{settings.model}': no such kind '{kind}'{hint}; known are {', '.join(known)}")
