"""Files parsed in child processes: a file may crash, hang or fill its child, and costs one row in the report.

Several requests are in flight per child; the one at the head is the one being parsed, so it answers for a fault.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wellread.documents import plugged
from wellread.documents.media import RISKY, type_by_name
from wellread.documents.pages.marks import Quoted, part_of_page
from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.documents.worker import frame
from wellread.errors import UsageError

START_TIMEOUT_S = 30.0
WAITING_FACTOR = 10.0  # times the limit that a child may wait without computing: on a busy machine that is no fault
_TICKS = os.sysconf("SC_CLK_TCK")
WINDOW = 128  # files begun before the oldest of them is finished


@dataclass(frozen=True, slots=True)
class PageOf:
    """The page ``page`` (from 1) of the version with that digest, or a part of it, to be drawn with words marked."""

    digest: str
    page: int
    quoted: tuple[Quoted, ...] = ()
    part: part_of_page = "page"


@dataclass(frozen=True, slots=True)
class Request:
    """One file to parse; ``name`` is what messages call it, and its extension (or ``suffix``) says the type.

    With ``part`` it is what the file ``outer`` at ``path`` holds under these names, one inside the other. With
    ``picture`` a page of it is drawn and nothing is parsed.
    """

    path: str
    name: str
    title: str = ""
    fallback_title: str = ""
    suffix: str = ""
    key: int = 0
    outer: str = ""
    part: tuple[str, ...] = ()
    picture: PageOf | None = None


@dataclass(frozen=True, slots=True)
class ParseReply:
    """What came back: ``fields`` of the child's answer, or a fault (``kind`` not empty)."""

    request: Request
    kind: str
    reason: str
    fields: Mapping[str, Any]


class _Child:
    """One child process and what it has in flight."""

    def __init__(self, settings: ParseSettings, tokenizer_file: str, folders: Sequence[str] = ()) -> None:
        root = str(Path(__file__).resolve().parents[2])
        environment = {"PYTHONPATH": root, "PATH": os.defpath, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "wellread.documents.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        self.waiting: deque[Request] = deque()
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.state: dict[str, bool] | None = None
        self.begins()
        self.n_files = self.n_risky = 0
        self.retiring = False
        self.stdin, self.stdout = _handle(self.process.stdin), _handle(self.process.stdout)
        for handle in (self.stdin, self.stdout):
            os.set_blocking(handle, False)
        self.outbox += frame({"parse": asdict(settings), "tokenizer_file": tokenizer_file, "folders": [*folders]})
        self.flush()

    def begins(self) -> None:
        """What it has in flight first begins now."""
        self.since, self.cpu_since = time.monotonic(), self.cpu_s()

    def cpu_s(self) -> float | None:
        """Seconds that it has computed; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def is_over(self, limit_s: float) -> bool:
        """Whether it has computed for longer than the limit; waiting alone counts a tenth."""
        waited = time.monotonic() - self.since
        if waited <= limit_s:
            return False
        now = self.cpu_s()
        if now is None or self.cpu_since is None or self.state is None:
            return True
        return now - self.cpu_since > limit_s or waited > WAITING_FACTOR * limit_s

    def flush(self) -> None:
        """Hand over what the pipe takes; a child that is gone shows on its other pipe."""
        try:
            while self.outbox:
                written = os.write(self.stdin, self.outbox)
                del self.outbox[:written]
        except BlockingIOError:
            return
        except OSError:
            self.outbox.clear()

    def receive(self) -> bool:
        """Take in what has come; False when the child has closed its pipe."""
        try:
            while data := os.read(self.stdout, 1 << 18):
                self.inbox += data
        except BlockingIOError:
            return True
        return False

    def messages(self) -> Iterator[dict[str, Any]]:
        """The whole messages received so far."""
        while len(self.inbox) >= 4:
            length = int.from_bytes(self.inbox[:4], "big")
            if len(self.inbox) < 4 + length:
                return
            body = bytes(self.inbox[4 : 4 + length])
            del self.inbox[: 4 + length]
            yield json.loads(body)

    def kill(self) -> int:
        """End the child with its whole process group; its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # unsent bytes for a child that is gone
                    stream.close()
        return status


def _suffix(request: Request) -> str:
    return request.suffix or Path(request.name).suffix.lower()


def _handle(stream: Any) -> int:
    return int(stream.fileno())


class ParserPool:
    """Child processes that parse; use as a context so that they end with it.

    One thread at a time may use it.

    Args:
        settings: limits and number of children.
        chunk: how children chunk; None leaves chunking to the caller.
        tokenizer_file: a tokenizer.json for counting tokens; "" leaves chunking to the caller.
    Raises: UsageError for a parser or chunker of another package that is not there.
    """

    def __init__(self, settings: ParseSettings, chunk: ChunkSettings | None = None, tokenizer_file: str = "") -> None:
        self._settings = settings
        self._chunk = asdict(chunk) if chunk is not None and chunk.strategy != "semantic" else None
        self._tokenizer_file = tokenizer_file if self._chunk is not None else ""
        self._folders = plugged.folders(settings, chunk)
        self._children: list[_Child] = []
        self.sandbox: Mapping[str, bool] = {}

    def __enter__(self) -> ParserPool:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
        self._children.clear()

    def run(self, requests: Iterable[Request]) -> Iterator[ParseReply]:
        """A reply for every request, in order."""
        source = iter(requests)
        queue: deque[Request] = deque()
        done: dict[int, ParseReply] = {}
        order: deque[int] = deque()
        number = 0
        exhausted = False
        while True:
            while (
                not exhausted and len(order) < WINDOW and len(queue) < self._settings.workers * self._settings.in_flight
            ):
                request = next(source, None)
                if request is None:
                    exhausted = True
                    break
                request = replace(request, key=number)
                order.append(number)
                queue.append(request)
                number += 1
            if not order:
                return
            self._hand_out(queue)
            for reply in self._collect(queue):
                done[reply.request.key] = reply
            before = time.monotonic()
            while order and order[0] in done:
                yield done.pop(order.popleft())
            paused = time.monotonic() - before
            for child in self._children:
                child.since += paused  # the caller's time is not the child's

    def _hand_out(self, queue: deque[Request]) -> None:
        settings = self._settings
        while queue:
            live = [c for c in self._children if not c.retiring]
            if not live or (len(live) < settings.workers and all(c.waiting for c in live)):
                live.append(_Child(settings, self._tokenizer_file, self._folders))
                self._children.append(live[-1])
            child = min(live, key=lambda c: len(c.waiting))
            if len(child.waiting) >= settings.in_flight:
                return
            request = queue.popleft()
            if not child.waiting:
                child.begins()
            child.waiting.append(request)
            child.n_files += 1
            child.n_risky += type_by_name(request.name) in RISKY or _suffix(request) in settings.parsers
            child.retiring = (
                child.n_files >= settings.files_per_child or child.n_risky >= settings.risky_files_per_child
            )
            path = os.fsencode(Path(request.path).absolute()).decode("latin-1")  # names of files need not be Unicode
            message: dict[str, Any] = {"path": path, "name": request.name, "title": request.title}
            message |= {"suffix": request.suffix, "fallback_title": request.fallback_title, "outer": request.outer}
            message |= {"picture": asdict(request.picture) if request.picture is not None else None}
            child.outbox += frame(
                {**message, "part": request.part, "max_bytes": settings.max_bytes, "chunk": self._chunk}
            )
            child.flush()

    def _collect(self, queue: deque[Request]) -> list[ParseReply]:
        """Replies that have come within a moment, faults of children included; what they had left is queued again."""
        replies: list[ParseReply] = []
        with selectors.DefaultSelector() as selector:
            for child in self._children:
                events = selectors.EVENT_READ
                selector.register(child.stdout, events, child)
                if child.outbox:
                    selector.register(child.stdin, selectors.EVENT_WRITE, child)
            ready = {key.data for key, _ in selector.select(0.2)}
        for child in list(self._children):
            alive = True
            if child in ready:
                child.flush()
                alive = child.receive()
                replies += self._take(child)
            if not child.waiting and child.retiring:
                self._drop(child)
            elif not alive:
                replies += self._fault(child, queue, "crashed")
            elif child.waiting and child not in ready and child.is_over(self._limit(child)):
                replies += self._fault(child, queue, "timeout")
        return replies

    def _limit(self, child: _Child) -> float:
        return self._settings.timeout_s if child.state is not None else START_TIMEOUT_S

    def _take(self, child: _Child) -> list[ParseReply]:
        replies = []
        for message in child.messages():
            child.begins()
            if child.state is None:
                child.state = {key: bool(value) for key, value in message.items()}
                self.sandbox = child.state
                continue
            request = child.waiting.popleft()
            if message.get("kind") == "usage":
                raise UsageError(message["reason"])
            replies.append(ParseReply(request, message.get("kind", ""), message.get("reason", ""), message))
            child.retiring = child.retiring or bool(message.get("spent"))
        return replies

    def _fault(self, child: _Child, queue: deque[Request], kind: str) -> list[ParseReply]:
        """The child is ended; the file that it was parsing answers for that, the others are tried again."""
        status = self._drop(child)
        if not child.waiting:
            return []
        if child.state is None:
            raise RuntimeError(
                f"the parser process did not start (exit status {status}): python -m wellread.documents.worker"
            )
        request = child.waiting.popleft()
        queue.extendleft(reversed(child.waiting))
        if kind == "timeout":
            reason = (
                f"{request.name}: not parsed within {self._settings.timeout_s:g} s of computing; raise parse.timeout_s"
            )
        else:
            cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            reason = f"{request.name}: ended the parser process ({cause}); open and save it again"
        return [ParseReply(request, kind, reason, {})]

    def _drop(self, child: _Child) -> int:
        self._children.remove(child)
        return child.kill()


def sandbox_state(settings: ParseSettings | None = None) -> Mapping[str, bool]:
    """Which walls a child process has on this machine: memory, network, files; starts one to see."""
    child = _Child(settings or ParseSettings(), "")
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            alive = child.receive()
            for message in child.messages():
                return {key: bool(value) for key, value in message.items()}
            if not alive:
                break
            time.sleep(0.01)
        return {"memory": False, "network": False, "files": False}
    finally:
        child.kill()
