"""A question as a SELECT that a chat model writes, held by a grammar where the model can be, read and run by us."""

from __future__ import annotations

import re
from dataclasses import replace

from wellread import prompts
from wellread.answer.tables import written
from wellread.answer.tables.ballot import Attempt
from wellread.errors import UsageError
from wellread.index.tables import statement
from wellread.index.tables.statement import Selected
from wellread.index.tables.stored import StoredTable
from wellread.models.api import Chat, Message, Sampling
from wellread.types import Usage

STATEMENT_TOKENS = 96
_SELECT = re.compile(r"\bselect\b[^;`]*", re.IGNORECASE)


def asked(question: str, table: StoredTable, number: int, chat: Chat, sampling: Sampling) -> tuple[Attempt, Usage]:
    """What one statement gives; one that is none, or that fails, is an attempt with its fault.

    Raises: ModelError, ModelUnavailable.
    """
    shown = written.fitted(chat, STATEMENT_TOKENS, lambda most: written.schema(table, most))[0]
    user = f"{shown}\nQuestion: {question}"
    messages = [Message("system", prompts.load("answer", "sql")), Message("user", user)]
    held = replace(sampling, max_tokens=STATEMENT_TOKENS, grammar=statement.grammar(table))
    reply = chat.reply(messages, held)
    match = _SELECT.search(reply.text)
    text = " ".join((match[0] if match else reply.text).split())
    try:
        found = statement.run(table, statement.parsed(table, text))
    except UsageError as error:
        return Attempt("program", number, fault=str(error), steps=(text,)), reply.usage
    return _attempt(found, number, text), reply.usage


def _attempt(found: Selected, number: int, text: str) -> Attempt:
    values = tuple(value for row in found.rows for value in row if value.text)
    if not values:
        return Attempt("program", number, fault="no row fits", steps=(text,))
    label = found.columns[0] if len(found.columns) == 1 else ""
    formulas = dict.fromkeys(value.formula for value in values if value.formula)
    return Attempt("program", number, values, label, "; ".join(formulas), steps=(text,))
