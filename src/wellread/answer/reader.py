"""How a chat model is asked and how far it is trusted: a profile by its kind and window, or as it was measured."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from wellread.answer import verify
from wellread.answer.settings import SMALL_ANSWER, SMALL_BUDGET, AnswerSettings
from wellread.errors import UsageError
from wellread.models.settings import ChatSettings

FOLDER = "profiles"  # in the folder of models
CAPABLE_WINDOW = 8_192  # tokens from which a model is taken to read whole passages
CAPABLE_BUDGET, CAPABLE_ANSWER = 8_000, 512  # tokens
FRAME_TOKENS = 300  # instructions, question and template around the passages
_WINDOWS = {"openai": 8_192}  # where chat.context_tokens is 0; else the window of a small model


@dataclass(frozen=True, slots=True)
class ReaderProfile:
    """How one chat model is asked.

    ``form`` pieces: the best sentences with their neighbours; passages: whole passages, those of one section together.
    ``ask_above`` is the least probability of evidence at which it is asked, ``close`` the least chance that the piece
    which carries a sentence is about the question. ``refuses`` says that its own refusal is respected.
    """

    budget_tokens: int = SMALL_BUDGET
    max_tokens: int = SMALL_ANSWER
    hits: int = 20
    form: Literal["pieces", "passages"] = "pieces"
    ask_above: float = 0.5
    close: float = verify.CLOSE
    refuses: bool = False
    measured: bool = False


SMALL = ReaderProfile()
CAPABLE = ReaderProfile(CAPABLE_BUDGET, CAPABLE_ANSWER, 60, "passages", 0.0, verify.CLOSE, True)


def profile(chat: ChatSettings, answer: AnswerSettings, models: Path | None = None) -> ReaderProfile:
    """The profile of the model of ``chat``: as kept in ``models`` by ``wellread models profile``, else by its window.

    A window below 8,192 tokens, or ``answer.reader = "small"``, gives the small one. ``answer.budget_tokens`` and
    ``answer.max_tokens`` above 0 go before what the profile says.

    Raises: UsageError for a profile that is not readable.
    """
    window = chat.context_tokens or _WINDOWS.get(chat.model.partition(":")[0], 2_048)
    kept = None if models is None or answer.reader != "auto" else load(chat, models)
    capable = answer.reader == "capable" or (answer.reader == "auto" and window >= CAPABLE_WINDOW)
    base = kept or (CAPABLE if capable else replace(SMALL, ask_above=answer.refuse_below))
    longest = answer.max_tokens or min(base.max_tokens, max(32, window // 4))
    budget = answer.budget_tokens or base.budget_tokens
    room = max(64, window - longest - FRAME_TOKENS)
    writes = chat.model and answer.style != "quote"
    hits = max(base.hits, answer.passages) if writes and base.form == "passages" else answer.passages
    return replace(base, budget_tokens=min(budget, room), max_tokens=longest, hits=hits)


def path(chat: ChatSettings, models: Path) -> Path:
    """Where the profile of this model at this address lies."""
    named = hashlib.sha256(f"{chat.model}\0{chat.base_url}\0{chat.context_tokens}".encode()).hexdigest()[:16]
    return models / FOLDER / f"{named}.json"


def load(chat: ChatSettings, models: Path) -> ReaderProfile | None:
    """The profile that was measured; None where there is none."""
    file = path(chat, models)
    if not file.is_file():
        return None
    try:
        return ReaderProfile(**json.loads(file.read_text("utf-8"))["profile"])
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{file}: is no profile of a model ({error}); remove it, or run wellread models profile"
        ) from error


def keep(chat: ChatSettings, models: Path, measured: ReaderProfile, figures: dict[str, object]) -> Path:
    """The file that the profile and the figures it was fitted on are written to."""
    file = path(chat, models)
    file.parent.mkdir(parents=True, exist_ok=True)
    held = {"model": chat.model, "address": chat.base_url, "profile": asdict(measured), "figures": figures}
    file.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return file
