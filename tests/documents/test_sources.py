"""What a source lists, and what it makes of what cannot be looked at."""

from __future__ import annotations

import glob
import os
from dataclasses import replace
from pathlib import Path

import pytest

from wellread.documents.changes import Failed, Gone, Ready
from wellread.documents.sources.listing import Options, describe, listing


def of(base, location: Path | str) -> None:
    """The base has that source instead of its folder."""
    base.source = replace(describe(str(location), Options(), tenant="default"), id=1)


def in_a_circle(path: Path) -> None:
    """What was there cannot be looked at any more, not even by root."""
    path.rename(path.with_name(f".{path.name}"))
    path.symlink_to(path.name)


def back(path: Path) -> None:
    path.unlink()
    path.with_name(f".{path.name}").rename(path)


def ends_well(base, lost: Path, paper: Path) -> None:
    """A paper that cannot be looked at is no paper that was deleted, and is there again when it can be."""
    [ready] = base.sync()
    assert isinstance(ready, Ready)
    in_a_circle(lost)
    for _ in range(2):
        [failed] = base.sync()
        assert isinstance(failed, Failed) and failed.kind == "unreadable" and not failed.skipped
        assert failed.item.uri == str(lost) and "nothing of it was taken for deleted" in failed.reason
    back(lost)
    again = [change for change in base.sync() if not isinstance(change, Gone) or change.uri == str(paper)]
    assert not any(isinstance(change, Gone | Failed) for change in again)
    paper.unlink()
    assert [change.uri for change in base.sync() if isinstance(change, Gone)] == [str(paper)]


@pytest.mark.parametrize("pattern", ["", "*.txt", "**/*.txt"])
def test_a_file_that_cannot_be_looked_at_is_not_taken_for_deleted(base, pattern):
    paper = Path(base.source.location) / "pay.txt"
    paper.write_text("The master earns 5,100 crowns.")
    of(base, Path(base.source.location) / pattern)
    ends_well(base, paper, paper)


@pytest.mark.parametrize("pattern", ["", "*/pay.txt", "**/*.txt"])
def test_what_lies_in_a_folder_that_cannot_be_looked_at_is_not_taken_for_deleted(base, pattern):
    paper = Path(base.source.location) / "hr" / "pay.txt"
    paper.parent.mkdir()
    paper.write_text("The master earns 5,100 crowns.")
    of(base, Path(base.source.location) / pattern)
    ends_well(base, paper.parent, paper)


def test_a_file_that_was_added_by_its_name_and_cannot_be_looked_at_is_not_taken_for_deleted(base):
    paper = Path(base.source.location) / "pay.txt"
    paper.write_text("The master earns 5,100 crowns.")
    of(base, paper)
    ends_well(base, paper, paper)


@pytest.mark.parametrize("mode", [0o444, 0o000])
@pytest.mark.parametrize("pattern", ["", "*/pay.txt", "hr/pay.txt"])
def test_what_lies_in_a_folder_that_may_not_be_searched_is_not_taken_for_deleted(base, pattern, mode):
    paper = Path(base.source.location) / "hr" / "pay.txt"
    paper.parent.mkdir()
    paper.write_text("The master earns 5,100 crowns.")
    of(base, Path(base.source.location) / pattern)
    base.sync()
    paper.parent.chmod(mode)
    if os.access(paper, os.F_OK):
        pytest.skip("modes do not bind root; what links in a circle show above holds there too")
    try:
        changes = base.sync()
    finally:
        paper.parent.chmod(0o755)
    assert changes and all(isinstance(change, Failed) for change in changes)


def test_a_link_in_a_circle_that_never_was_a_file_is_passed_over(base):
    (Path(base.source.location) / "loop").symlink_to("loop")
    assert base.sync() == []
    of(base, Path(base.source.location) / "loop")
    [failed] = base.sync()
    assert isinstance(failed, Failed)


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.txt", "**", "**/*", "**/*.txt", "a/**", "*/b/*", "a/*/c.txt", "**/b/**/*.txt", "[ab]/?.txt", "a*/**/b/*"],
)
def test_a_glob_takes_the_files_that_globbing_finds(tmp_path, pattern):
    for name in (
        "x.txt",
        "y.md",
        "a/x.txt",
        "a/b/c.txt",
        "a/b/d/e.txt",
        "ab/b/q.txt",
        "b/b/b/b.txt",
        "c/.hidden/x.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "c" / "out").symlink_to("/etc", target_is_directory=True)
    found = listing([describe(str(tmp_path / pattern), Options(), tenant="default")])
    globbed = glob.glob(str(tmp_path / pattern), recursive=True)  # noqa: PTH207  # pathlib reads patterns otherwise
    wanted = {name for name in globbed if Path(name).is_file()}
    assert set(found.found) == {name for name in wanted if "/out/" not in name} and not found.failed
