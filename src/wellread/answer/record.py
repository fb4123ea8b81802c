"""An answer goes into the question log, with whose question it was and which documents were read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wellread.errors import StoreError
from wellread.retrieve.parts import SearchResult, to_log
from wellread.store import log
from wellread.store.engine.api import Store
from wellread.types import Answer, Principal, Stage


@dataclass(frozen=True, slots=True)
class AskedBy:
    """Who asked, under which settings, as a part of which conversation."""

    who: Principal
    settings_hash: str
    conversation: str | None = None


def logged(answer: Answer, read: Sequence[SearchResult], store: Store, asked: AskedBy) -> Answer:
    """The answer, which stands in the log now; one that cannot be logged (a full disk) says so in its stages.

    ``read`` are the searches that were made for it.
    """
    documents = {hit.document.id for result in read for hit in result.hits}
    generation = read[-1].generation if read else None
    kept = replace(answer, stages=to_log(answer.stages))
    try:
        with store.writing(durable=False) as tx:
            log.put(
                tx,
                kept,
                who=asked.who,
                settings_hash=asked.settings_hash,
                conversation=asked.conversation,
                generation=generation,
                documents=documents,
            )
    except StoreError as error:
        return replace(answer, stages=(*answer.stages, Stage("log", 0.0, {"not logged": str(error)})))
    return answer
