"""Who may see what: tenant and labels of a row, interned as one small integer that every query carries."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from wellread.store.engine.api import Transaction
from wellread.store.engine.words import one_of, storable
from wellread.store.schema import access, access_labels, versions
from wellread.types import Principal

_BATCH = 500


def intern(tx: Transaction, tenant: str, labels: Iterable[str]) -> int:
    """The access id of a tenant and a set of labels, the same for ever."""
    wanted = frozenset(labels)
    known = tx.access_ids.get((tenant, wanted))
    if known is not None:
        return known
    text = json.dumps(sorted(wanted), ensure_ascii=False)
    found = tx.connection.execute(
        select(access.c.id).where(access.c.tenant == tenant, access.c.labels == text)
    ).scalar()
    if found is None:
        found = tx.allocate("access_id")
        tx.connection.execute(access.insert().values(id=found, tenant=tenant, labels=text))
        if wanted:
            rows = [{"tenant": tenant, "label": label, "access_id": found} for label in wanted]
            tx.connection.execute(access_labels.insert(), rows)
    tx.access_ids[tenant, wanted] = found
    return found


def readable(connection: Connection, *, who: Principal) -> frozenset[int]:
    """The access ids whose rows ``who`` may see."""
    if not storable(who.tenant):
        return frozenset()
    open_to_all = select(access.c.id).where(access.c.tenant == who.tenant, access.c.labels == "[]")
    ids = set(connection.execute(open_to_all).scalars())
    for groups in _batches(sorted(group for group in who.groups if storable(group))):
        by_group = select(access_labels.c.access_id).where(
            access_labels.c.tenant == who.tenant, access_labels.c.label.in_(groups)
        )
        ids.update(connection.execute(by_group).scalars())
    return frozenset(ids)


def of_tenant(connection: Connection, *, tenant: str) -> frozenset[int]:
    """All access ids of the tenant; for telling what is hidden, not for show."""
    if not storable(tenant):
        return frozenset()
    return frozenset(connection.execute(select(access.c.id).where(access.c.tenant == tenant)).scalars())


def live_documents(connection: Connection, *, tenant: str) -> dict[str, int]:
    """Document id → access id of every live document of the tenant; for keeping them in step, not for show."""
    statement = select(versions.c.document_id, versions.c.access_id).where(
        versions.c.tenant == tenant, versions.c.retired_at.is_(None)
    )
    return {row.document_id: row.access_id for row in connection.execute(statement)}


def all_readable(connection: Connection, *, who: Principal) -> bool:
    """Whether no row of the base is hidden from ``who``."""
    n_rows = connection.execute(select(func.count()).select_from(access)).scalar_one()
    return len(readable(connection, who=who)) == n_rows


def within(statement: Select[Any], column: ColumnElement[int], allowed: Collection[int] | None) -> Select[Any]:
    """The statement for rows alone whose ``column`` is one of ``allowed``, mostly access ids; None: all."""
    return statement if allowed is None else statement.where(one_of(column, allowed))


def visible(connection: Connection, table: Table, *, who: Principal) -> ColumnElement[bool]:
    """The condition that keeps the rows of ``table`` (which has an ``access_id``) that ``who`` may see."""
    return one_of(table.c.access_id, readable(connection, who=who))


def _batches(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]
