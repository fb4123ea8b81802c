"""The part of the Hugging Face Hub's HTTP protocol that fetching a model needs.

Source: https://huggingface.co/docs/hub/api
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from urllib3.exceptions import HTTPError

from wellread.config import suggestion
from wellread.errors import ModelError, UsageError
from wellread.models import http
from wellread.models.http import Service
from wellread.progress import Progress

ENDPOINT = "https://huggingface.co"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
_SIDE_FILES = (".json", ".txt", ".model", ".safetensors")
_OTHER_EXPORTS = {"onnx", "openvino", "coreml", "tf", "flax", "original"}
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a revision; ``digest`` is ``sha256:…`` or, for small ones, git's ``blob:…``."""

    path: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of a model."""

    name: str
    revision: str
    licence: str
    files: tuple[RemoteFile, ...]


def describe(service: Service, name: str) -> Repository:
    """A model's revision, licence and files. Raises UsageError for a wrong name, ModelError, ModelUnavailable."""
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(f"hf:{name}: is written hf:owner/name, or hf:owner/name:FILE.gguf")
    with closing(http.send(service, "GET", f"/api/models/{name}?blobs=true", redirect=True)) as response:
        data = http.as_object(service, response.read(http.ANSWER_LIMIT))
    try:
        files = tuple(_file(entry) for entry in data["siblings"])
        revision = str(data["sha"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{service.host}: describes {name} in an unknown way ({error!r})") from error
    if not re.fullmatch(r"[0-9a-f]{40,64}", revision):
        raise ModelError(f"{service.host}: gives no revision for {name}")
    return Repository(name, revision, _licence(data), tuple(f for f in files if _is_plain(f.path)))


def _file(entry: dict[str, Any]) -> RemoteFile:
    lfs = entry.get("lfs")
    digest = f"sha256:{lfs['sha256']}" if lfs else f"blob:{entry.get('blobId', '')}"
    return RemoteFile(str(entry["rfilename"]), int(entry.get("size") or (lfs or {}).get("size") or 0), digest)


def _is_plain(path: str) -> bool:
    """Whether a path of the hub stays inside the folder that it is saved in."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not set(path) & set('\\:\0"<>|*?')


def _licence(data: dict[str, Any]) -> str:
    card = data.get("cardData")
    said = card.get("license") if isinstance(card, dict) else None
    tags = [t for t in data.get("tags") or () if isinstance(t, str) and t.startswith("license:")]
    return str(said or (tags[0].removeprefix("license:") if tags else "not stated"))


def choose(repository: Repository, wanted: str = "") -> tuple[RemoteFile, ...]:
    """The files to fetch: one GGUF (``wanted``, else Q4_K_M, else the only one), or safetensors and their side files.

    Raises: UsageError that lists the choice where it is the user's; ModelError where nothing can be used.
    """
    gguf = [f for f in repository.files if f.path.endswith(".gguf") and not _SPLIT.search(f.path)]
    name = f"hf:{repository.name}"
    if wanted:
        found = [f for f in gguf if f.path == wanted]
        if not found:
            paths = [f.path for f in gguf]
            raise UsageError(f"{name}: has no file '{wanted}'{suggestion(wanted, paths)}; it has {_listed(gguf)}")
        return (found[0],)
    weights = [f for f in repository.files if f.path.endswith(".safetensors")]
    if gguf and not weights:
        preferred = [f for f in gguf if "q4_k_m" in f.path.lower()] or gguf
        if len(preferred) > 1:
            raise UsageError(f"{name}: has several models; choose one as {name}:FILE of {_listed(gguf)}")
        return (preferred[0],)
    chosen = tuple(f for f in repository.files if f.path.endswith(_SIDE_FILES) and not _is_export(f.path))
    if not any(f.path.endswith(".safetensors") for f in chosen):
        raise ModelError(f"{name}: has neither a GGUF file in one piece nor safetensors (pickled weights are not read)")
    return chosen


def _is_export(path: str) -> bool:
    return PurePosixPath(path).parts[0] in _OTHER_EXPORTS


def _listed(files: Sequence[RemoteFile]) -> str:
    return ", ".join(f"{f.path} ({f.size_bytes / 1e6:,.0f} MB)" for f in files) or "no GGUF file"


def download(service: Service, repository: Repository, file: RemoteFile, target: Path, progress: Progress) -> None:
    """``target`` holds the file, checked; what an earlier, broken download left there is continued.

    Raises: ModelError where size or digest differ (the file is then gone), ModelUnavailable.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    attempt = 1
    while (have := target.stat().st_size if target.exists() else 0) < file.size_bytes:
        try:
            if _fetch(service, repository, file, target, progress, attempt):
                break
        except HTTPError as error:  # cut in the middle: the next attempt resumes from here
            attempt = 1 if target.exists() and target.stat().st_size > have else attempt
            http.wait_or_give_up(service, attempt, f"{file.path}: {error}")
        attempt += 1
    target.touch()
    if target.stat().st_size != file.size_bytes or not _matches(target, file):
        target.unlink()
        raise ModelError(f"{service.host}: {file.path} is not what its description says (size or digest); try again")


def _fetch(
    service: Service, repository: Repository, file: RemoteFile, target: Path, progress: Progress, attempt: int
) -> bool:
    """Whether the service answered; False, after a wait, where another attempt may help."""
    have = target.stat().st_size if target.exists() else 0
    path = f"/{repository.name}/resolve/{repository.revision}/{quote(file.path)}"
    headers = {"Range": f"bytes={have}-"} if have else {}
    opened = http.once(service, "GET", path, attempt, headers=headers, redirect=True)
    if opened is None:
        return False
    with closing(opened) as response:
        goes_on = response.status == 206
        with target.open("ab" if goes_on else "wb") as out:
            done = have if goes_on else 0
            while piece := response.read1(_BLOCK):  # what came before a break is kept
                done += len(piece)
                if done > file.size_bytes:
                    break
                out.write(piece)
                progress.step("download", done, file.size_bytes, file.path)
    return True


def _matches(path: Path, file: RemoteFile) -> bool:
    kind, _, want = file.digest.partition(":")
    if kind == "blob":
        if not want:
            return True
        found = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
    else:
        found = hashlib.sha256()
    with path.open("rb") as data:
        while block := data.read(_BLOCK):
            found.update(block)
    return found.hexdigest() == want
