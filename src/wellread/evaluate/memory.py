"""The most memory that the process held while something ran, watched from beside without changing anything."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

EVERY_S = 0.02  # between two looks: what is allocated and freed within one is not seen
STATM = Path("/proc/self/statm")


class PeakMemory:
    """The highest resident memory of this process within a with block, read every 20 ms.

    Threads may measure at once, each with an object of its own: nothing in the process is reset. What is seen is the
    memory of the whole process, that of all its threads.
    """

    def __init__(self) -> None:
        self.mb: float | None = None  # of 10^6 bytes; None where the system does not tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak memory", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        if self.mb is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.mb is not None:
            self._ended.set()
            self._thread.join()
            self._look()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        try:
            pages = int(STATM.read_text("ascii").split()[1])
        except (OSError, ValueError, IndexError):  # not Linux
            return
        self.mb = max(self.mb or 0.0, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
