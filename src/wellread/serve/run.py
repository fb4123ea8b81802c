"""THE VERB: an open base is served over HTTP until the process is told to stop; streams that run may end first."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

import uvicorn

from wellread.errors import UsageError
from wellread.evaluate import ways
from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import KnowledgeBase
from wellread.serve import api, library, mine, site, training, tuned, uploads, work_page
from wellread.serve.app import Served, application
from wellread.serve.settings import ServeSettings
from wellread.store import credentials

ROUTES = (
    *api.ROUTES,
    *site.ROUTES,
    *library.ROUTES,
    *mine.ROUTES,
    *tuned.ROUTES,
    *uploads.ROUTES,
    *training.ROUTES,
    *work_page.ROUTES,
)
PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # before a worker that ended is started again
WORKER_ENDS_S = 30  # a job that runs is told to stop, and waits again
LINK_LASTS = timedelta(minutes=10)
_HERE = ("127.0.0.1", "::1", "localhost")


def serve(base: KnowledgeBase, settings: ServeSettings, evaluate: EvaluateSettings, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C; ``say`` gets the address and a sign-in link that works once.

    Raises: UsageError where the address is beyond this machine and nothing says that this is meant; StoreError.
    """
    if settings.host not in _HERE and not settings.insecure_http:
        cure = "put a proxy with TLS in front and set serve.insecure_http, or keep 127.0.0.1"
        raise UsageError(f"serve.host = '{settings.host}': others could read keys and answers on the way; {cure}")
    served = Served(base, settings, models(base, evaluate), tuned.answering)
    worker = _Worker(base) if settings.worker else None
    try:
        _Server(served, say).run()
    finally:
        if worker is not None:
            worker.end()
    served.pool.shutdown(wait=False, cancel_futures=True)
    served.pictures.close()


class _Worker:
    """Keeps a worker running beside the server; one that ends is started again, after a pause that grows.

    A thread of its own watches; ``end`` is called once, by the thread that serves.
    """

    def __init__(self, base: KnowledgeBase) -> None:
        self._base, self._stopping = base, threading.Event()
        self._process = _worker(base)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        pause, began = PAUSE_S, time.monotonic()
        while not self._stopping.is_set():
            try:
                self._process.wait(PAUSE_S)
            except subprocess.TimeoutExpired:
                continue
            pause = PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else min(2 * pause, LONGEST_PAUSE_S)
            if not self._stopping.wait(pause):
                self._process, began = _worker(self._base), time.monotonic()

    def end(self) -> None:
        """The worker is told to stop: what it does waits again."""
        self._stopping.set()
        self._thread.join(LONGEST_PAUSE_S)
        self._process.terminate()
        self._process.wait(WORKER_ENDS_S)


def _worker(base: KnowledgeBase) -> subprocess.Popen[bytes]:
    """The process that carries out what waits; training never runs in the server's own."""
    command = [sys.executable, "-m", "wellread", "--base", str(base.folder), "jobs", "work"]
    command += ["--served", str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def models(base: KnowledgeBase, evaluate: EvaluateSettings) -> dict[str, KnowledgeBase]:
    """Model ids and the base that answers under each: as configured, and every way that reads passages."""
    found = {"wellread": base}
    for name, way in ways.known(base, evaluate.ways).items():
        if way.reads == "passages" and name != "retrieval":
            found[f"wellread/{name}"] = base.configured(way.overrides, origin=f"way '{name}'")
    return found


def _link(base: KnowledgeBase) -> str:
    with base.store.writing() as tx:
        return credentials.issue(
            tx, "link", "first sign-in", who=base.who, actions=credentials.ACTIONS, lasts=LINK_LASTS
        )


class _Server(uvicorn.Server):
    """uvicorn, which tells streams that it stops, so that they end by themselves within ``serve.drain_s``."""

    def __init__(self, served: Served, say: Callable[[str], None]) -> None:
        settings = served.settings
        super().__init__(
            uvicorn.Config(
                application(served, ROUTES),
                host=settings.host,
                port=settings.port,
                access_log=False,  # addresses may hold what somebody asked
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(settings.drain_s) + 2,
            )
        )
        self._served, self._say = served, say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, then says the link: with the port that it has, and only where it has one."""
        await super().startup(sockets)
        for listening in self.servers[:1]:
            host, port = listening.sockets[0].getsockname()[:2]
            link = await self._served.in_thread(lambda: _link(self._served.base))
            self._say(f"http://{f'[{host}]' if ':' in host else host}:{port}/link/{link}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ends the run, which returns: uvicorn's own way sends the signal again, and nothing after it is done."""
        self._served.stopping_at = time.monotonic()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
