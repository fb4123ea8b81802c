"""Pages over HTTP: only public addresses, each resolved once, checked, and connected to as checked.

What the name resolves to is validated and the connection goes to that very address (the host name only travels in the
Host header and in TLS), so a name that changes its mind between check and use changes nothing. Redirects start over.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import time
from dataclasses import dataclass
from urllib.parse import urljoin

import urllib3
from urllib3.util import Timeout, Url, parse_url

from wellread.documents.settings import IngestSettings
from wellread.errors import Refused, SourceError

MAX_REDIRECTS = 5
PUBLIC_PORTS = (80, 443)
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was served; ``data`` is None when it has not changed since ``etag``."""

    url: str
    data: bytes | None
    suffix: str
    etag: str
    digest: str = ""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, also when it hides in IPv6 (mapped, NAT64, 6to4, Teredo)."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _NAT64) or ip.sixtofour is not None or ip.teredo is not None:
            return False
        if int(ip) >> 32 == 0:  # ::a.b.c.d, deprecated
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def fetch(url: str, settings: IngestSettings, etag: str = "") -> Page:
    """The page at ``url``; asks only for what is newer where ``etag`` is what an earlier page gave.

    Raises: Refused for an address that may not be asked, SourceError (unreachable, too-large) otherwise.
    """
    deadline = time.monotonic() + settings.fetch_total_s
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        page, target = _ask(url, target, settings, etag, deadline)
        if page is not None:
            return page
    raise SourceError(f"{url}: redirects more than {MAX_REDIRECTS} times", "unreachable")


def _checked(url: str, settings: IngestSettings) -> tuple[Url, str, int, str]:
    """The parsed address, its host, port, and the one IP address to connect to."""
    if "\\" in url:  # read as part of the name by some, as a slash by others
        raise Refused(f"{url}: not an address that can be fetched")
    try:
        parts = parse_url(url)
    except urllib3.exceptions.LocationParseError as error:
        raise Refused(f"{url}: not an address that can be fetched") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise Refused(f"{url}: only http and https addresses are fetched")
    if parts.auth is not None:
        raise Refused(f"{parts.host}: an address with a user name or password is not fetched")
    host = parts.host.strip("[]")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if port not in PUBLIC_PORTS and not settings.allow_private:
        raise Refused(f"{url}: port {port} is not fetched; --allow-private lifts this")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"{url}: the name cannot be resolved: {error}", "unreachable") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise SourceError(f"{url}: the name has no address", "unreachable")
    if not settings.allow_private and not all(is_public(address) for address in addresses):
        raise Refused(f"{url}: resolves to an address of a private network; --allow-private lifts this")
    return parts, host, port, addresses[0]


def _ask(original: str, url: str, settings: IngestSettings, etag: str, deadline: float) -> tuple[Page | None, str]:
    """The page, or where it redirects to."""
    parts, host, port, address = _checked(url, settings)
    timeout = Timeout(connect=settings.fetch_timeout_s, read=settings.fetch_timeout_s)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            retries=False,
            cert_reqs="CERT_REQUIRED",
            server_hostname=host,
            assert_hostname=host,
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
    headers = {"Host": parts.netloc or host, "User-Agent": "wellread", "Accept-Encoding": "gzip"}
    if etag.startswith("@"):
        headers["If-Modified-Since"] = etag[1:]
    elif etag:
        headers["If-None-Match"] = etag
    try:
        with pool:
            response = pool.request("GET", parts.request_uri, headers=headers, redirect=False, preload_content=False)
            try:
                return _read(original, url, response, settings, deadline)
            finally:
                response.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise SourceError(f"{url}: does not answer: {error}; try again with --retry-failed", "unreachable") from error


def _read(
    original: str, url: str, response: urllib3.BaseHTTPResponse, settings: IngestSettings, deadline: float
) -> tuple[Page | None, str]:
    location = response.headers.get("Location")
    if response.status in (301, 302, 303, 307, 308) and location:
        return None, urljoin(url, location)
    modified = response.headers.get("Last-Modified", "")
    etag = response.headers.get("ETag", "") or ("@" + modified if modified else "")
    kind = response.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()
    if response.status == 304:
        return Page(original, None, "", etag), ""
    if response.status != 200:
        raise SourceError(f"{url}: answers {response.status}; look at it in a browser", "unreachable")
    parts: list[bytes] = []
    size = 0
    for part in response.stream(1 << 16, decode_content=True):
        size += len(part)
        if size > settings.fetch_max_bytes:
            raise SourceError(f"{url}: larger than {settings.fetch_max_bytes:,} bytes", "too-large")
        if time.monotonic() > deadline:
            raise SourceError(f"{url}: takes longer than {settings.fetch_total_s:g} s", "unreachable")
        parts.append(part)
    data = b"".join(parts)
    return Page(original, data, _SUFFIXES.get(kind, ".unknown"), etag, hashlib.sha256(data).hexdigest()), ""
