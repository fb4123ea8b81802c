"""What this machine computes with: threads, number format, memory. Measured, not assumed."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from logging import ERROR, getLogger
from typing import Any

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


def free_memory_gb() -> float:
    """Memory that this machine can still give, in GB."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
