"""A base with public and labelled documents, and a server of it on loopback."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from wellread.knowledge_base import KnowledgeBase
from wellread.store import credentials
from wellread.types import Principal

pytest.importorskip("starlette", reason="the server is not installed: pip install 'wellread[serve]'")
uvicorn = pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'wellread[serve]'")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def events(self) -> list[str]:
        """The data of every event of a stream."""
        return [line[6:] for line in self.text.splitlines() if line.startswith("data: ")]


@dataclass
class Site:
    """A running server, keys for it, and the base that it serves."""

    base: KnowledgeBase
    port: int
    keys: dict[str, str]
    served: Any
    server: Any

    def call(self, method: str, path: str, body: object = None, *, key: str | None = "reader", **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {self.keys.get(key, key)}"
        data = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from wellread.evaluate.settings import EvaluateSettings
    from wellread.serve.app import Served, application
    from wellread.serve.run import ROUTES, models
    from wellread.serve.settings import ServeSettings

    folder = tmp_path_factory.mktemp("site")
    documents = folder / "documents"
    documents.mkdir()
    (documents / "fees.md").write_text("# Fees\n\nA guest berth costs 85 crowns a night.\n\nDogs travel free.\n")
    (documents / "pay.md").write_text("# Pay\n\nThe harbour master earns 5100 crowns a month.\n")
    (documents / "pay.md.meta.toml").write_text('labels = ["board"]\n')
    KnowledgeBase.create(folder / "base", who=Principal()).close()
    base = KnowledgeBase.open(folder / "base", who=Principal(groups=frozenset({"board"})))
    base.add(str(documents))
    keys = {}
    with base.store.writing() as tx:
        for name, groups, actions in (
            ("reader", (), credentials.READER),
            ("board", ("board",), credentials.ACTIONS),
            ("searcher", (), ("search",)),
        ):
            who = Principal(groups=frozenset(groups), user=name)
            keys[name] = credentials.issue(tx, "key", name, who=who, actions=actions, lasts=timedelta(days=1))
        keys["ended"] = credentials.issue(tx, "key", "ended", who=Principal(), lasts=timedelta(seconds=-1))
    settings = ServeSettings(port=0, in_flight=2, waiting=2, drain_s=0.5, keep_alive_s=1.0)
    served = Served(base, settings, models(base, EvaluateSettings()))
    config = uvicorn.Config(application(served, ROUTES), host="127.0.0.1", port=0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(base, port, keys, served, server)
    server.should_exit = True
    thread.join(10)
    served.pool.shutdown(wait=True)
    served.pictures.close()
    base.close()
