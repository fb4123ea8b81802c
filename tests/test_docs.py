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


def says_first_answer(out: str) -> None:
    assert "4.50" in out and "6.25" in out
    last = out[out.rindex("\n{") :]  # what is printed after crew.md is gone
    assert "3 crowns" in last and "Odile" not in last


def says_choose(out: str) -> None:
    assert "This is a prior" in out and "20 questions, each asked in every way" in out
    last = out[out.rindex(" because ") - 40 :]
    assert "retrieve because On 20 questions" in last and "- The model alone is " in last


def says_teach(out: str) -> None:
    assert "answers the same as the trained model's" in out and "by heart: " in out
    assert "the tuned model facts-lora learned from" in out
    assert 'model = "llama:smollm2-135m"' in out[out.rindex("[chat]") :]  # back to the base


def says_verify(out: str) -> None:
    assert "supported: The slipway fee is 45 crowns." in out
    assert "contradicted: The slipway fee is 54 crowns." in out and "the document says 45 crowns" in out
    assert "not in the documents: Cats are allowed on the pier." in out
    assert '"supported": 1' in out


def says_align(out: str) -> None:
    assert "accuracy_before" in out and "answers the same as the trained model's" in out
    assert "9:15" in out


def says_table_programs(out: str) -> None:
    assert "Aldau      93" in out and "= 41 + 52" in out
    assert "Pawns: 17 (points), the smallest of 3" in out
    assert all(method in out.partition("smallest of 3")[2] for method in ("program", "SELECT", "text", "chain"))


LONG = ("choose", "teach", "align")
NEED_MODEL = ("table-programs",)
RUN_TOO = ("verify-claims", "table-programs")  # how-to pages whose blocks are a run from an empty folder
SAYS = {
    "first-answer": says_first_answer,
    "choose": says_choose,
    "teach": says_teach,
    "verify-claims": says_verify,
    "table-programs": says_table_programs,
    "align": says_align,
}
QUICK = {"WELLREAD_TUNE__MAX_STEPS": "6", "WELLREAD_TUNE__PROBE": "false", "WELLREAD_TUNE__REHEARSE": "0"}
SHORT = {"teach": QUICK, "align": {**QUICK, "WELLREAD_TUNE__NARROWEST": "0"}}
TUTORIALS = [
    pytest.param(
        page,
        id=page.stem,
        marks=[pytest.mark.model, pytest.mark.slow, *([pytest.mark.torch] if page.stem in SHORT else [])]
        if page.stem in LONG
        else [pytest.mark.model] * (page.stem in NEED_MODEL),
    )
    for page in (
        *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
        *(ROOT / "docs" / "how-to" / f"{name}.md" for name in RUN_TOO),
    )
]


@pytest.mark.parametrize("page", TUTORIALS)
def test_every_block_of_a_tutorial_runs(page: Path, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "wellread"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m wellread "$@"\n', "utf-8")
    command.chmod(0o755)
    blocks = BLOCK.findall(page.read_text("utf-8"))
    assert len(blocks) >= 2
    script = ["set -e"]
    for n, (language, body) in enumerate(blocks):
        if language == "sh":
            script.append(body)
        else:
            (tmp_path / f"block{n}.py").write_text(body, "utf-8")
            script.append(f"(cd {tmp_path} && {sys.executable} block{n}.py)")
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    environment |= SHORT.get(page.stem, {})
    environment["HARBOUR"] = str(ROOT / "samples" / "harbour")
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    SAYS[page.stem](done.stdout)


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
