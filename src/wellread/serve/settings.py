"""What can be set about serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wellread import config
from wellread.knowledge_base import SECTIONS, SECTIONS_ABOVE


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Section ``[serve]`` of wellread.toml: where the server listens, and how much it takes on at once."""

    host: str = "127.0.0.1"
    """Address that the server listens on; anything but this machine needs insecure_http, or a proxy with TLS."""
    port: int = 8642
    """Port that the server listens on; 0 takes a free one."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    """Names that requests may address the server by (header Host); others are refused."""
    insecure_http: bool = False
    """Whether the server may listen on an address beyond this machine without TLS in front of it."""
    in_flight: int = 0
    """Questions answered at once; 0 is one for each core."""
    waiting: int = 32
    """Questions that may wait for a place, over all tenants; beyond them 429 is answered."""
    keep_alive_s: float = 15.0
    """Seconds after which a silent stream says that it is still there."""
    drain_s: float = 10.0
    """Seconds that streams have to end in once the server is told to stop."""
    max_body_bytes: int = 1_000_000
    """Bytes of a request's body; a larger one is refused with 413."""

    max_upload_bytes: int = 100_000_000
    """Bytes of a file that is sent; a larger one is refused with 413."""
    max_uploads_bytes: int = 5_000_000_000
    """Bytes of all files that a tenant has sent."""
    worker: bool = True
    """Whether a worker is started beside the server, for what is sent and trained; wellread jobs work is one, too."""
    public_url: str = ""
    """Address that people see where a proxy stands in front, https://…; sign-in cookies are then for TLS alone."""

    def __post_init__(self) -> None:
        """Checks ranges. Raises: ValueError."""
        if not 0 <= self.port <= 65535:
            raise ValueError("port: is between 0 and 65535")
        if self.in_flight < 0 or self.waiting < 0:
            raise ValueError("in_flight, waiting: are not negative")
        if self.keep_alive_s <= 0 or self.drain_s < 0:
            raise ValueError("keep_alive_s: is above 0, drain_s: is not negative")
        if min(self.max_upload_bytes, self.max_uploads_bytes) < 1:
            raise ValueError("max_upload_bytes, max_uploads_bytes: are above 0")
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            raise ValueError("public_url: is an address that begins with https:// or http://")


def load(folder: Path, overrides: Sequence[str] = ()) -> ServeSettings:
    """Section ``[serve]`` of the base in ``folder``. Raises: ConfigError with every fault of the section."""
    others = [name for name in (*SECTIONS, *SECTIONS_ABOVE) if name != "serve"]
    path = folder / config.FILE_NAME
    found = config.load(path, {"serve": ServeSettings}, overrides=overrides, elsewhere=others)
    settings: ServeSettings = found["serve"]
    return settings
