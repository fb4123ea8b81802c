"""What the measurements share: where data lies, how figures are kept, how right is told from wrong."""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wellread.config import Settings
from wellread.metrics import stats

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"


def data(name: str) -> Path:
    """Folder of a public data set; exits with a reason where it is not there."""
    folder = Path(os.environ.get("WELLREAD_DATA", Path.home() / ".cache" / "wellread-data"))
    if not (folder / name).is_dir():
        sys.exit(f"{name}: no such data set in {folder}; set WELLREAD_DATA")
    return folder / name


def rows(path: Path) -> list[dict[str, Any]]:
    """Objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def keep(name: str, figures: dict[str, Any]) -> None:
    """Prints figures and writes them to bench/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(figures, indent=1, ensure_ascii=False))


def cpu_seconds() -> float:
    """CPU seconds of this process and its finished children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@contextmanager
def timed(into: dict[str, Any], name: str) -> Iterator[None]:
    """Wall and CPU seconds of the body, as into[name]."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield
    into[name] = {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(cpu_seconds() - cpu, 2)}


def with_retrieve(settings: Settings, **changed: Any) -> Settings:
    """The settings of a base with some of ``[retrieve]`` changed and no reranker, so that open parts stay open."""
    retrieve, rerank = replace(settings["retrieve"], **changed), replace(settings["rerank"], model="")
    return replace(settings, values={**settings.values, "retrieve": retrieve, "rerank": rerank})


def latency(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 2),
        "p95_ms": round(float(np.percentile(milliseconds, 95)), 2),
    }


def normal(text: str) -> str:
    """Text for comparison: lower case, compatibility forms, single spaces, no thousands separators."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("–", "-")
    text = re.sub(r"(?<=\d)[,\u202f\u00a0 ](?=\d{3}\b)", "", text)
    return " ".join(text.split())


def letters(text: str) -> str:
    """Letters and digits of a normal text with single spaces: marks of tables and lists do not count."""
    return " ".join(re.findall(r"\w+", normal(text)))


def interval(flags: Sequence[bool]) -> dict[str, Any]:
    """Share of true with a 95 % Wilson interval, in percent."""
    if not flags:
        return {"n": 0}
    share = stats.bootstrap([float(flag) for flag in flags], seed=0)
    percents = {"percent": share.value, "low": share.low, "high": share.high}
    return {**{name: round(100 * value, 1) for name, value in percents.items()}, "n": len(flags)}
