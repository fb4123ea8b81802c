"""Whose a file is where sources overlap, and under which labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from wellread.documents.sources.listing import Options, Source, describe, listing
from wellread.documents.sources.owners import claims, narrowed, owner


def source(kind: str, location: str, *labels: str, id: int = 0, **options: tuple[str, ...]) -> Source:
    return Source(kind, location, Options(labels=labels, **options), id=id)


@pytest.mark.parametrize(
    ("closest", "others", "left"),
    [
        ("", [], ""),
        ("hr", [""], "hr"),
        ("", ["hr"], "hr"),
        ("", ["", "hr", "hr board"], "hr"),
        ("hr board", ["board staff"], "board"),
        ("hr board staff", ["board staff", "staff sea"], "staff"),
        ("board", ["staff"], "board"),  # nobody can hold both ways at once: the closest one says who
        ("hr", ["", "staff", "hr staff"], "hr"),
    ],
)
def test_labels_of_all_sources_narrow_each_other_by_hand(closest: str, others: list[str], left: str) -> None:
    held = [source("folder", f"/{n}", *labels.split()) for n, labels in enumerate([closest, *others])]
    assert set(narrowed(held).options.labels) == set(left.split())
    assert narrowed(held).location == "/0"


def test_the_closest_source_owns_a_file_in_whatever_order_they_were_added() -> None:
    every = [
        source("folder", "/docs", id=1),
        source("folder", "/docs/hr", "hr", id=2, exclude=("*.md",)),
        source("glob", "/docs/*/p*.txt", "crew", id=3),
        source("file", "/docs/sea/pier.txt", id=4),
        source("url", "https://example.org/docs/hr/a.txt", id=5),
        source("folder", "/docs", id=6),
    ]
    for sources in (every, every[::-1]):
        found = {
            uri: made and (made.id, set(made.options.labels))
            for uri in ("/docs/a.txt", "/docs/hr/a.txt", "/docs/hr/a.md", "/docs/hr/pay.txt", "/docs/sea/pier.txt",
                        "/docs/.git/a", "/other/a.txt", "/docs")
            for made in [owner(claims(sources), uri)]
        }  # fmt: skip
        assert found == {
            "/docs/a.txt": (1, set()),
            "/docs/hr/a.txt": (2, {"hr"}),
            "/docs/hr/a.md": (1, set()),
            "/docs/hr/pay.txt": (2, {"hr"}),
            "/docs/sea/pier.txt": (4, {"crew"}),
            "/docs/.git/a": None,
            "/other/a.txt": None,
            "/docs": None,
        }


@pytest.mark.parametrize("pattern", ["", "*.txt", "*/*.txt", "**/*.txt", "hr/pay.txt", "[gh]*/**"])
def test_a_source_owns_what_it_lists_and_nothing_else(tmp_path: Path, pattern: str) -> None:
    for name in ("a.txt", "hr/pay.txt", "hr/deep/b.md", "gulls/c.txt", ".git/d.txt", "hr/pay.txt.meta.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    one = describe(str(tmp_path / pattern), Options(exclude=("c.*",)), tenant="default")
    listed = set(listing([one]).found)
    files = {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert listed == {uri for uri in files if owner(claims([one]), uri) is not None}


def test_labels_hold_by_whatever_link_a_file_is_reached(tmp_path: Path) -> None:
    (tmp_path / "docs" / "hr").mkdir(parents=True)
    (tmp_path / "docs" / "hr" / "pay.txt").write_text("5,100 crowns")
    (tmp_path / "docs" / "a-link").symlink_to("hr", target_is_directory=True)
    (tmp_path / "docs" / "one.txt").symlink_to("hr/pay.txt")
    (tmp_path / "alias").symlink_to("docs", target_is_directory=True)
    hr = describe(str(tmp_path / "docs" / "hr"), Options(labels=("hr",)), tenant="default")
    for location in ("docs", "alias", "docs/one.txt", "alias/hr/*.txt"):
        everything = [describe(str(tmp_path / location), Options(), tenant="default"), hr]
        found = listing(everything[:1]).found.values()
        owners = [owner(claims(everything), each.uri, each.real) for each in found]
        assert owners and all(made is not None and made.options.labels == ("hr",) for made in owners)
