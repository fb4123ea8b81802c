"""The graph as one drawing: names as dots, larger where they have more relations, coloured by group, labels apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.index.graph.layout import chosen, placed
from wellread.index.graph.open import Graph
from wellread.markup import Markup, el, join

WIDTH, HEIGHT, MARGIN = 1200.0, 860.0, 70.0
GROUPS = 8  # that have a colour of their own; the others share a grey
LETTER = 0.58  # width of a letter, as a share of its size
STYLE = """
:root{--paper:#fff;--ink:#1b1c1e;--muted:#5a5d61;--line:#b9bcb8;--g0:#0a5c6b;--g1:#b3541e;--g2:#6a3d9a;--g3:#2e7d32;
--g4:#ad1457;--g5:#8a6d00;--g6:#1f5fbf;--g7:#5d4037;--g8:#8b8f93}
@media(prefers-color-scheme:dark){:root{--paper:#15181b;--ink:#e9e7e2;--muted:#a6a8a8;--line:#4a5056;--g0:#74c7d5;
--g1:#f0a06a;--g2:#c3a2ea;--g3:#8fd19a;--g4:#f48fb1;--g5:#e0c65a;--g6:#8ab8ff;--g7:#cfae9f;--g8:#83888d}}
svg{background:var(--paper);font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
.edge{stroke:var(--line)}.label{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.said{fill:var(--muted);font-size:12px}.dot{stroke:var(--paper);stroke-width:1.2}
""" + "".join(f".g{n}{{fill:var(--g{n})}}" for n in range(GROUPS + 1))


@dataclass(frozen=True, slots=True)
class _Dot:
    x: float
    y: float
    r: float
    size: float  # of its label
    name: str
    group: int
    said: str


def drawn(graph: Graph, most: int, around: Sequence[int] = (), *, seed: int = 0) -> Markup:
    """The names with most relations, or those around some, as SVG in colours for light and dark.

    It has a title and a description for those who do not see it, and the relations of each name as a hint on its dot.
    """
    names = chosen(graph, most, around)
    at = {n: i for i, n in enumerate(names)}
    edges = [(at[i], at[j], float(w)) for i, j, w in graph.edges.tolist() if i in at and j in at]
    communities = [next(iter(graph.nodes[n].communities), -1) for n in names]
    ranked = sorted(set(communities) - {-1}, key=lambda c: (-communities.count(c), c))
    colour = {c: min(i, GROUPS) for i, c in enumerate(ranked)} | {-1: GROUPS}
    points = placed(len(names), edges, communities, seed=seed)
    degree = [0.0] * len(names)
    for i, j, weight in edges:
        degree[i] += weight
        degree[j] += weight
    dots = [
        _Dot(
            MARGIN + float(points[i, 0]) * (WIDTH - 2 * MARGIN),
            MARGIN + float(points[i, 1]) * (HEIGHT - 2 * MARGIN),
            3.5 + 2.2 * math.sqrt(degree[i]) * 8 / max(8, math.sqrt(max(degree))),
            11 + min(6.0, 1.1 * math.log1p(degree[i])),
            graph.nodes[n].name,
            colour[communities[i]],
            f"{graph.nodes[n].name}: {graph.nodes[n].passages} passages, {degree[i]:.0f} relations here",
        )
        for i, n in enumerate(names)
    ]
    return _svg(graph, dots, edges)


def _svg(graph: Graph, dots: Sequence[_Dot], edges: Sequence[tuple[int, int, float]]) -> Markup:
    most = max((weight for _, _, weight in edges), default=1.0)
    lines = [
        el("line", x1=dots[i].x, y1=dots[i].y, x2=dots[j].x, y2=dots[j].y, class_="edge",
           stroke_width=0.6 + 2.4 * weight / most, stroke_opacity=0.55 + 0.45 * weight / most)
        for i, j, weight in edges
    ]  # fmt: skip
    circles = [
        el("g", el("title", d.said), el("circle", cx=d.x, cy=d.y, r=d.r, class_=f"dot g{d.group}")) for d in dots
    ]
    said = f"{len(dots)} of {len(graph.nodes):,} names, {len(edges)} of {len(graph.edges):,} pairs that are related"
    return el(
        "svg",
        el("title", "Names in the documents, and what is said between them"),
        el("desc", f"{said}. Names with most relations: {', '.join(d.name for d in dots[:20])}."),
        Markup(f"<style>{STYLE}</style>"),
        el("g", *lines),
        el("g", *circles),
        el("g", *_labels(dots)),
        el("text", f"{said}; one colour is one group", x=WIDTH - 14, y=HEIGHT - 12, text_anchor="end", class_="said"),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def _labels(dots: Sequence[_Dot]) -> list[Markup]:
    """Labels beside their dots where nothing is covered yet, the largest first; one without room is left out."""
    taken = [(d.x - d.r, d.y - d.r, d.x + d.r, d.y + d.r) for d in dots]
    made = []
    for n, dot in sorted(enumerate(dots), key=lambda pair: -pair[1].r):
        wide, high = LETTER * dot.size * len(dot.name), dot.size
        for left, top in (
            (dot.x + dot.r + 3, dot.y - high / 2),
            (dot.x - dot.r - 3 - wide, dot.y - high / 2),
            (dot.x - wide / 2, dot.y - dot.r - 3 - high),
            (dot.x - wide / 2, dot.y + dot.r + 3),
            (dot.x + dot.r * 0.7, dot.y + dot.r * 0.7),
            (dot.x + dot.r * 0.7, dot.y - dot.r * 0.7 - high),
            (dot.x - dot.r * 0.7 - wide, dot.y + dot.r * 0.7),
            (dot.x - dot.r * 0.7 - wide, dot.y - dot.r * 0.7 - high),
        ):
            box = (left, top, left + wide, top + high)
            inside = left > 4 and top > 4 and box[2] < WIDTH - 4 and box[3] < HEIGHT - 26
            if inside and not any(_cover(box, other) for m, other in enumerate(taken) if m != n):
                taken.append(box)
                made.append(el("text", dot.name, x=left, y=top + high * 0.82, font_size=dot.size, class_="label"))
                break
    return made


def _cover(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def page(picture: Markup) -> Markup:
    """The drawing as a page of its own that loads nothing from elsewhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("title", "Names in the documents"),
        Markup("<style>body{margin:0;background:var(--paper)}svg{display:block;width:100%;height:100vh}</style>"),
    )
    return join(Markup("<!doctype html>\n"), el("html", head, el("body", picture), lang="en"))
