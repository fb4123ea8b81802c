"""What can go wrong, by who can act on it.

    WellreadError
    ├── UsageError            the call: a wrong argument, an unknown name         (exit code 2)
    ├── ConfigError           wellread.toml: all faults of the file at once       (exit code 2)
    ├── SourceError           one document or source: unreadable, broken, too big (counted, listed, retriable)
    │   └── Refused           not allowed: a private address, a path outside      (exit code 4)
    ├── ModelError            a model: missing file, bad answer, wrong dimension
    │   └── ModelUnavailable  a service that did not answer: trying again may help
    ├── StoreError            the knowledge base on disk: damaged, locked, full, from a newer version
    ├── PluginError           a part from another package: it failed, or its answer has the wrong shape
    └── MissingExtra          a part that is not installed; the message names the extra

Bugs stay ValueError and TypeError. Every message says what, where and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class WellreadError(Exception):
    """Root of what wellread raises on purpose; the message is meant for the user."""


class UsageError(WellreadError):
    """The call cannot be carried out as it was written."""


class ConfigError(WellreadError):
    """Faults of a settings file, all of them; one line per fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class SourceError(WellreadError):
    """One source item cannot be read; the others continue.

    Args:
        message: what, where, and what to do.
        kind: a stable word for reports: broken, encrypted, empty, suspect, too-large, timeout, memory, crashed,
            unknown-type, unreadable, refused, unreachable, plugin.
    """

    def __init__(self, message: str, kind: str = "broken") -> None:
        self.kind = kind
        super().__init__(message)


class Refused(SourceError):
    """The item may not be fetched: a private address, a path outside the source."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="refused")


class ModelError(WellreadError):
    """A model cannot be used as asked."""


class ModelUnavailable(ModelError):
    """A model service did not answer; the same call may work later."""


class StoreError(WellreadError):
    """The knowledge base on disk cannot be used as it is."""


class PluginError(WellreadError):
    """A part from another package failed, or answered with something else than was agreed; the message names both."""


class MissingExtra(WellreadError):
    """A part that is not installed.

    Args:
        what: the part that was asked for, in the user's words.
        extra: the extra of the package that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{what} is not installed; run: pip install 'wellread[{extra}]'")
