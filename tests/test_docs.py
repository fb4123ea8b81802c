"""The docs run: every shell and Python block of a tutorial, in order, in an empty folder; and links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "tutorials").glob("*.md")), ids=lambda p: p.stem)
def test_every_block_of_a_tutorial_runs(page: Path, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "wellread"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m wellread "$@"\n', "utf-8")
    command.chmod(0o755)
    blocks = BLOCK.findall(page.read_text("utf-8"))
    assert len(blocks) >= 3
    script = ["set -e"]
    for n, (language, body) in enumerate(blocks):
        if language == "sh":
            script.append(body)
        else:
            (tmp_path / f"block{n}.py").write_text(body, "utf-8")
            script.append(f"(cd {tmp_path} && {sys.executable} block{n}.py)")
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "4.50" in done.stdout and "6.25" in done.stdout
    last = done.stdout[done.stdout.rindex("\n{") :]  # what is printed after crew.md is gone
    assert "3 crowns" in last and "Odile" not in last


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_reference_pages_say_what_the_code_says() -> None:
    place = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    assert place and place.loader
    make_reference = importlib.util.module_from_spec(place)
    place.loader.exec_module(make_reference)
    for name, page in make_reference.PAGES.items():
        written = (ROOT / "docs" / "reference" / name).read_text("utf-8")
        assert written == page().rstrip() + "\n", f"docs/reference/{name} is old; run: make docs"
