"""``wellread serve`` as somebody starts it: a link that signs in on the port that it has, and an end when told so."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wellread.knowledge_base import KnowledgeBase
from wellread.types import Principal


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_printed_link_signs_in_and_nothing_is_left_when_the_server_ends(
    tmp_path: Path, sent: signal.Signals
) -> None:
    KnowledgeBase.create(tmp_path / "base", who=Principal()).close()
    command = [sys.executable, "-m", "wellread", "--base", str(tmp_path / "base"), "serve", "--set", "serve.port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ))
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, b"")
        link = next(found for line in lines if (found := re.search(rb"http://\S+/link/\S+", line)))
        parts = urlsplit(link[0].decode())
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
        connection.request("POST", parts.path)
        signed_in = connection.getresponse()
        assert signed_in.read() == b"" and signed_in.status == 303
        connection.request("GET", "/", headers={"cookie": str(signed_in.getheader("set-cookie")).partition(";")[0]})
        page = connection.getresponse()
        assert page.status == 200 and b"wellread add FOLDER" in page.read()
        connection.close()
        process.send_signal(sent)
        process.communicate(timeout=20)  # until its worker, which writes to the same pipe, is gone too
        assert process.returncode == (-sent if sent == signal.SIGKILL else 0)
    finally:
        process.kill()
