"""Where rows come from: files of examples, the documents of a base, its questions and its log, a file of facts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT, Progress
from wellread.questions import file as question_files
from wellread.questions import freeze
from wellread.questions.draft import chat as draft_chat
from wellread.questions.draft import draft, rules
from wellread.questions.draft.candidate import Candidate, running, tables
from wellread.tune.data import files, formats
from wellread.tune.data.data import ChatRow
from wellread.tune.data.findings import DEFAULT, DataFinding, Policy
from wellread.tune.data.formats import Detected
from wellread.tune.data.makers import examples, facts, feedback, passages
from wellread.tune.data.makers.facts import Fact, Library
from wellread.tune.data.makers.passages import ReadingOptions
from wellread.tune.data.pairs import kept, raters
from wellread.tune.data.pairs.kept import KeptPairs
from wellread.tune.data.rows import PlacedRow, parallel, take
from wellread.tune.data.settings import PrepareSettings
from wellread.types import Document, Question

CHAT_QUESTIONS_PER_DOCUMENT = 4  # asked of a chat model, where no limit is set


@dataclass(slots=True)
class Gathered:
    """Rows of one task with what was found in their sources, why each file was read as it was, and what was made.

    ``made`` counts examples by kind, or rows by how they were judged; ``dropped`` counts, by reason, what a maker gave
    and a check refused, or what nobody decided.
    """

    task: str = ""
    rows: list[PlacedRow] = field(default_factory=list)
    findings: list[DataFinding] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    facts: int = 0
    traces: set[str] = field(default_factory=set)  # logged answers that opinions are about
    chunks: set[str] = field(default_factory=set)  # that prompts of rows other than conversations hold
    pairs: list[KeptPairs] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add_made(self, rows: Iterable[ChatRow], name: str) -> None:
        """Examples that were made, as rows of the source ``name``."""
        for one in rows:
            self.rows.append(PlacedRow(one, name, len(self.rows) + 1))
            self.made[one.kind] += 1


def from_files(
    paths: Sequence[Path],
    *,
    names: Sequence[str] = (),
    task: str = "",
    mapping: Sequence[str] = (),
    policy: Policy = DEFAULT,
) -> Gathered:
    """The rows of files, all of one task; two files of running text with the task text2text are parallel texts.

    ``names`` are what findings call the files, each another; without them they are made as short as can be.

    Raises: UsageError for a task, mapping or path that does not exist; MissingExtra.
    """
    gathered = Gathered(task)
    names = names or files.short_names(paths)
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: is not there")
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; name its files, or wellread add it and pass --from-base")
    named = formats.mapping_of(mapping)
    tables_read = [files.read(path, policy, name=name, named=named) for path, name in zip(paths, names, strict=True)]
    if task == "text2text" and len(paths) == 2 and all(table.kind == "text" for table in tables_read):
        return _parallel(paths, (names[0], names[1]), gathered, policy)
    for table in tables_read:
        gathered.findings += table.findings
        if not table.records:
            continue
        detected = formats.detect(table, task=task or gathered.task, mapping=named, policy=policy)
        if isinstance(detected, DataFinding) and gathered.task and not task:
            detected = _other_task(table, detected, gathered, policy)
        if isinstance(detected, DataFinding):
            gathered.findings.append(detected)
            continue
        gathered.task = detected.task
        gathered.formats[table.file] = detected.why
        taken = take(table, detected, policy)
        gathered.rows += taken.rows
        gathered.findings += [*taken.findings, *formats.unread(table, detected, policy)]
    return gathered


def _other_task(table: files.RecordFile, unknown: DataFinding, gathered: Gathered, policy: Policy) -> DataFinding:
    """What is wrong with a file that does not fit the ones before it."""
    other = formats.detect(table, policy=policy)
    if not isinstance(other, Detected):
        return unknown
    message = f"holds {other.format.name} ({other.task}), the files before it {gathered.task}; prepare them one by one"
    return policy.finding("mixed-tasks", table.file, 0, message)


def _parallel(paths: Sequence[Path], names: tuple[str, str], gathered: Gathered, policy: Policy) -> Gathered:
    try:
        one, other = (path.read_text("utf-8-sig").rstrip("\n").split("\n") for path in paths)
    except UnicodeDecodeError:
        tables = [files.read(path, policy, name=name) for path, name in zip(paths, names, strict=True)]
        gathered.findings += [finding for table in tables for finding in table.findings]
        return gathered
    taken = parallel(one, other, names, policy)
    gathered.formats[f"{names[0]} + {names[1]}"] = "parallel texts, because two files of lines were given for text2text"
    gathered.rows, gathered.findings = taken.rows, [*gathered.findings, *taken.findings]
    return gathered


# from the base


def library(base: KnowledgeBase, *, seed: int) -> Library:
    """The documents of a base that are in force, with their texts."""
    return Library(base, draft.documents(base, random.Random(seed)))


def from_base(known: Library, settings: PrepareSettings, gathered: Gathered, progress: Progress = SILENT) -> None:
    """Examples of the wanted kinds, made from the documents and checked.

    Raises: UsageError where no document can be read, or the chat maker has no model; ModelUnavailable.
    """
    if not known.documents:
        raise UsageError("the base holds no document in force; run: wellread add FOLDER")
    candidates = _candidates(known, settings, progress)
    found = facts.from_candidates(candidates, known, gathered.dropped)
    used = {"summary"} if "summaries" in settings.kinds else set()
    used |= {"fact", "table"} if {*settings.kinds} - {"summaries"} else set()
    found = _some([fact for fact in found if fact.kind in used], settings.most, seed=settings.seed)
    gathered.facts += len(found)
    gathered.task = "chat"
    made: list[ChatRow] = []
    if "qa" in settings.kinds:
        made += examples.questions(found, settings.phrasings)
    if "paraphrases" in settings.kinds:
        made += examples.paraphrases(found, settings.phrasings)
    if "statements" in settings.kinds:
        made += examples.statements(found, settings.phrasings)
    if "summaries" in settings.kinds:
        made += examples.summaries(found)
    if "passages" in settings.kinds:
        made += passages.from_facts(found, known, reading(settings), progress, seed=settings.seed)
    gathered.add_made(examples.unlike(made, gathered.dropped), "documents")


def reading(settings: PrepareSettings) -> ReadingOptions:
    """How examples for reading passages are made."""
    return ReadingOptions(settings.distractors, settings.without_golden, settings.refusal)


def _candidates(known: Library, settings: PrepareSettings, progress: Progress) -> list[Candidate]:
    if settings.maker == "chat":
        chat = known.base.chat
        if chat is None:
            raise UsageError("prepare.maker is chat and chat.model is empty; name a model, or set prepare.maker=rules")
        kinds = ("fact", "summary") if "summaries" in settings.kinds else ("fact",)
        n = settings.most or CHAT_QUESTIONS_PER_DOCUMENT * len(known.documents)
        wanted = draft.Drafting(n=n, kinds=kinds, phrasings=settings.phrasings - 1, seed=settings.seed)
        return list(draft_chat.maker(known.base, draft_chat.asked(known.base, chat), wanted, progress)(known.documents))
    sentences = [s for document in known.documents for s in running(document)]
    every = [table for document in known.documents for table in tables(document)]
    chance = random.Random(settings.seed)
    progress.step("make examples", 0, None)
    return [*rules.facts(sentences), *rules.of_tables(every, chance), *rules.summaries(sentences)]


def _some(found: list[Fact], most: int, *, seed: int) -> list[Fact]:
    """At most ``most`` facts, document by document in turn; 0 takes all."""
    if not most or len(found) <= most:
        return found
    chance = random.Random(seed)
    waiting: dict[tuple[str, ...], list[Fact]] = {}
    for fact in chance.sample(found, len(found)):
        waiting.setdefault(fact.documents, []).append(fact)
    taken: list[Fact] = []
    while len(taken) < most:
        for rest in waiting.values():
            if rest and len(taken) < most:
                taken.append(rest.pop())
    return taken


def from_facts(
    path: Path, known: Library | None, settings: PrepareSettings, gathered: Gathered, *, name: str = ""
) -> None:
    """Every fact of a file in each of its phrasings, with its short answer; findings call the file ``name``.

    Raises: UsageError.
    """
    found = facts.read(path, known)
    gathered.task = "chat"
    gathered.facts += len(found)
    rows = [examples.row(asked, fact.answer, fact, "fact") for fact in found for asked in fact.phrasings]
    gathered.add_made(examples.unlike(rows, gathered.dropped), name or path.name)


def from_questions(
    path: Path,
    known: Library,
    settings: PrepareSettings,
    gathered: Gathered,
    progress: Progress = SILENT,
    *,
    name: str = "",
) -> None:
    """Questions of a file with their hits and right answers; those that are kept for evaluation are left out.

    Findings call the file ``name``.

    Raises: UsageError where the file is the base's own set and was not frozen into parts.
    """
    asked: Sequence[Question] = question_files.read(path)
    own = known.base.folder / question_files.FILE
    if own.exists() and path.resolve() == own.resolve():
        if not freeze.is_frozen(known.base.folder):
            raise UsageError(f"{path}: is what this base is evaluated on; split it first: wellread questions freeze")
        asked = freeze.read(known.base.folder).part("train")
    kept = [question for question in asked if question.split in ("", "train")]
    gathered.dropped["kept for evaluation"] += len(asked) - len(kept)
    if not gathered.dropped["kept for evaluation"]:
        del gathered.dropped["kept for evaluation"]
    gathered.task = "chat"
    made = passages.from_questions(kept, known, reading(settings), gathered.dropped, progress)
    gathered.add_made(made, name or path.name)


def from_pairs(base: KnowledgeBase, name: str, gathered: Gathered) -> None:
    """Rows of the verdicts on a set of pairs; what nobody decided is counted.

    Raises: UsageError where the base has none of that name.
    """
    pairs = kept.find(base, name)
    gathered.task = "preference"
    gathered.pairs.append(pairs)
    models: Counter[str] = Counter()
    for row, verdict in raters.rows(pairs, gathered.dropped):
        gathered.rows.append(PlacedRow(row, f"pairs {name}", len(gathered.rows) + 1))
        gathered.made[f"judged by {verdict.by}"] += 1
        models[verdict.rater] += verdict.by == "model"
    known = raters.figures(pairs, seed=0).model_with_people if +models else {}
    for model, n in (+models).items():
        gathered.remarks.append(f"{n} rows were judged by {model}: {raters.worth(known.get(model))}")


def opinions(base: KnowledgeBase, task: str, settings: PrepareSettings, gathered: Gathered) -> None:
    """What users said of logged answers, as rows of the task preference or rating."""
    gathered.task = task
    make = feedback.preferences if task == "preference" else feedback.ratings
    for one in make(base, reading(settings)):
        gathered.rows.append(PlacedRow(one.row, "question log", len(gathered.rows) + 1))
        gathered.made["opinions"] += 1
        gathered.traces.update(one.traces)
        gathered.chunks.update(one.chunks)


def from_log(base: KnowledgeBase, settings: PrepareSettings, gathered: Gathered) -> None:
    """Questions of the log that somebody corrected, with their hits and the correction."""
    gathered.task = "chat"
    gathered.add_made(passages.from_log(base, reading(settings)), "question log")


def examined_on(folder: Path, more: Sequence[Path] = ()) -> list[str]:
    """Texts of the questions that a model of this base will be examined on: never those of the part train.

    Raises: UsageError where a set is damaged, or was changed after it was frozen.
    """
    asked: list[Question] = []
    own = folder / question_files.FILE
    if freeze.is_frozen(folder):
        asked += freeze.read(folder).questions
    elif own.is_file():
        asked += question_files.read(own)
    for path in more:
        asked += question_files.read(path)
    return [question.text for question in asked if question.split != "train"]


def documents_of(rows: Sequence[PlacedRow], known: Library | None, chunks: Collection[str] = ()) -> dict[str, Document]:
    """Chunk id → document of every source of the rows, and of further chunks."""
    if known is None:
        return {}
    wanted = {source for placed in rows if isinstance(placed.row, ChatRow) for source in placed.row.sources}
    wanted |= set(chunks)
    return {chunk.id: d for d in known.documents for chunk in known.chunks(d) if chunk.id in wanted}
