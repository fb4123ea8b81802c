"""Values that are made once and shared: a key comes in, its value goes out, made by whichever thread asks first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from typing import Any


class OncePerKey:
    """Values by key, each made by the first thread that asks while the others wait for it.

    Threads may share it: every key has a lock of its own, so that a slow value delays only those who want that one. A
    making that raises leaves the key empty, and the next thread tries again. Making one value may ask for another,
    never in a circle.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Hashable, Any] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key; ``make`` is called where there is none. What it raises passes."""
        with self._lock:
            if key in self._values:
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            value = make()
            with self._lock:
                self._values[key] = value
                self._making.pop(key, None)
            return value

    def keys(self) -> list[Any]:
        """The keys that have a value."""
        with self._lock:
            return list(self._values)

    def forget(self, key: Hashable) -> None:
        """The key is empty."""
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> list[Any]:
        """Every value that was held; all keys are empty."""
        with self._lock:
            held = list(self._values.values())
            self._values.clear()
        return held


class Recent(MutableMapping[Hashable, Any]):
    """The ``most`` values that were used last. Threads may share it; two may make the same value, one is kept."""

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("at least one value is kept")
        self.most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def __getitem__(self, key: Hashable) -> Any:
        with self._lock:
            value = self._values[key]
            self._values.move_to_end(key)
            return value

    def __setitem__(self, key: Hashable, value: Any) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)

    def __delitem__(self, key: Hashable) -> None:
        with self._lock:
            del self._values[key]

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._values

    def __iter__(self) -> Iterator[Hashable]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)
