"""A model that one thread owns: turns, giving way, stopping."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from wellread.errors import ModelError, UsageError
from wellread.models.turns import MOST_UNREAD, Generation, ModelThread


class Abacus:
    """A model that counts on from where it stands: two generations on it at once would disturb each other."""

    def __init__(self, token_s: float = 0.0) -> None:
        self.at = 0
        self.computed = 0
        self.halted = False
        self.threads: set[str] = set()
        self.token_s = token_s
        self.thread = ModelThread("abacus", save=lambda: self.at, load=self._load, halt=self._halt)

    def _load(self, at: int) -> None:
        self.at = at

    def _halt(self, on: bool) -> None:
        self.halted = on

    def count(self, start: int, n: int) -> Generation[int]:
        return self.thread.start(lambda: self._counting(start, n))

    def _counting(self, start: int, n: int) -> Iterator[int]:
        self.at = start
        for _ in range(n):
            self.threads.add(threading.current_thread().name)
            end = time.monotonic() + self.token_s
            while time.monotonic() < end:
                if self.halted:
                    raise ModelError("halted")
                time.sleep(0.001)
            self.at += 1
            self.computed += 1
            yield self.at


@pytest.fixture
def model() -> Iterator[Abacus]:
    model = Abacus()
    yield model
    model.thread.close()


def test_a_generation_gives_everything_and_computes_in_one_thread_of_its_own(model: Abacus) -> None:
    assert list(model.count(0, 50)) == list(range(1, 51))
    assert list(model.count(100, 3)) == [101, 102, 103]
    assert model.threads == {"abacus_0"}


def test_the_thread_that_reads_one_generation_may_ask_for_another(model: Abacus) -> None:
    first = model.count(0, 30)
    assert next(first) == 1
    assert list(model.count(100, 20)) == list(range(101, 121))
    assert next(first) == 2  # it resumes where it was
    second = model.count(200, 10)
    assert next(second) == 201
    assert list(first) == list(range(3, 31))
    assert list(second) == list(range(202, 211))


def test_many_readers_that_read_a_piece_in_turn_get_all_of_theirs(model: Abacus) -> None:
    streams = [model.count(1000 * n, 12) for n in range(6)]
    found: list[list[int]] = [[] for _ in streams]
    for _ in range(12):
        for n, stream in enumerate(streams):
            found[n].append(next(stream))
    assert found == [[1000 * n + i for i in range(1, 13)] for n in range(6)]


def test_what_nobody_reads_computes_a_few_pieces_and_no_more(model: Abacus) -> None:
    stream = model.count(0, 1000)
    assert model.computed == 0  # begun by its first reading
    next(stream)
    time.sleep(0.1)
    assert model.computed <= MOST_UNREAD + 2
    started = time.monotonic()
    assert list(model.count(5, 2)) == [6, 7]
    assert time.monotonic() - started < 0.2


def test_a_slow_model_gives_way_within_a_fifth_of_a_second() -> None:
    model = Abacus(token_s=0.06)  # four of them would take a quarter of a second
    stream = model.count(0, 100)
    next(stream)
    time.sleep(0.1)
    started = time.monotonic()
    assert next(model.count(5, 1)) == 6
    assert time.monotonic() - started < 0.06 + 0.2
    model.thread.close()


def test_a_generation_that_is_closed_half_way_frees_the_model_at_once() -> None:
    model = Abacus(token_s=5.0)  # far longer than it may take
    stream = model.count(0, 100)
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    time.sleep(0.05)
    started = time.monotonic()
    stream.close()  # by another thread than the one that reads
    model.token_s = 0.0
    assert next(model.count(5, 1)) == 6
    assert time.monotonic() - started < 0.2
    reader.join(timeout=1)
    assert not reader.is_alive() and model.computed == 1
    stream.close()
    assert list(stream) == []
    model.thread.close()


def test_a_generation_that_nobody_holds_any_more_is_over(model: Abacus) -> None:
    stream = model.count(0, 1000)
    next(stream)
    del stream
    time.sleep(0.05)
    computed = model.computed
    assert list(model.count(5, 2)) == [6, 7] and computed <= MOST_UNREAD + 2
    assert not [each for each in model.thread._open if not each._ended]


def test_an_error_reaches_the_reader_after_what_came_before_it_and_the_model_works_on(model: Abacus) -> None:
    def breaking() -> Iterator[int]:
        yield 1
        raise KeyError("x")

    stream = model.thread.start(breaking)
    assert next(stream) == 1
    with pytest.raises(KeyError):
        next(stream)
    assert list(stream) == []
    assert list(model.count(0, 2)) == [1, 2]


def test_a_closed_model_stops_its_generations_and_takes_no_others() -> None:
    model = Abacus()
    stream = model.count(0, 100)
    next(stream)
    model.thread.close()
    model.thread.close()
    assert list(stream) == []
    with pytest.raises(UsageError, match="closed"):
        next(model.count(0, 1))
