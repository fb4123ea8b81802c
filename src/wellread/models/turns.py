"""One thread owns a model that only one may use; what generates on it takes turns and can be stopped."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Self, TypeVar

from wellread.errors import ModelError, UsageError

Item = TypeVar("Item")

MOST_UNREAD = 4  # items that wait to be read, after which the model is free for others
PATIENCE_S = 0.1  # without a reading, after which a generation gives way to others that wait


class ModelThread:
    """The one thread that a model is used in: each generation is a stream that its reader pulls.

    Threads may share it: generations take turns in the order in which they are asked for. One that is not read gives
    way to others and resumes where it was once it is read again; so a thread that reads one may ask for another. One
    that is closed stops at once.

    Args:
        name: of the thread.
        save: the state of the model, which ``load`` takes to continue where it was.
        load: brings a state back.
        halt: with True, the model gives up what it computes at this moment, with an error; with False it works again.
    """

    def __init__(
        self,
        name: str,
        *,
        save: Callable[[], object],
        load: Callable[[Any], None],
        halt: Callable[[bool], None],
    ) -> None:
        self._save, self._load, self._halt = save, load, halt
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._changed = threading.Condition()
        self._open: weakref.WeakSet[Generation[Any]] = weakref.WeakSet()
        self._owner: Callable[[], Generation[Any] | None] = lambda: None  # whose state the model holds
        self._running: Generation[Any] | None = None
        self._waiting = 0
        self._closed = False

    def start(self, make: Callable[[], Iterator[Item]]) -> Generation[Item]:
        """The stream of what ``make`` gives; it is called in the thread of the model once the stream is read."""
        return Generation(self, make)

    def close(self) -> None:
        """Every generation is stopped, and the thread has ended. Again is harmless."""
        with self._changed:
            self._closed = True
        for generation in list(self._open):
            generation.close()
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, generation: Generation[Any]) -> None:
        """Puts a generation in the queue; the caller holds the lock."""
        if self._closed:
            raise UsageError("this model is closed; open the base again with KnowledgeBase.open")
        generation._queued = True
        self._open.add(generation)
        self._waiting += 1
        self._pool.submit(self._turn, generation).add_done_callback(generation._turned)

    def _turn(self, generation: Generation[Any]) -> bool:
        """Generates until the end (False), or until the generation has to give way (True)."""
        with self._changed:
            self._waiting -= 1
            if generation._stopped:
                return False
            self._running = generation
            self._halt(False)
        try:
            self._bring_back(generation)
            return self._generate(generation)
        except ModelError:
            if not generation.is_over():
                raise
            return False  # it was halted
        finally:
            with self._changed:
                self._running = None

    def _bring_back(self, generation: Generation[Any]) -> None:
        owner = self._owner()
        if owner is generation:
            return
        if owner is not None and owner._iterator is not None and not owner._stopped:
            owner._state = self._save()
        self._owner = weakref.ref(generation)
        if generation._iterator is None:
            generation._iterator = generation._make()
        else:
            state, generation._state = generation._state, None
            self._load(state)

    def _generate(self, generation: Generation[Any]) -> bool:
        iterator = generation._iterator
        for item in iterator or ():
            with self._changed:
                generation._items.append(item)
                self._changed.notify_all()
                if generation._stopped:
                    return False
                unread, late = len(generation._items), time.monotonic() - generation._read_at > PATIENCE_S
                if unread >= MOST_UNREAD or (unread and late and self._waiting):
                    return True
        return False


class Generation(Generic[Item]):
    """A stream of a ``ModelThread``: begun by its first reading, stopped by ``close`` or when nobody holds it.

    One thread reads it; any thread may close it. It is the iterator that ``Chat.stream`` promises.
    """

    def __init__(self, thread: ModelThread, make: Callable[[], Iterator[Item]]) -> None:
        self._thread, self._make = thread, make
        self._items: deque[Item] = deque()
        self._iterator: Iterator[Item] | None = None
        self._state: object = None
        self._error: BaseException | None = None
        self._begun = self._queued = self._ended = self._stopped = False
        self._read_at = time.monotonic()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        with self._thread._changed:
            if not self._begun and not self._stopped:
                self._begun = True
                self._thread._submit(self)
            self._read_at = time.monotonic()
            while not self._items:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                if self._ended or self._stopped:
                    raise StopIteration
                self._thread._changed.wait()
            item = self._items.popleft()
            self._read_at = time.monotonic()
            if not (self._queued or self._ended or self._stopped) and len(self._items) <= MOST_UNREAD // 2:
                self._thread._submit(self)
            return item

    def is_over(self) -> bool:
        """Whether it has ended or was closed: nothing more is computed for it."""
        return self._ended or self._stopped

    def close(self) -> None:
        """The model stops and is free for others; nothing more is read. Again is harmless."""
        with self._thread._changed:
            self._stopped = True
            self._items.clear()
            if self._thread._running is self:
                self._thread._halt(True)
            else:
                self._iterator = self._state = None
            self._thread._changed.notify_all()

    def __del__(self) -> None:
        self.close()

    def _turned(self, turn: Future[bool]) -> None:
        """Called when a turn is over: the generation waits to be read, or it has ended."""
        with self._thread._changed:
            self._queued = False
            error = None if turn.cancelled() else turn.exception()
            if error is not None or turn.cancelled() or not turn.result():
                self._error, self._ended = error, True
                self._iterator = self._state = None
            elif len(self._items) <= MOST_UNREAD // 2 and not (self._stopped or self._thread._closed):  # read meanwhile
                self._thread._submit(self)
            self._thread._changed.notify_all()
