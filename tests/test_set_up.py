"""What sets wellread up on a machine: the lock, the build of PyTorch, and the wheel in an empty environment."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import ClassVar

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


set_up = script("set_up")
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
WHEEL = f"torch-{{}}-{TAG}-{TAG}-manylinux_2_28_{set_up.machine()}.whl"
VERSION = set_up.torch_version()


# the lock


def locked() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text("utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def test_the_lock_names_no_address_and_hashes_every_package() -> None:
    text = LOCK.read_text("utf-8")
    assert "://" not in text and "--index" not in text
    stanzas = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert stanzas and all("--hash=sha256:" in stanza for stanza in stanzas)


def test_every_requirement_of_the_project_stands_in_the_lock_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    held = {**locked(), "torch": [VERSION]}
    missing = []
    for line in wanted:
        requirement = Requirement(line)
        versions = held.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            missing.append(line)
    assert not missing, "refresh it: make lock"


def test_what_is_installed_here_is_what_the_lock_says() -> None:
    held = locked()
    other = []
    for distribution in metadata.distributions():
        name, version = canonicalize_name(distribution.name), distribution.version
        if name in held and version not in held[name]:
            other.append(f"{name} {version}, locked {held[name]}")
    if len(other) > 3:
        pytest.skip("this environment was not made from the lock: make setup")
    assert not other


# the build of PyTorch


class Index(BaseHTTPRequestHandler):
    """A package index with one page; ``page`` is its body, ``kind`` its type."""

    page: ClassVar[str] = ""
    kind: ClassVar[str] = "text/html"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        self.wfile.write(self.page.encode())

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "190000000")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def index():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple/"
    server.shutdown()
    server.server_close()


def test_a_folder_of_wheels_with_a_build_for_the_cpu_comes_first(tmp_path: Path, index: str) -> None:
    (tmp_path / WHEEL.format(f"{VERSION}+cpu")).write_bytes(b"x" * 2_000_000)
    build = set_up.torch_build({"find-links": [str(tmp_path)], "index-url": [index]}, gpu=False)
    assert build.requirement == f"torch=={VERSION}+cpu"
    assert build.options == ("--find-links", str(tmp_path))
    assert str(build) == f"torch=={VERSION}+cpu from a folder of wheels (2 MB)"


def test_a_wheel_for_another_interpreter_or_version_is_not_taken(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / WHEEL.format("1.0.0+cpu")).write_bytes(b"x")
    (tmp_path / f"torch-{VERSION}+cpu-cp27-cp27m-linux_x86_64.whl").write_bytes(b"x")
    monkeypatch.setattr(set_up, "PYTORCH_CPU", "http://127.0.0.1:9/whl/cpu/")
    build = set_up.torch_build({"find-links": [str(tmp_path)], "index-url": [index]}, gpu=False)
    assert build.requirement == f"torch=={VERSION}" and not build.options


def test_an_index_with_builds_for_the_cpu_is_found_with_its_size(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = WHEEL.format(f"{VERSION}%2Bcpu")
    monkeypatch.setattr(Index, "page", f'<a href="/files/{name}#sha256=00">{name}</a>')
    build = set_up.torch_build({"index-url": [index]}, gpu=False)
    assert build.requirement == f"torch=={VERSION}+cpu" and "190 MB" in str(build)


def test_a_machine_with_a_gpu_takes_what_the_index_has_and_says_its_size(
    index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [{"filename": WHEEL.format(VERSION), "url": "/files/torch.whl", "size": 900_000_000}]
    monkeypatch.setattr(Index, "page", json.dumps({"files": files}))
    build = set_up.torch_build({"index-url": [index]}, gpu=True)
    assert build.requirement == f"torch=={VERSION}" and "900 MB" in str(build)


# the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.mark.slow
@pytest.mark.parametrize("extras", ["", "all"])
def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path, extras: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("uv is not in this environment: make setup")
    if extras and importlib.util.find_spec("torch") is None:
        pytest.skip("the training stack was not set up: make test")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "empty"], check=True)
    python = tmp_path / "empty" / "bin" / "python"
    configured = set_up.pip_settings(Path(sys.executable))
    environment = {**os.environ, **set_up.handed_on(configured)}
    wanted, options = str(wheel), ["--constraints", str(LOCK), "--build-constraints", str(LOCK)]
    if extras:
        wanted = f"{wheel}[{','.join(set_up.all_extras())}]"
        pinned = tmp_path / "torch.txt"
        pinned.write_text(f"torch=={metadata.version('torch')}\n")
        options += ["--constraints", str(pinned), *set_up.torch_build(configured).options]
    # what set-up fetched lies in uv's cache; where it does not, the package index is asked
    for offline in (["--offline"], []):
        install = [uv, "pip", "install", "--quiet", "--system-certs", "--python", python, *offline, *options, wanted]
        done = subprocess.run(install, capture_output=True, text=True, check=False, env=environment)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    program = [python, "-I", "-m", "wellread"]
    told = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.startswith("wellread ")
    (tmp_path / "fees.md").write_text("# Fees\n\nA guest berth costs 85 crowns a night.\n")
    subprocess.run([*program, "init", "base"], check=True, capture_output=True, cwd=tmp_path)
    subprocess.run([*program, "--base", "base", "add", "fees.md"], check=True, capture_output=True, cwd=tmp_path)
    question = [
        *program,
        "--base",
        "base",
        "ask",
        "What does a guest berth cost a night?",
        "--set",
        "answer.style=quote",
    ]
    answer = subprocess.run(question, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "85 crowns" in answer.stdout
    if extras:
        modules = "llama_cpp, torch, transformers, peft, trl, sentence_transformers, sacrebleu, bitsandbytes"
        subprocess.run([python, "-I", "-c", f"import {modules}"], check=True, capture_output=True)
