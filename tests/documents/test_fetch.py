from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from wellread.documents.settings import IngestSettings
from wellread.documents.sources.fetch import fetch, is_public
from wellread.errors import Refused, SourceError

PRIVATE = IngestSettings(allow_private=True, fetch_max_bytes=100_000)


class Site(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        Site.seen.append(self.path)
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/bomb":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(b"\0" * 10_000_000))
        elif self.headers.get("If-None-Match") == '"1"':
            self.send_response(304)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<p>Dogs cost 40.</p>")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Site.seen = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_is_fetched_once_and_then_asked_whether_it_changed(site):
    page = fetch(f"{site}/a", PRIVATE)
    assert page.data == b"<p>Dogs cost 40.</p>" and page.suffix == ".html" and page.etag == '"1"'
    assert fetch(f"{site}/a", PRIVATE, page.etag).data is None


def test_a_private_address_is_refused_without_a_probe(site):
    with pytest.raises(Refused):
        fetch(site, IngestSettings())
    assert Site.seen == []


@pytest.mark.parametrize("path", ["/loop", "/file", "/bomb"])
def test_loops_other_schemes_and_bombs_end_in_an_error(site, path):
    with pytest.raises(SourceError):
        fetch(site + path, PRIVATE)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://127.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:7f00:1::]/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1:80/",
        "http://user@10.0.0.1/",
        "http://0.0.0.0/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://192.0.2.1:22/",
        "http://1.1.1.1\\@127.0.0.1/",
        "http://①②⑦.0.0.1/",
    ],
)
def test_no_form_of_a_private_address_is_asked(url):
    with pytest.raises(SourceError):
        fetch(url, IngestSettings(fetch_timeout_s=0.2))


def test_public_addresses_are_public():
    assert is_public("93.184.215.14") and is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert not any(map(is_public, ["10.1.2.3", "::ffff:192.168.0.1", "64:ff9b::1.2.3.4", "2002::1", "::127.0.0.1"]))
