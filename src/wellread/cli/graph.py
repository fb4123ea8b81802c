"""``wellread graph``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.cli.cited import excerpt
from wellread.errors import StoreError, UsageError
from wellread.index.graph import rows
from wellread.index.graph.export import graphml
from wellread.index.graph.names import key_of
from wellread.index.graph.open import Graph, graph_of
from wellread.index.graph.picture import drawn, page
from wellread.index.open import Snapshot

BUILD = """
wellread graph build
wellread graph build --again --set graph.same=1
wellread graph build --set graph.extractor=chat --set chat.model=llama:/models/mine.gguf
"""
ENTITIES = """
wellread graph entities --n 50
wellread graph entities "harbour*" --json
"""
SHOW = """
wellread graph show "Gannet Bay"
wellread graph show HB-204 --json
"""
EXPORT = """
wellread graph export names.graphml
wellread graph export names.svg --n 80
wellread graph export ferry.html --around "Gannet Bay"
"""
KEPT = "what was read stays; the same command resumes"


@command(examples=BUILD, kept=KEPT)
def build(
    call: Call,
    again: Annotated[bool, typer.Option("--again", help="Rebuild all of it, not only what is missing.")] = False,
) -> int:
    """Find the names in the documents and what is said between them.

    Only passages that are new are read; names that mean the same become one; names that hang together form groups, and
    only groups that have changed are summed up again. While graph.mode is not off, add and sync do this by themselves.
    """
    with open_base(call) as base, progress(call) as watched:
        done = base.graph_update(progress=watched, whole=again)
        mode = base.settings["graph"].mode
    if call.json:
        show.dump(done)
        return DONE
    what = [show.count(done.entities, "name"), show.count(done.relations, "relation")]
    groups = show.count(done.communities, "group")
    show.say(f"{', '.join(what)} and {groups} in {show.count(done.passages, 'passage')}")
    merged = f", {show.count(done.merged, 'pair')} taken for one by meaning" if done.merged else ""
    read = f"{show.count(done.read, 'passage')} read, {show.count(done.named, 'new name')}{merged}"
    show.say(f"{read}, {show.count(done.summed, 'group')} summed up, {show.duration(done.seconds)}")
    if done.dropped:
        show.say(f"{show.count(done.dropped, 'statement')} of the model dropped: a name does not stand in the passage")
    if done.reason:
        show.note(f"sentences stand where a model should have written: {done.reason}")
    if mode == "off":
        hint(call, "not searched yet; next: wellread config set graph.mode local")
    return DONE


@command(examples=ENTITIES)
def entities(
    call: Call,
    pattern: Annotated[str, typer.Argument(metavar="[NAME]", help="Only names like this; * is anything.")] = "*",
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="Names shown at most.")] = 30,
) -> int:
    """List the names in the documents, those with most passages first."""
    with _open(call) as (graph, _):
        wanted = pattern.lower()
        matching = [node for node in graph.nodes if fnmatchcase(node.name.lower(), wanted)]
        degree = _degrees(graph)
        numbers = {id(node): i for i, node in enumerate(graph.nodes)}
        matching.sort(key=lambda node: (-node.passages, -degree[numbers[id(node)]], node.name))
        told = [
            {"name": node.name, "kind": node.kind, "passages": node.passages, "relations": degree[numbers[id(node)]],
             "also": list(node.keys[1:]), "groups": node.communities}
            for node in matching[:n]
        ]  # fmt: skip
    if call.json:
        show.dump({"names": len(matching), "entities": told})
        return DONE
    columns = [(str(t["name"]), str(t["kind"]), show.count(int(str(t["passages"])), "passage"),
                show.count(int(str(t["relations"])), "relation")) for t in told]  # fmt: skip
    show.rows(columns or [("no such name", "")])
    if len(matching) > n:
        hint(call, f"{len(matching) - n:,} more; --n shows them")
    return DONE


def _degrees(graph: Graph) -> list[int]:
    degree = [0] * len(graph.nodes)
    for one, other, often in graph.edges.tolist():
        degree[one] += often
        degree[other] += often
    return degree


@command(examples=SHOW)
def tell(
    call: Call,
    name: Annotated[list[str], typer.Argument(metavar="NAME", help="A name as the documents spell it, or nearly.")],
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="Relations shown at most.")] = 20,
) -> int:
    """Show what the documents say of a name, each relation with the place that it comes from."""
    with _open(call) as (graph, look):
        number = _number(graph, " ".join(name))
        node = graph.nodes[number]
        at = {row: other for other, held in enumerate(graph.nodes) for row in held.entity_ids}
        said = rows.statements(look.connection, node.entity_ids, who=look.who)
        said = [one for one in said if at[one.one_id] != at[one.other_id]]
        names = [(graph.nodes[at[one.one_id]].name, graph.nodes[at[one.other_id]].name) for one in said]
        places = rows.places(look.connection, node.entity_ids, who=look.who)
        groups = [c.summary for c in graph.communities if c.id in node.communities and c.summary]
    if call.json:
        relations = [
            {"one": one, "label": s.label, "other": other, "source": s.source, "quote": s.quote}
            for (one, other), s in zip(names, said, strict=True)
        ]
        given = {"name": node.name, "kind": node.kind, "also": node.keys, "places": places}
        show.dump({**given, "relations": relations, "groups": groups})
        return DONE
    counted = f"{show.count(len(places), 'place')}, {show.count(node.passages, 'passage')}"
    show.say(f"{node.name} · {node.kind} · {counted}", "bold")
    for (first, second), one in list(zip(names, said, strict=True))[:n]:
        place = one.source
        show.say(f"{first} — {one.label or 'with'} — {second}", indent=2)
        show.say(f"{show.where(place.uri)}, version {place.version}, {place.start}–{place.end}", "dim", indent=6)
        show.say(f"“{_short(one.quote)}”", "dim", indent=6)
    if len(said) > n:
        hint(call, f"{len(said) - n:,} more relations; --n shows them")
    for summary in groups:
        show.say()
        show.say("its group:", "bold")
        show.say(_short(summary, 600), indent=2)
    return DONE


def _short(text: str, limit: int = 240) -> str:
    return excerpt(text, limit)


@command(examples=EXPORT)
def export(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .graphml, .svg or .html.", show_default=False)],
    n: Annotated[int, typer.Option("--n", min=2, metavar="N", help="Names of a picture at most.")] = 60,
    around: Annotated[
        str, typer.Option("--around", metavar="NAME", help="Draw a name with what it is related to.")
    ] = "",
) -> int:
    """Write the graph as GraphML for other programs, or draw it.

    A picture shows the names with most relations in colours by group; it reads in light and dark.
    """
    kind = file.suffix.lower()
    if kind not in (".graphml", ".svg", ".html"):
        raise UsageError(f"{file}: ends in none of .graphml, .svg, .html; that says what is written")
    with _open(call) as (graph, look):
        if kind == ".graphml":
            text = "\n".join(graphml(graph, look))
        else:
            picture = drawn(graph, n, (_number(graph, around),) if around else ())
            text = picture if kind == ".svg" else page(picture)
        file.write_text(text + "\n", "utf-8")
        counted = {"names": len(graph.nodes), "relations": len(graph.edges)}
    if call.json:
        show.dump({"file": str(file), **counted, "size_bytes": file.stat().st_size})
    else:
        show.say(f"{show.where(str(file.resolve()))}, {show.size(file.stat().st_size)}")
    return DONE


@contextmanager
def _open(call: Call) -> Iterator[tuple[Graph, Snapshot]]:
    """The graph as the caller may see it. Raises: StoreError where there is none."""
    with open_base(call, read_only=True) as base, base.reader.snapshot(who=base.who) as look:
        graph = graph_of(look, base.settings["graph"])
        if not len(graph.chunks):
            raise StoreError("there is no graph of names here; run: wellread graph build")
        yield graph, look


def _number(graph: Graph, name: str) -> int:
    """The name that is meant. Raises: UsageError with names like it where there is none."""
    number = graph.by_key.get(key_of(name))
    if number is None:
        near = difflib.get_close_matches(key_of(name), graph.by_key, n=3, cutoff=0.6)
        near += [key for key in graph.by_key if key_of(name) and key_of(name) in key][:3]
        names = dict.fromkeys(graph.nodes[graph.by_key[key]].name for key in near)
        meant = f"; did you mean {', '.join(list(names)[:3])}?" if names else "; wellread graph entities lists them"
        raise UsageError(f"{name}: no such name in the documents{meant}")
    return number
