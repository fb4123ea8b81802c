"""What was made from what: artifacts (a data set, an adapter, a report) and the documents and chunks they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from wellread.store import checksums
from wellread.store.engine.api import Transaction
from wellread.store.schema import artifacts, lineage, versions
from wellread.types import Principal

ARTIFACT = "artifact"


class Input(NamedTuple):
    """One end of an arrow: an artifact, a document (with its version) or a chunk, by id."""

    kind: str  # artifact, document, chunk
    id: str
    version: int = 0


def record(
    tx: Transaction,
    artifact_id: str,
    kind: str,
    inputs: Sequence[Input],
    settings: Mapping[str, object],
    *,
    tenant: str,
    code_version: str = "",
) -> None:
    """The artifact is known with its inputs; recording it again adds inputs and replaces the rest."""
    row: dict[str, object] = {
        "id": artifact_id,
        "tenant": tenant,
        "kind": kind,
        "settings": json.dumps(dict(settings), ensure_ascii=False, sort_keys=True, default=str),
        "code_version": code_version,
        "created_at": tx.now,
    }
    row["checksum"] = checksums.of_row(artifacts, row)
    statement = insert(artifacts)
    replaced = {name: statement.excluded[name] for name in row if name != "id"}
    tx.connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=replaced), row)
    if inputs:
        arrows = [
            {"artifact_id": artifact_id, "input_kind": one.kind, "input_id": one.id, "input_version": one.version}
            for one in inputs
        ]
        tx.connection.execute(insert(lineage).on_conflict_do_nothing(), arrows)


def upstream(connection: Connection, artifact_id: str, *, who: Principal) -> list[Input]:
    """Everything the artifact was made from, directly or through other artifacts of the tenant, nearest first."""
    found: dict[Input, None] = {}
    waiting = [artifact_id]
    while waiting:
        current = waiting.pop(0)
        if _kind(connection, current, who) is None:
            continue
        statement = select(lineage.c.input_kind, lineage.c.input_id, lineage.c.input_version).where(
            lineage.c.artifact_id == current
        )
        for row in connection.execute(statement.order_by(*statement.selected_columns)):
            one = Input(*row)
            if one not in found:
                found[one] = None
                if one.kind == ARTIFACT:
                    waiting.append(one.id)
    return list(found)


def downstream(connection: Connection, input_id: str, *, who: Principal) -> list[tuple[str, str]]:
    """Id and kind of every artifact of the tenant made from a document, chunk or artifact, nearest first."""
    found: dict[str, str] = {}
    waiting = [input_id]
    while waiting:
        current = waiting.pop(0)
        statement = (
            select(artifacts.c.id, artifacts.c.kind)
            .distinct()
            .join(lineage, lineage.c.artifact_id == artifacts.c.id)
            .where(lineage.c.input_id == current, artifacts.c.tenant == who.tenant)
            .order_by(artifacts.c.created_at, artifacts.c.id)
        )
        for row in connection.execute(statement):
            if row.id not in found:
                found[row.id] = row.kind
                waiting.append(row.id)
    return list(found.items())


def live(connection: Connection, *, who: Principal) -> frozenset[str]:
    """Ids of all live documents of the tenant, of those too that ``who`` may not see: nothing else of them is given."""
    statement = select(versions.c.document_id).where(versions.c.tenant == who.tenant, versions.c.retired_at.is_(None))
    return frozenset(connection.execute(statement).scalars())


def _kind(connection: Connection, artifact_id: str, who: Principal) -> str | None:
    statement = select(artifacts.c.kind).where(artifacts.c.id == artifact_id, artifacts.c.tenant == who.tenant)
    return connection.execute(statement).scalar()
