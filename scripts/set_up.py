"""A virtual environment from the lock: ``python3 scripts/set_up.py FOLDER {core,tests,full}``; needs Python and pip.

What is installed stands in ``requirements.lock``, each version with its hashes; PyTorch stands apart in
``requirements.torch``, because its builds differ. A machine without a GPU gets a build for the CPU wherever one is to
be had. ``--newest`` takes no lock: the newest versions that the ranges in ``pyproject.toml`` allow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
TORCH = ROOT / "requirements.torch"
PYTORCH_CPU = "https://download.pytorch.org/whl/cpu/"
PYPI = "https://pypi.org/simple/"
ANSWERS_WITHIN_S = 3.0
TORCH_RANGE = "torch>=2.9"  # as in pyproject.toml
SETS = {
    "core": (("llama",), ()),
    "tests": (("llama", "evaluate"), ("dev",)),
    "full": ((), ("dev",)),  # no extra named: every one of pyproject.toml
}


@dataclass(frozen=True, slots=True)
class Build:
    """A build of PyTorch: what the installer is told, where it comes from, and its size (0: unknown)."""

    requirement: str
    options: tuple[str, ...]
    origin: str
    size_bytes: int = 0

    def __str__(self) -> str:
        size = f"{self.size_bytes / 1e6:,.0f} MB" if self.size_bytes else "size unknown"
        return f"{self.requirement} from {self.origin} ({size})"


def main(arguments: Sequence[str]) -> int:
    """Makes or completes the environment and says what it took, how long, and how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--newest", action="store_true", help="the newest versions that pyproject.toml allows")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    python = given.folder.resolve() / "bin" / "python"
    if not python.exists():
        venv.create(given.folder, with_pip=True)
    configured = pip_settings(python)
    uv = uv_of(python)
    # uv resolves against what it is told; pip's own settings of this machine are handed on, torch apart
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1", "VIRTUAL_ENV": str(python.parents[1]), **handed_on(configured)}
    environment.pop("PYTHONPATH", None)
    install = [str(uv), "pip", "install", "--python", str(python), "--quiet"]
    if given.set == "full":
        build = torch_build(configured, newest=given.newest)
        print(f"PyTorch: {build}", flush=True)
        run([*install, *build.options, build.requirement], environment)
    extras, groups = SETS[given.set]
    wanted = ["--editable", f"{ROOT}[{','.join(extras or all_extras())}]"]
    wanted += [part for group in groups for part in ("--group", f"{ROOT / 'pyproject.toml'}:{group}")]
    if given.newest:
        wanted.append("--upgrade")
    else:
        wanted += ["--constraints", str(LOCK), "--build-constraints", str(LOCK)]
    if given.set == "full":  # torch is there already: nothing else may bring another build of it
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
            pinned.write(installed_torch(python))
            pinned.flush()
            run([*install, *wanted, *build.options, "--constraints", pinned.name], environment)
    else:
        run([*install, *wanted], environment)
    size = sum(f.lstat().st_size for f in python.parents[1].rglob("*") if f.is_file())
    print(f"{given.folder}: {given.set} set up in {time.monotonic() - began:.0f} s, {size / 1e6:,.0f} MB", flush=True)
    return 0


def run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Runs the installer; its own words are what is shown where it fails. Raises: SystemExit."""
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"set-up stopped: {' '.join(map(str, command[1:4]))} … ended with code {done.returncode}")


def uv_of(python: Path) -> Path:
    """The installer uv in the environment, of the locked version and checked by its hashes."""
    uv = python.parent / "uv"
    if not uv.exists():
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as stanza:
            stanza.write(locked("uv"))
            stanza.flush()
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
            run([*pip, "--no-deps", "-r", stanza.name], os.environ)
    return uv


def locked(name: str) -> str:
    """The lines of one package in the lock. Raises: SystemExit where it has none."""
    match = re.search(rf"^{re.escape(name)}==.*\n(?: +--hash=.*\n)+", LOCK.read_text("utf-8"), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{LOCK.name}: {name} is not in it; refresh it: make lock")
    return match[0]


def all_extras() -> tuple[str, ...]:
    """Every extra of ``pyproject.toml``, sorted."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    return tuple(sorted(re.findall(r"^([a-z][\w-]*)\s*=", section, re.MULTILINE)))


# where packages come from


def pip_settings(python: Path) -> dict[str, list[str]]:
    """Pip's own settings on this machine, by name: ``find-links``, ``index-url``, ``extra-index-url``, ``cert``."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^[\w:-]+\.([\w-]+)='(.*)'$", told.replace("\\n", " "), re.MULTILINE):
        found.setdefault(key, []).extend(part for part in value.split() if part not in found.get(key, ()))
    return found


def handed_on(configured: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Pip's indexes and folders as uv reads them; those over HTTP alone, uv asks them in the order given."""
    set_here: dict[str, str] = {}
    if index := [url for url in configured.get("index-url", ()) if url.startswith("http")]:
        set_here["UV_DEFAULT_INDEX"] = index[0]
    if extra := [url for url in configured.get("extra-index-url", ()) if url.startswith("http")]:
        set_here |= {"UV_INDEX": " ".join(extra), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if cert := configured.get("cert"):
        set_here["SSL_CERT_FILE"] = cert[0]
    return set_here


# PyTorch


def torch_version() -> str:
    """The version in ``requirements.torch``."""
    match = re.search(r"^torch==([\w.]+)$", TORCH.read_text("utf-8"), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{TORCH.name}: holds no line torch==VERSION")
    return match[1]


def torch_build(configured: Mapping[str, Sequence[str]], *, newest: bool = False, gpu: bool | None = None) -> Build:
    """The build of PyTorch for this machine: for the CPU where there is no GPU and such a build is to be had.

    Looked for in this order: folders of wheels that pip knows, indexes that pip knows, PyTorch's own index if it
    answers within three seconds; else what the first index has.
    """
    indexes = [*configured.get("index-url", ()), *configured.get("extra-index-url", ())] or [PYPI]
    on_cpu = not (has_gpu() if gpu is None else gpu)
    if newest:
        options = ("--index", PYTORCH_CPU, "--index-strategy", "unsafe-best-match")
        found = on_cpu and any(_files(PYTORCH_CPU))
        return Build(
            TORCH_RANGE, options if found else (), "the newest of PyTorch's own index" if found else "the package index"
        )
    version = torch_version()
    if on_cpu:
        for folder in configured.get("find-links", ()):
            if build := _in_folder(folder, version):
                return build
        for index in dict.fromkeys([*indexes, PYTORCH_CPU]):
            for name, url, size in _files(index):
                if _fits(name, f"{version}+cpu"):
                    options = ("--index", index, "--index-strategy", "unsafe-best-match")
                    return Build(f"torch=={version}+cpu", options, urlsplit(index).netloc or index, size or _size(url))
    sizes = [size for name, _, size in _files(indexes[0]) if _fits(name, version)]
    large = ", with CUDA libraries several GB more" if platform.system() == "Linux" and machine() == "x86_64" else ""
    return Build(f"torch=={version}", (), f"the package index{large}", sizes[0] if sizes else 0)


def has_gpu() -> bool:
    """Whether NVIDIA's driver names a GPU on this machine."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    listed = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return listed.returncode == 0 and "GPU" in listed.stdout


def machine() -> str:
    """The processor as wheels name it."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())


def installed_torch(python: Path) -> str:
    """``torch==VERSION`` with the tag of its build, as a constraint for what is installed beside it."""
    code = "from importlib.metadata import version; print('torch==' + version('torch'))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout


def _fits(name: str, version: str) -> bool:
    """Whether a wheel is of that version, for this interpreter and this machine."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheel = re.fullmatch(r"torch-([^-]+)-([^-]+)-([^-]+)-(.+)\.whl", unquote(name))
    if wheel is None or wheel[1] != version or wheel[2] != tag or wheel[3] != tag:
        return False
    system = {"Linux": "linux", "Darwin": "macosx"}.get(platform.system(), platform.system().lower())
    return system in wheel[4] and (machine() in wheel[4] or (system == "macosx" and "arm64" in wheel[4]))


def _in_folder(folder: str, version: str) -> Build | None:
    path = Path(url2pathname(urlsplit(folder).path)) if folder.startswith("file:") else Path(folder)
    for file in sorted(path.glob("torch-*.whl")) if path.is_dir() else ():
        if _fits(file.name, f"{version}+cpu"):
            return Build(
                f"torch=={version}+cpu", ("--find-links", str(path)), "a folder of wheels", file.stat().st_size
            )
    return None


def _files(index: str) -> Iterator[tuple[str, str, int]]:
    """Name, address and size (0: unknown) of every file of torch in an index; nothing where it does not answer."""
    page = urljoin(index if index.endswith("/") else f"{index}/", "torch/")
    if page.startswith("file:"):
        page += "index.html"
    wanted = {"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.5"}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(page, headers=wanted), timeout=ANSWERS_WITHIN_S
        ) as reply:  # addresses that pip is set to, or PyTorch's own
            text = reply.read().decode("utf-8", "replace")
    except (OSError, urllib.error.URLError, ValueError):
        return
    if text.lstrip().startswith("{"):
        for file in json.loads(text).get("files", ()):
            yield file["filename"], urljoin(page, file["url"]), int(file.get("size") or 0)
    else:
        for address in re.findall(r'<a[^>]+href="([^"]+)"', text):
            url = urljoin(page, unescape(address))
            yield unquote(urlsplit(url).path).rpartition("/")[2], url, 0


def _size(url: str) -> int:
    try:
        request = urllib.request.Request(url, method="HEAD")  # an address from that index
        with urllib.request.urlopen(request, timeout=ANSWERS_WITHIN_S) as reply:  # as above
            return int(reply.headers.get("Content-Length") or 0)
    except (OSError, urllib.error.URLError, ValueError):
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
