"""Every function that knows ``who``, every method of an open base and every command, for somebody who may see nothing.

A base holds documents, questions, ratings, measurements, a data set and a run of one group; eve has no group. What is
found by reflection and has no row in a table here fails: add a row that calls it for eve.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

import wellread
from wellread import maintenance
from wellread.cli.main import app
from wellread.cli.table import COMMANDS
from wellread.errors import Refused, UsageError
from wellread.evaluate.asking import principal_of
from wellread.index import truncation
from wellread.index.graph import rows as graph_rows
from wellread.index.tables import stored
from wellread.knowledge_base import KnowledgeBase
from wellread.models.opened import OpenModels
from wellread.optimise import rechunk
from wellread.retrieve.outline import with_structure
from wellread.retrieve.similar.similar import FileReading, alike
from wellread.retrieve.versions import previous
from wellread.store import access, credentials, documents, feedback, files, jobs, lineage, log, outcomes, uploads
from wellread.store.schema import versions
from wellread.sync import remove
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ChatRow, DataSet
from wellread.tune.data.pairs import kept
from wellread.tune.train import state
from wellread.tune.train.state import BaseWeights, TrainingData, TrainingRun
from wellread.types import Compare, Principal, Question

SOURCE = Path(wellread.__file__).parent
HELEN = Principal(groups=frozenset({"hr"}), user="helen")
EVE = Principal(user="eve")
HIDDEN = re.compile(r"vault|sesame|4711|helen|pay-lora|broken", re.I)
TEXT = "# Vault\n\nThe vault opens with sesame 4711. The keeper of the vault is paid 900 crowns.\n"
ASKED = "What opens the vault?"


@dataclass(frozen=True)
class Scene:
    """A base as Helen filled it, and what she knows the ids of."""

    mine: KnowledgeBase  # Helen's
    base: KnowledgeBase  # the same, opened by eve
    document: str
    key: int
    trace: str
    run: int
    chunk: str
    credential: str
    other: Path  # a folder for what is written


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("seen")
    (folder / "docs").mkdir()
    (folder / "docs" / "vault.md").write_text(TEXT, "utf-8")
    (folder / "docs" / "broken.pdf").write_bytes(b"no pages")
    with KnowledgeBase.create(folder / "base", who=HELEN) as made:
        base = made.configured(["answer.style=quote"])
        base.add(str(folder / "docs"), labels=("hr",))
        base.graph_update()
        answer = base.in_conversation("vault talk").ask(ASKED)
        assert "sesame" in answer.text
        (document,) = base.documents()
        with base.store.writing() as tx:
            keys = [row.key for rows in documents.chunk_batches(tx.connection) for row in rows]
            feedback.put(tx, answer.trace_id, who=HELEN, correction="sesame 4711")
            run = outcomes.begin(tx, "eval", {"vault": 1}, who=HELEN, questions_hash="0", n_questions=1)
            kept = outcomes.put(tx, "key", "depends", {"text": "sesame"}, who=HELEN, documents=[document.id])
            outcomes.join(tx, run, "vault", "q", kept, {"right": 1.0})
            credentials.issue(tx, "key", "helens", who=HELEN)
            (credential,) = credentials.listing(tx.connection, who=HELEN)
        hit = base.search(ASKED).hits[0]
        _taught(base, document.id)
        yield Scene(
            base,
            base.as_user(EVE),
            document.id,
            keys[0],
            answer.trace_id,
            run,
            hit.chunk.id,
            credential.id,
            folder / "out",
        )


def _taught(base: KnowledgeBase, document: str) -> None:
    """A data set and a finished run that were made of the document."""
    card = Card("vault", "texts", {"train": 1}, ("id",), tenant="default", user="helen", documents=(document,))
    rows = (ChatRow("1", (), ()),)
    card = datasets.freeze(DataSet(replace(card, task="chat"), rows, (), ()), datasets.folder_of(base.folder, "vault"))
    with base.store.writing() as tx:
        inputs = [lineage.Input("document", document, 1)]
        lineage.record(tx, datasets.artifact_id(card), "dataset", inputs, {}, who=HELEN)
    data, weights = TrainingData("vault", card.hash, {}, (document,)), BaseWeights("b", "0", "")
    run = TrainingRun("pay-lora", "finished", {}, data, weights, "lora", 0, user="helen")
    drawn = kept.folder_of(base.folder, "vault")
    kept.write_card(drawn, kept.PairsCard("vault", "retrieval", "m", 1.0, 0, (document,), user="helen"))
    said = kept.DrawnAnswer("sesame 4711")
    kept.add_pair(drawn, kept.AnswerPair("1", "the vault?", "the vault?", said, replace(said, text="sesame")))
    folder = state.folder_of(base.folder, run.name)
    (folder / "best").mkdir(parents=True)
    state.write(folder, run)


# every function that takes who

Row = Callable[[Scene], Any]


def read(call: Callable[..., Any], *given: Any, **named: Any) -> Row:
    """Calls a function of the store over a snapshot; texts that begin with a dot are fields of the scene."""

    def row(scene: Scene) -> Any:
        with scene.base.store.reading() as connection:
            return call(connection, *_filled(scene, given), who=EVE, **named)

    return row


def write(call: Callable[..., Any], *given: Any, **named: Any) -> Row:
    """The same in a transaction."""

    def row(scene: Scene) -> Any:
        with scene.base.store.writing() as tx:
            return call(tx, *_filled(scene, given), who=EVE, **named)

    return row


def refused(row: Row, kind: type[Exception] = UsageError) -> Row:
    """The row must be answered with an error, which tells nothing."""

    def refusing(scene: Scene) -> Any:
        with pytest.raises(kind) as told:
            row(scene)
        assert not HIDDEN.search(str(told.value).replace(scene.trace, "")), told.value

    return refusing


def _filled(scene: Scene, given: tuple[Any, ...]) -> list[Any]:
    return [getattr(scene, one[1:]) if isinstance(one, str) and one.startswith(".") else one for one in given]


def _rows_of_versions(scene: Scene) -> Any:
    with scene.base.store.reading() as connection:
        return connection.execute(select(versions.c.id).where(access.visible(connection, versions, who=EVE))).all()


def _logged(scene: Scene) -> Any:
    with scene.base.store.reading() as connection:
        return connection.execute(select(log.questions.c.trace_id).where(log.visible(connection, who=EVE))).all()


def _items(scene: Scene) -> Any:
    with scene.base.store.reading() as connection:
        return files.visible_items(connection, files.known(connection, "default"), who=EVE)


def _own_answer(scene: Scene) -> None:
    with scene.mine.store.reading() as connection:
        answer = log.recent(connection, who=HELEN)[0].answer
    with scene.base.store.writing() as tx:
        log.put(tx, replace(answer, trace_id="eve", text="", citations=(), nearest=()), who=EVE, documents=["x"])


def _copied(scene: Scene) -> Any:
    made = rechunk.copied(scene.base, ["chunk.size_tokens=60"], scene.base.embedder, [], who=EVE)
    with made:
        return made.documents()


def _structured(scene: Scene) -> Any:
    """Hits of somebody else get no text of what eve may not see."""
    found = scene.mine.search(ASKED)
    made = with_structure(found, scene.base.reader, who=EVE)
    return [hit.document.text for hit in made.hits if hit.document.text]


def _previous(scene: Scene) -> Any:
    """A document that would have come after the hidden one, by its name."""
    hidden = scene.mine.documents()[0]
    after = replace(hidden, id="other", uri=f"{hidden.uri}.2", superseded_by=None)
    return previous(after, scene.base.reader, who=EVE) or previous(
        replace(after, uri=hidden.uri), scene.base.reader, who=EVE
    )


def _tables(scene: Scene) -> Any:
    with scene.base.store.reading() as connection:
        return list(stored.listed(connection, who=EVE))


def _outcomes(scene: Scene) -> Any:
    with scene.base.store.reading() as connection:
        return list(outcomes.outcomes_of(connection, scene.run, who=EVE))


def _over(scene: Scene) -> Any:
    base = KnowledgeBase.over(scene.base.folder, scene.base.settings, scene.base.store, OpenModels(), who=EVE)
    return base.documents()


def _status(scene: Scene) -> Any:
    now = maintenance.status(scene.base.store, scene.base.settings, who=EVE)
    return [now.documents, now.chunks, now.near_duplicates, now.size_bytes, *now.states.values(), *now.sources]


def _job(scene: Scene) -> None:
    with jobs.running(scene.base.store, "sync", {}, who=EVE):
        pass


def _upload(scene: Scene) -> str:
    """A file that somebody with a group sent, under an id that nobody guesses."""
    number = f"file-{uuid4().hex}"
    with scene.base.store.writing() as tx:
        uploads.put(tx, number, "vault plan.pdf", "assistants", 4711, "0", who=scene.mine.who)
    return number


def _snapshot(scene: Scene) -> Any:
    with scene.base.reader.snapshot(who=EVE) as snapshot:
        return snapshot.allowed


READING = FileReading  # of a file that is not in the base
WHERE = Compare("title", "like", "*")

FUNCTIONS: dict[str, Row] = {
    "__init__:open": lambda s: wellread.open(s.base.folder, who=EVE, read_only=True).documents(),
    "evaluate.asking:principal_of": lambda s: principal_of(Question("q", "?", groups=HELEN.groups), who=EVE).groups,
    "index.graph.rows:statements": read(graph_rows.statements, range(100)),
    "index.graph.rows:places": read(graph_rows.places, range(100)),
    "index.open:IndexReader.snapshot": _snapshot,
    "index.tables.stored:find": refused(read(stored.find, "secrets.md#1")),
    "index.tables.stored:listed": _tables,
    "index.truncation:truncation": lambda s: truncation.truncation(s.base.store, s.base.embedder, who=EVE).chunks,
    "knowledge_base:KnowledgeBase.create": lambda s: KnowledgeBase.create(s.other / "new", who=EVE).documents(),
    "knowledge_base:KnowledgeBase.open": lambda s: KnowledgeBase.open(s.base.folder, who=EVE).documents(),
    "knowledge_base:KnowledgeBase.over": _over,
    "knowledge_base:KnowledgeBase.as_user": lambda s: s.mine.as_user(EVE).documents(),
    "maintenance:status": _status,
    "maintenance:whole": refused(lambda s: maintenance.whole(s.base.store, who=EVE), Refused),
    "optimise.rechunk:copied": _copied,
    "retrieve.outline:with_structure": _structured,
    "retrieve.versions:previous": _previous,
    "retrieve.search:search": lambda s: s.base.search(ASKED).hits,
    "retrieve.similar.similar:alike": refused(
        lambda s: alike(
            s.document,
            s.base.reader,
            FileReading(s.base.embedder, s.base.settings["parse"], s.base.settings["chunk"]),
            who=EVE,
            k=5,
        )
    ),
    "store.access:readable": read(access.readable),
    "store.access:all_readable": read(access.all_readable),
    "store.access:visible": _rows_of_versions,
    "store.credentials:issue": lambda s: [] if write(credentials.issue, "key", "eves")(s) else None,
    "store.credentials:listing": lambda s: [one for one in read(credentials.listing)(s) if one.who != EVE],
    "store.credentials:revoke": lambda s: write(credentials.revoke, s.credential)(s),
    "store.documents:by_uri": lambda s: read(documents.by_uri, s.mine.documents()[0].uri)(s),
    "store.documents:get": read(documents.get, ".document"),
    "store.documents:get_version": read(documents.get_version, 1),
    "store.documents:listing": read(documents.listing),
    "store.documents:count": read(documents.count),
    "store.documents:text": read(documents.text, ".document", 1),
    "store.documents:totals": lambda s: any(read(documents.totals)(s)),
    "store.documents:matching": read(documents.matching, WHERE),
    "store.documents:history": read(documents.history, ".document"),
    "store.documents:chunks_by_key": lambda s: read(documents.chunks_by_key, [s.key])(s),
    "store.documents:neighbours": read(documents.neighbours, ".document", first=0, last=9),
    "store.feedback:put": refused(write(feedback.put, ".trace", rating=1)),
    "store.feedback:listing": read(feedback.listing),
    "store.files:failures": read(files.failures, skipped=True),
    "store.files:counts": read(files.counts),
    "store.files:visible_items": _items,
    "store.files:refuse_hidden": read(files.refuse_hidden, "/nowhere"),
    "store.files:list_sources": read(files.list_sources),
    "store.jobs:start": lambda s: [] if write(jobs.start, "sync", {})(s) else None,
    "store.jobs:running": _job,
    "store.jobs:enqueue": lambda s: [] if write(jobs.enqueue, "sync", {})(s) else None,
    "store.jobs:get": read(jobs.get, 1),
    "store.jobs:cancel": write(jobs.cancel, 1),
    "store.uploads:put": write(uploads.put, "file-eve", "eve.txt", "assistants", 3, "0"),
    "store.uploads:get": lambda s: [one for one in [read(uploads.get, _upload(s))(s)] if one is not None],
    "store.uploads:listing": lambda s: [one for one in (_upload(s), read(uploads.listing)(s))[1] if one.user != "eve"],
    "store.uploads:remove": lambda s: [one for one in [write(uploads.remove, _upload(s))(s)] if one],
    "store.uploads:total_bytes": lambda s: [],  # bytes of a tenant alone, for its quota
    "store.jobs:recent": lambda s: [job for job in read(jobs.recent)(s) if job.user != "eve"],
    "store.lineage:record": write(lineage.record, "eves", "dataset", [], {}),
    "store.lineage:known": lambda s: read(lineage.known, "unknown")(s),
    "store.lineage:may_read": lambda s: read(lineage.may_read, _artifact(s))(s),
    "store.lineage:all_visible": lambda s: read(lineage.all_visible, [s.document])(s),
    "store.lineage:upstream": lambda s: read(lineage.upstream, _artifact(s))(s),
    "store.lineage:downstream": read(lineage.downstream, ".document"),
    "store.log:put": _own_answer,
    "store.log:recent": lambda s: [row for row in read(log.recent)(s) if row.user != "eve"],
    "store.log:get": read(log.get, ".trace"),
    "store.log:turns": read(log.turns, "vault talk"),
    "store.log:listing": read(log.listing, limit=9, trace_id=None, conversation="vault talk"),
    "store.log:visible": lambda s: [row for row in _logged(s) if row.trace_id == s.trace],
    "store.outcomes:find": read(outcomes.find, ["key"]),
    "store.outcomes:put": lambda s: [] if write(outcomes.put, "eves", "", {})(s) else None,
    "store.outcomes:begin": lambda s: (
        [] if write(outcomes.begin, "eval", {}, questions_hash="", n_questions=0)(s) else None
    ),
    "store.outcomes:listing": lambda s: [run for run in read(outcomes.listing)(s) if run.user != "eve"],
    "store.outcomes:get": read(outcomes.get, ".run"),
    "store.outcomes:outcomes_of": _outcomes,
    "store.outcomes:facts": lambda s: any(astuple(read(outcomes.facts)(s))),
    "sync.remove:remove": lambda s: remove.remove(s.base.store, "*", who=EVE),
}


def _artifact(scene: Scene) -> str:
    return datasets.artifact_id(datasets.card_of(datasets.folder_of(scene.base.folder, "vault")))


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every public function and method of the package that takes ``who``."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            for one in inside:
                if not isinstance(one, ast.FunctionDef) or one.name.startswith("_"):
                    continue
                if "who" in {each.arg for each in (*one.args.args, *one.args.kwonlyargs)}:
                    lead = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
                    yield f"{module}:{lead}{one.name}", one


KNOWN = dict(_functions())
PUBLIC_EDGE = {"__init__:open", "knowledge_base:KnowledgeBase.create", "knowledge_base:KnowledgeBase.open"}
POSITIONAL = {"knowledge_base:KnowledgeBase.as_user"}  # who is what it is about


def test_every_function_that_takes_a_principal_has_a_row() -> None:
    assert set(KNOWN) == set(FUNCTIONS), "add a row to FUNCTIONS for each that is missing, or drop one that is gone"


@pytest.mark.parametrize("name", sorted(set(KNOWN) - POSITIONAL))
def test_who_is_named_and_has_no_default_inside_the_library(name: str) -> None:
    arguments = KNOWN[name].args
    named = {each.arg: default for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    assert "who" in named, f"{name}: make who keyword-only"
    assert named["who"] is None or name in PUBLIC_EDGE, f"{name}: who has a default"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_nothing_to_who_may_see_nothing(scene: Scene, name: str) -> None:
    found = FUNCTIONS[name](scene)
    assert not HIDDEN.search(repr(found)), found
    assert found is None or not found or not any(found), f"{name}: {found}"


# every method of an open base


def upkeep(call: Callable[[KnowledgeBase], Any]) -> Row:
    """What works on the whole base is refused to a named user who may not see all of it."""
    return refused(lambda scene: call(scene.base), Refused)


def same(call: Callable[[KnowledgeBase], KnowledgeBase]) -> Row:
    """Another base made of this one shows no more."""
    return lambda scene: call(scene.base).documents()


def part(name: str) -> Row:
    """An open part of the base, which holds models and no documents."""

    def row(scene: Scene) -> None:
        getattr(scene.base, name)

    return row


def _counts(scene: Scene) -> Any:
    now = scene.base.status()
    return [now.documents, now.chunks, now.near_duplicates, now.size_bytes, *now.states.values(), *now.sources]


def _synced(scene: Scene) -> Any:
    done = scene.base.sync()
    return [done.new, done.changed, done.moved, done.deleted, done.failed, done.unchanged, *done.failures]


def _added(scene: Scene) -> None:
    done = scene.base.add("eves.md", text=TEXT)
    assert (done.new, done.duplicates, done.unchanged) == (1, 0, 0)  # as if nobody had ever said the same
    assert scene.base.status().near_duplicates == 0
    assert scene.base.remove("stdin:eves.md") == 1


METHODS: dict[str, Row] = {
    "create": lambda s: KnowledgeBase.create(s.other / "made", who=EVE).documents(),
    "open": lambda s: KnowledgeBase.open(s.base.folder, who=EVE).documents(),
    "over": _over,
    "as_user": same(lambda base: base.as_user(EVE)),
    "configured": same(lambda base: base.configured([])),
    "in_conversation": lambda s: s.base.in_conversation("vault talk").log(conversation="vault talk"),
    "with_models": same(lambda base: base.with_models()),
    "close": lambda s: KnowledgeBase.create(s.other / "closed", who=EVE).close(),
    "add": _added,
    "sync": _synced,
    "watch": lambda s: None,  # yields what sync gives
    "graph_update": upkeep(lambda base: base.graph_update()),
    "remove": refused(lambda s: s.base.remove("*")),
    "search": lambda s: s.base.search(ASKED).hits,
    "similar": refused(lambda s: s.base.similar(s.document)),
    "verify": lambda s: s.base.verify("The vault opens with sesame.").citations,
    "ask": lambda s: s.base.configured([], logs=False).ask(ASKED).citations,
    "stream": lambda s: [
        piece for piece in s.base.configured([], logs=False).stream(ASKED) if HIDDEN.search(str(piece)[:20])
    ],
    "status": _counts,
    "failures": lambda s: s.base.failures(skipped=True),
    "documents": lambda s: s.base.documents(),
    "log": lambda s: [row for row in s.base.log() if row.user != "eve"],
    "check": upkeep(lambda base: base.check()),
    "doctor": upkeep(lambda base: base.doctor()),
    "backup": upkeep(lambda base: base.backup(base.folder.parent / "copy")),
    "restore": lambda s: None,  # of a backup, which whoever has it may read
    "index_rebuild": upkeep(lambda base: base.index_rebuild()),
    "index_tree": upkeep(lambda base: base.index_tree()),
    "index_tree_drop": upkeep(lambda base: base.index_tree_drop()),
    "index_compact": upkeep(lambda base: base.index_compact()),
    "reembed": upkeep(lambda base: base.reembed()),
    "sparse_fill": upkeep(lambda base: base.sparse_fill()),
    **{name: part(name) for name in ("settings_hash", "reader", "embedder", "scorer", "cheap", "reranker", "chat")},
}
FIELDS = {"folder", "settings", "store", "models", "context", "who", "logs", "conversation"}


def test_every_public_method_of_an_open_base_has_a_row() -> None:
    public = {name for name in vars(KnowledgeBase) if not name.startswith("_")} - FIELDS
    assert public == set(METHODS), "add a row to METHODS for each that is missing, or drop one that is gone"


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_nothing_to_who_may_see_nothing(scene: Scene, name: str) -> None:
    found = METHODS[name](scene)
    assert not HIDDEN.search(repr(found)), found
    assert found is None or not found or not any(found), f"{name}: {found}"
    assert scene.document in [one.id for one in scene.mine.documents()]  # and takes nothing away


# every command

NAMED = ("vault", "pay-lora")  # what eve types herself may come back in an error
COMMAND_LINES: dict[str, tuple[str, ...]] = {
    "jobs show": ("1",),
    "jobs cancel": ("1",),
    "jobs work": ("--job", "1"),
    "init": ("{out}/fresh",),
    "add": ("{out}/nothing-there",),
    "remove": ("*vault*",),
    "search": ("What opens it?",),
    "similar": ("vault.md",),
    "ask": ("What opens it?",),
    "rate": ("{trace}", "up"),
    "verify": ("The vault opens with sesame 4711.",),
    "route train": ("{out}/none.jsonl",),
    "route show": ("What opens it?",),
    "questions load": ("{out}/none.jsonl",),
    "questions export": ("{out}/exported.jsonl",),
    "compare": ("--ways", "retrieval"),
    "graph show": ("Vault",),
    "graph export": ("{out}/graph.graphml",),
    "models pull": ("nowhere",),
    "models show": ("pay-lora",),
    "models use": ("pay-lora",),
    "models export": ("pay-lora", "--to", "merged"),
    "models lineage": ("pay-lora",),
    "models suggest": ("--data", "vault"),
    "models remove": ("pay-lora",),
    "tune prepare": ("--from-log",),
    "tune pairs make": ("--name", "vault"),
    "tune pairs judge": ("vault", "--rule", "shorter"),
    "tune estimate": ("--data", "vault"),
    "tune run": ("--data", "vault"),
    "tune search": ("--data", "vault"),
    "tune predict": ("pay-lora", "text"),
    "tune launch": ("--data", "vault", "--out", "{out}/launch"),
    "config set": ("answer.passages", "5"),
    "backup": ("{out}/backup",),
    "restore": ("{out}/none", "{out}/restored"),
    "log": ("{trace}",),
    "models profile": ("nothing:here",),
    "tables show": ("vault.md#1",),
    "tables export": ("vault.md#1", "--to", "{out}/vault.csv"),
    "tables query": ("vault.md#1",),
    "tables sql": ("vault.md#1", "SELECT COUNT(*) FROM t"),
    "serve": ("--set", "serve.host=0.0.0.0"),  # refused before it listens
    "keys add": ("eves",),
    "keys revoke": ("{credential}",),
}
BARE = {
    "sync", "status", "chat", "questions draft", "questions review", "questions check", "questions freeze",
    "questions list", "eval run", "eval list", "advise", "optimise", "index rebuild", "index compact", "index tree",
    "index reembed", "index truncation", "index presets", "graph build", "graph entities", "models list", "tune runs",
    "config show", "config check", "doctor", "check", "keys list", "tables list", "jobs list",
    "tune pairs show",
}  # fmt: skip


def test_every_command_has_a_line() -> None:
    every = {row.name for row in COMMANDS if row.place}
    assert every == {*COMMAND_LINES, *BARE}, "add a line to COMMAND_LINES, or the name to BARE where it needs none"


@pytest.mark.parametrize("name", sorted({*COMMAND_LINES, *BARE}))
def test_a_command_tells_nothing_to_who_may_see_nothing(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [
        word.format(out=tmp_path, trace=scene.trace, credential=scene.credential)
        for word in COMMAND_LINES.get(name, ())
    ]
    shared = ["--base", str(scene.base.folder), "--user", "eve", "--set", "answer.style=quote"]
    done = CliRunner().invoke(app, [*shared, *name.split(), *given], prog_name="wellread", input="")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    said = done.output
    for word in (*given, scene.trace, str(scene.base.folder)):
        said = said.replace(word, "")
    assert not HIDDEN.search(said), said
    assert scene.document in [one.id for one in scene.mine.documents()]
