"""The graph for other programs: GraphML, with every relation's places; what it takes are names, not rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from wellread.index.graph import rows
from wellread.index.graph.open import Graph
from wellread.index.open import Snapshot

_KEYS = (
    ("name", "node", "string"),
    ("kind", "node", "string"),
    ("passages", "node", "int"),
    ("community", "node", "int"),
    ("label", "edge", "string"),
    ("weight", "edge", "int"),
    ("sources", "edge", "string"),
)


def graphml(graph: Graph, snapshot: Snapshot) -> Iterator[str]:
    """Lines of a GraphML file: a node for each name, an edge for each pair that is related.

    ``sources`` of an edge is JSON: what says so, each with uri, document, version, start and end.
    Source: http://graphml.graphdrawing.org/xmlns
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    for name, of, kind in _KEYS:
        yield f'<key id="{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>'
    yield '<graph edgedefault="undirected">'
    for number, node in enumerate(graph.nodes):
        community = node.communities[0] if node.communities else ""
        values = (("name", node.name), ("kind", node.kind), ("passages", node.passages), ("community", community))
        yield f'<node id="n{number}">{_data(values)}</node>'
    for (one, other), found in _said(graph, snapshot).items():
        labels = sorted({label for label, _ in found if label})
        sources = json.dumps([source for _, source in found], ensure_ascii=False)
        told = (("label", "; ".join(labels)), ("weight", len(found)), ("sources", sources))
        yield f'<edge source="n{one}" target="n{other}">{_data(told)}</edge>'
    yield "</graph>"
    yield "</graphml>"


def _said(graph: Graph, snapshot: Snapshot) -> dict[tuple[int, int], list[tuple[str, dict[str, object]]]]:
    """What is said between two names, in the direction of its first place."""
    at = {row: number for number, node in enumerate(graph.nodes) for row in node.entity_ids}
    found: dict[tuple[int, int], list[tuple[str, dict[str, object]]]] = {}
    for said in rows.statements(snapshot.connection, list(at), who=snapshot.who):
        one, other = at[said.one_id], at[said.other_id]
        if one == other:
            continue
        pair = (one, other) if (other, one) not in found else (other, one)
        place = said.source
        source = {"uri": place.uri, "document": place.document_id, "version": place.version,
                  "start": place.start, "end": place.end}  # fmt: skip
        found.setdefault(pair, []).append((said.label, source))
    return found


def _data(values: tuple[tuple[str, object], ...]) -> str:
    return "".join(f"<data key={quoteattr(key)}>{escape(_plain(value))}</data>" for key, value in values if value != "")


def _plain(value: object) -> str:
    """Text without the characters that XML cannot hold."""
    return "".join(
        c for c in str(value) if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe")
    )
