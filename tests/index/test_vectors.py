from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wellread.errors import StoreError
from wellread.index.vectors import file as vectors
from wellread.index.vectors.file import ROW, VectorFile, VectorView


def unit(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    found = rng.standard_normal((n, dim)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def rows(first: int, n: int) -> np.ndarray:
    return np.array([(key, 1, 1) for key in range(first, first + n)], dtype=ROW)


def test_a_small_set_gives_exactly_the_best_in_order(tmp_path: Path) -> None:
    points = unit(np.random.default_rng(0), 300, 60)
    VectorFile(tmp_path / "set", 60).append(0, points, rows(1, 300))
    view = VectorView(tmp_path / "set", 60, 300)
    slots, scores = view.scan(points[7], None, 5)
    expected = np.argsort(-(points.astype(np.float16).astype(np.float32) @ points[7]), kind="stable")[:5]
    assert slots.tolist() == expected.tolist()
    assert scores[0] == pytest.approx(1, abs=1e-3)


def test_masked_slots_are_never_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "EXACT_BELOW", 100)
    monkeypatch.setattr(vectors, "EXACT_FILTERED", 50)
    points = unit(np.random.default_rng(1), 4_000, 64)
    VectorFile(tmp_path / "set", 64).append(0, points, rows(1, 4_000))
    view = VectorView(tmp_path / "set", 64, 4_000)
    for share in (0.005, 0.3):
        mask = np.random.default_rng(2).random(4_000) < share
        slots, _ = view.scan(points[3], mask, 10, candidates=200)
        assert len(slots) == 10
        assert mask[slots].all()


def test_the_scan_of_bits_finds_what_exact_search_finds_in_clusters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EXACT_BELOW", 100)
    rng = np.random.default_rng(3)
    centres = unit(rng, 200, 256)
    points = centres[rng.integers(0, 200, 30_000)] + 0.7 * unit(rng, 30_000, 256) + 0.3 * unit(rng, 1, 256)
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    VectorFile(tmp_path / "set", 256).append(0, points[:20_000], rows(1, 20_000))
    view = VectorView(tmp_path / "set", 256, 20_000)
    VectorFile(tmp_path / "set", 256).append(20_000, points[20_000:], rows(20_001, 10_000))
    view = view.grown(30_000)
    recall = []
    for query in points[::1000] + 0.3 * unit(rng, 30, 256):
        query = query / np.linalg.norm(query)
        best = set(np.argsort(-(points @ query))[:10].tolist())
        recall.append(len(best & set(view.scan(query, None, 10)[0].tolist())) / 10)
    assert np.mean(recall) >= 0.98


def test_what_a_dead_writer_left_behind_is_cut_off(tmp_path: Path) -> None:
    points = unit(np.random.default_rng(4), 30, 64)
    file = VectorFile(tmp_path / "set", 64)
    file.append(0, points[:10], rows(1, 10))
    file.append(10, points[10:20], rows(11, 10))  # never committed: n_slots stays 10
    crcs = file.append(10, points[20:25], rows(11, 5))
    assert (tmp_path / "set" / vectors.VECTORS).stat().st_size == 15 * 128
    assert vectors.crcs(file.read(np.arange(10, 15))) == crcs
    assert VectorView(tmp_path / "set", 64, 15).scan(points[22], None, 1)[0].tolist() == [12]


def test_a_file_that_is_too_short_is_refused_with_the_cure(tmp_path: Path) -> None:
    VectorFile(tmp_path / "set", 64).append(0, unit(np.random.default_rng(5), 3, 64), rows(1, 3))
    with pytest.raises(StoreError, match="wellread index rebuild"):
        VectorView(tmp_path / "set", 64, 4)
    with pytest.raises(StoreError, match="wellread index rebuild"):
        VectorFile(tmp_path / "set", 64).append(9, unit(np.random.default_rng(5), 3, 64), rows(1, 3))


@pytest.mark.parametrize(
    ("storage", "error", "row_bytes"), [("float16", 1e-3, 128), ("int8", 0.01, 64), ("binary", 0.35, 0)]
)
@pytest.mark.parametrize("exact_below", [100, 10_000])
def test_every_way_of_storing_gives_cosines_within_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str, error: float, row_bytes: int, exact_below: int
) -> None:
    monkeypatch.setattr(vectors, "EXACT_BELOW", exact_below)
    points = unit(np.random.default_rng(5), 1_000, 64)
    file = VectorFile(tmp_path / "set", 64, storage)
    file.append(0, points[:600], rows(1, 600))
    view = VectorView(tmp_path / "set", 64, 600, storage=storage)
    file.append(600, vectors.stored(points[600:], storage), rows(601, 400))
    view = view.grown(1_000)
    slots, scores = view.scan(points[700], None, 10)
    assert slots[0] == 700
    assert np.abs(scores - points[slots] @ points[700]).max() < error
    assert scores[0] == pytest.approx(1, abs=0.1)
    assert np.linalg.norm(view.halves[[3, 700]], axis=1) == pytest.approx(1, abs=1e-3)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "set").iterdir()}
    assert sum(sizes.values()) == 1_000 * (row_bytes + 8 + vectors.ROW.itemsize)


def test_a_vector_stored_in_bytes_keeps_its_direction() -> None:
    points = unit(np.random.default_rng(6), 50, 96)
    back = vectors.unpacked(vectors.stored(points, "int8"), "int8", 96)
    assert (back * points).sum(axis=1).min() > 0.9999
    assert vectors.unpacked(vectors.stored(np.zeros((1, 96), np.float32), "int8"), "int8", 96).sum() == 0
