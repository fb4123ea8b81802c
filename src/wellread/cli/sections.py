"""Every section of wellread.toml, those of the rooms above the knowledge base too."""

from __future__ import annotations

from collections.abc import Mapping

from wellread.evaluate.settings import EvaluateSettings
from wellread.knowledge_base import SECTIONS
from wellread.serve.settings import ServeSettings
from wellread.tune.data.settings import PrepareSettings
from wellread.tune.settings import TuneSettings

ALL: Mapping[str, type] = {
    **SECTIONS,
    "evaluate": EvaluateSettings,
    "tune": TuneSettings,
    "prepare": PrepareSettings,
    "serve": ServeSettings,
}
