"""Any endpoint that speaks Cohere's ``POST /rerank``, which most reranking servers do.

Source: https://docs.cohere.com/reference/rerank
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wellread.errors import ModelError
from wellread.models import http
from wellread.models.http import Service
from wellread.models.settings import RerankSettings

COHERE_URL = "https://api.cohere.com/v2"


class CohereReranker:
    """Scores of a cross-encoder behind an endpoint. Threads may share it."""

    def __init__(self, model: str, service: Service) -> None:
        self.id = f"cohere:{service.host}:{model}"
        self.remote = service.remote
        self._model, self._service = model, service

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),); the endpoint must score every passage exactly once."""
        scores = np.full(len(passages), np.nan, np.float32)
        if not passages:
            return scores
        body = {"model": self._model, "query": question, "documents": list(passages), "top_n": len(passages)}
        answer = http.post(self._service, "/rerank", body)
        try:
            for row in answer["results"]:
                index = int(row["index"])
                if not 0 <= index < len(passages):
                    raise ValueError(f"index {index} of {len(passages)} passages")
                scores[index] = float(row["relevance_score"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self._service.host}: gave no ranking ({error!r}): {http.excerpt(str(answer))}"
            ) from error
        if not np.isfinite(scores).all():
            raise ModelError(f"{self._service.host}: left {int(np.isnan(scores).sum())} passages without a score")
        return scores


def open_reranker(name: str, settings: RerankSettings, folder: Path, api_key: str | None) -> CohereReranker:
    """``cohere:NAME`` at ``settings.base_url``; nothing is sent yet. Raises UsageError for a wrong address."""
    service = Service(
        http.service_at(settings.base_url or COHERE_URL, "rerank.base_url"),
        api_key,
        settings.connect_timeout_s,
        settings.timeout_s,
        settings.max_attempts,
    )
    return CohereReranker(name, service)
