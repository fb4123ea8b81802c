"""Refreshes ``requirements.lock``: the newest versions that ``pyproject.toml`` allows, for every extra, with hashes.

PyTorch and the CUDA packages that only it brings are left out: ``requirements.torch`` pins it, and its builds differ.
The file names no index. Usage: ``make lock``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """\
# Every extra and the development group, exact and hashed; refreshed by `make lock`. PyTorch: requirements.torch
"""
_STANZA = re.compile(r"^(?P<name>[a-z0-9][\w.-]*)==.*\n(?:[ ]+--hash=.*\n)+(?:[ ]+#.*\n)?", re.MULTILINE)
_OF_TORCH = re.compile(r"torch$|nvidia-|cuda-|triton$")


def main() -> int:
    """Resolves, drops PyTorch's own, writes the file whole."""
    uv = Path(sys.executable).parent / "uv"
    command = [uv, "pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--annotation-style", "line"]
    command += ["--constraints", "requirements.torch", "--upgrade", "--quiet", "--no-emit-index-url"]
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    text = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    kept = [m[0] for m in _STANZA.finditer(text) if not _OF_TORCH.match(m["name"])]
    if "://" in "".join(kept):
        raise SystemExit("the lock would name an address: refresh it without indexes of your own")
    (ROOT / "requirements.lock").write_text(HEAD + "".join(kept), "utf-8")
    print(f"requirements.lock: {len(kept)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
