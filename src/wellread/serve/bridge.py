"""From threads that block to streams that wait: a generator in a thread of its own, and turns fair over tenants."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")
AHEAD = 64  # items that a worker may be ahead of a client that reads slowly
_END = object()


class Busy(Exception):
    """Too many questions wait already; ``retry_after_s`` is when it is worth asking again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many questions are waiting; try again in {retry_after_s} seconds")
        self.retry_after_s = retry_after_s


async def items(
    make: Callable[[], Generator[T, None, None]], pool: Executor, *, beat_s: float
) -> AsyncIterator[T | None]:
    """What a blocking generator gives, which runs in a thread of ``pool``; None after each ``beat_s`` of silence.

    When the consumer stops, the generator is closed after its present item, and the thread is free. Whatever it raises
    is raised here.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[object] = asyncio.Queue()
    stop = threading.Event()
    room = threading.Semaphore(AHEAD)

    def hand(item: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def work() -> None:
        generator = make()
        try:
            for item in generator:
                while not stop.is_set() and not room.acquire(timeout=0.1):
                    pass
                if stop.is_set():
                    return
                hand(item)
        finally:
            generator.close()
            hand(_END)

    worker = loop.run_in_executor(pool, work)
    try:
        while True:
            try:
                item = await asyncio.wait_for(queue.get(), beat_s)
            except TimeoutError:
                yield None
                continue
            if item is _END:
                await worker
                return
            room.release()
            yield item  # type: ignore[misc]  # what ``make`` gives, handed through a queue of objects
    finally:
        stop.set()


class Turnstile:
    """At most ``places`` questions at once; those that wait take turns by tenant, so that none drowns the others.

    Belongs to one event loop; nothing of it is shared with threads.
    """

    def __init__(self, places: int, waiting: int) -> None:
        self._free = places
        self._places = places
        self._most = waiting
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Questions that have no place yet."""
        return self._waiting

    @property
    def taken(self) -> int:
        """Questions that are being answered."""
        return self._places - self._free

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """A place, as soon as it is this tenant's turn. Raises: Busy where too many wait."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait(tenant)
        try:
            yield
        finally:
            self._free += 1
            self._next()

    async def _wait(self, tenant: str) -> None:
        if self._waiting >= self._most:
            raise Busy(max(1, self._waiting // max(1, self._places)))
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, deque()).append(ticket)
        self._waiting += 1
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():  # the place came in the same moment: it goes to the next
                self._free += 1
                self._next()
            else:
                self._drop(tenant, ticket)
            raise

    def _drop(self, tenant: str, ticket: asyncio.Future[None]) -> None:
        queue = self._queues.get(tenant)
        if queue and ticket in queue:
            queue.remove(ticket)
            self._waiting -= 1
            if not queue:
                del self._queues[tenant]

    def _next(self) -> None:
        while self._free and self._queues:
            tenant, queue = self._queues.popitem(last=False)
            ticket = queue.popleft()
            self._waiting -= 1
            if queue:
                self._queues[tenant] = queue  # behind the other tenants
            if not ticket.done():
                self._free -= 1
                ticket.set_result(None)
