"""Threads and turns: what a client that leaves, or one that floods, does to the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("starlette", reason="the server is not installed: pip install 'wellread[serve]'")

from wellread.serve.bridge import Busy, Turnstile, items


def test_items_come_in_order_and_errors_are_raised_at_the_end() -> None:
    def three() -> Generator[int, None, None]:
        yield from (1, 2, 3)
        raise KeyError("four")

    async def read() -> list[int | None]:
        found: list[int | None] = []
        with ThreadPoolExecutor(1) as pool, pytest.raises(KeyError):
            async for item in items(three, pool, beat_s=5):
                found.append(item)
        return found

    assert asyncio.run(read()) == [1, 2, 3]


def test_a_consumer_that_leaves_closes_the_generator_within_one_item() -> None:
    closed = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                time.sleep(0.01)
                yield 1
        finally:
            closed.set()

    async def read() -> None:
        with ThreadPoolExecutor(1) as pool:
            stream = items(endless, pool, beat_s=5)
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator
            assert await asyncio.to_thread(closed.wait, 2)

    asyncio.run(read())


def test_silence_gives_signs_of_life() -> None:
    def slow() -> Generator[int, None, None]:
        time.sleep(0.2)
        yield 1

    async def read() -> list[int | None]:
        with ThreadPoolExecutor(1) as pool:
            return [item async for item in items(slow, pool, beat_s=0.05)]

    found = asyncio.run(read())
    assert found[0] is None and found[-1] == 1


def test_tenants_take_turns_and_too_many_are_told_when_to_come_back() -> None:
    async def run() -> list[str]:
        gate, order = Turnstile(1, 5), []

        async def one(tenant: str, name: str) -> None:
            async with gate.turn(tenant):
                order.append(name)
                await asyncio.sleep(0)

        async with gate.turn("a"):
            waiting = [asyncio.create_task(one("a", f"a{n}")) for n in range(4)]
            await asyncio.sleep(0)
            waiting.append(asyncio.create_task(one("b", "b0")))
            await asyncio.sleep(0)
            with pytest.raises(Busy) as busy:
                async with gate.turn("c"):
                    raise AssertionError("there was no place")
            assert busy.value.retry_after_s >= 1
            waiting[1].cancel()  # who leaves the queue takes no place with them
        await asyncio.gather(*waiting, return_exceptions=True)
        assert gate.taken == 0 and gate.waiting == 0
        return order

    assert asyncio.run(run()) == ["a0", "b0", "a2", "a3"]
