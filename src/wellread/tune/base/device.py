"""What this machine computes with: threads, number format, memory. Measured, not assumed."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from logging import ERROR, getLogger
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

ROUNDS = 2  # timed after one that warms up


def set_threads(threads: int) -> int:
    """Threads that torch computes with from now on; 0 takes all cores that this process may use."""
    import torch

    wanted = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(wanted)
    return wanted


def quiet_libraries() -> None:
    """No progress bars of the libraries: wellread has its own, and a program reads stdout."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library leaves it so
    getLogger("bitsandbytes").setLevel(ERROR)  # speaks of a kernel that can be downloaded
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # the library leaves it so


def faster_dtype(step: Callable[[bool], Any]) -> tuple[str, dict[str, float]]:
    """``bfloat16`` where ``step(True)`` takes less time here than ``step(False)``, else ``float32``; seconds of both.

    Each is run once to warm up and then twice; the faster of the two counts.
    """
    seconds = {}
    for name, bf16 in (("float32", False), ("bfloat16", True)):
        step(bf16)
        taken = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            step(bf16)
            taken.append(time.perf_counter() - begun)
        seconds[name] = min(taken)
    return min(seconds, key=lambda name: seconds[name]), seconds


def peak_memory_mb() -> float:
    """The most memory that this process has held at once, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 * 1.024


def free_memory_gb(root: Path = Path("/")) -> float:
    """Memory that this process can still be given, in GB: by the machine and by every control group that it is in.

    Files that the system keeps in memory count as free, as it gives them up. ``root`` is where /proc and /sys lie;
    without them what is unused counts, or all there is where a system does not say that.
    """
    available = _figures(root / "proc" / "meminfo").get("MemAvailable")
    if available is None:
        pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
        return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE") / 1e9
    return max(0, min([available * 1024, *_left_in_groups(root)])) / 1e9


class _Group(NamedTuple):
    """Where a version of control groups lies, and its files and figures for limit, use and files kept in memory."""

    mounts: tuple[str, ...]
    limit: str
    used: str
    files: tuple[str, ...]


_V1 = _Group(
    ("sys/fs/cgroup/memory",),
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)
_V2 = _Group(
    ("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.max", "memory.current", ("inactive_file", "active_file")
)


def _left_in_groups(root: Path) -> Iterator[int]:
    """Bytes that each control group of this process has left: its own and those that it lies in.

    A container may see its own group as the root of the mount, whatever its path is called: the root is always asked.
    """
    for line in _lines(root / "proc" / "self" / "cgroup"):
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        kind, own = _V1 if kinds else _V2, PurePosixPath(path)
        for mount in kind.mounts:
            for group in (own, *own.parents):
                folder = root / mount / group.relative_to("/")
                limit, used = ("".join(_lines(folder / name)) for name in (kind.limit, kind.used))
                if limit.isdecimal() and used.isdecimal():  # «max» is no limit, and a root has none
                    kept = _figures(folder / "memory.stat")
                    yield int(limit) - int(used) + sum(kept.get(name, 0) for name in kind.files)


def _figures(path: Path) -> dict[str, int]:
    """Names and numbers of a file of the kernel; {} where it is not there."""
    pairs = [line.replace(":", " ").split() for line in _lines(path)]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdecimal()}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:  # this system has no such file
        return []
