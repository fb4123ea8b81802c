"""The verb of preparing: gather rows, examine them, split them, freeze them, and say all that was found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from wellread import config, digests
from wellread.errors import MissingExtra, ModelError, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT, Progress
from wellread.questions.stands import letters
from wellread.store import lineage
from wellread.store.lineage import Input
from wellread.tune.base import base_model, template
from wellread.tune.base.template import TokenPiece
from wellread.tune.data import data, doctor, files, findings, gather, set_checks, split, token_checks
from wellread.tune.data.data import PARTS, Card, ChatRow, ClassifyRow, DataSet, PreferenceRow, RatedRow
from wellread.tune.data.doctor import Examined, Instruments
from wellread.tune.data.findings import DEFAULT, DataFinding, Policy
from wellread.tune.data.gather import Gathered
from wellread.tune.data.makers.facts import Library
from wellread.tune.data.makers.passages import CORRECTION
from wellread.tune.data.pairs import kept
from wellread.tune.data.rows import PlacedRow
from wellread.tune.data.settings import PrepareSettings
from wellread.tune.data.token_checks import Lengths
from wellread.types import Document

ARTIFACT = "dataset"
OPINIONS = ("preference", "rating")  # tasks that ratings and corrections of the log are rows of, as they are
BY_TOKENS = (
    "chat",
    "text2text",
    "texts",
    "preference",
    "rating",
)  # tasks that the tokenizer of tune.base is asked about


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What is prepared: at least one source, and how it is to be taken."""

    name: str
    files: tuple[Path, ...] = ()
    task: str = ""
    mapping: tuple[str, ...] = ()
    from_base: bool = False
    from_log: bool = False
    questions: tuple[Path, ...] = ()
    facts: tuple[Path, ...] = ()
    pairs: tuple[str, ...] = ()  # names of sets of judged pairs
    against: tuple[Path, ...] = ()
    policy: Policy = DEFAULT
    check_only: bool = False
    replace_old: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What preparing gave; ``card`` is None where nothing was written, ``code`` is 0, 3 or 2."""

    name: str
    task: str
    code: int
    card: Card | None
    folder: Path | None
    counts: Mapping[str, int]
    formats: Mapping[str, str]
    findings: tuple[DataFinding, ...]
    made: Mapping[str, int]
    not_made: Mapping[str, int]
    lengths: Lengths
    examples: tuple[str, ...]
    advice: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    masks: tuple[tuple[TokenPiece, ...], ...] = field(default=())


def prepare(
    base: KnowledgeBase,
    wanted: PrepareRequest,
    settings: PrepareSettings,
    model: str,
    progress: Progress = SILENT,
    *,
    show: int = 0,
) -> Prepared:
    """A frozen data set in the base, or what stands in its way.

    Args:
        base: in whose folder it is kept, and from whose documents examples are made.
        wanted: the sources.
        settings: section ``prepare``.
        model: the base model, as ``tune.base`` names it; its tokenizer says what a row becomes.
        progress: told of each step.
        show: rows of which every token is shown, with what is learned of it.
    Raises: UsageError, MissingExtra, ModelUnavailable, StoreError.
    """
    gathered, known = _gather(base, wanted, settings, progress)
    tokenizer, remarks = _tokenizer(model) if gathered.task in BY_TOKENS and gathered.rows else (None, ())
    instruments = Instruments(
        tokenizer,
        settings.max_length or data.LONGEST,
        gather.examined_on(base.folder, wanted.against),
        base.cheap,
        wanted.policy,
        settings.rater_share,
    )
    examined = doctor.examine(gathered.rows, instruments, progress)
    found = [*gathered.findings, *examined.findings]
    if not examined.rows:
        where = wanted.files[0].name if wanted.files else "what was made"
        found.append(wanted.policy.finding("no-rows", where, 0, "no row is left to learn from"))
    code = findings.exit_code(found, len(examined.rows))
    parts = _split(examined.rows, known, settings)
    made = _data_set(wanted, settings, gathered, examined, parts, model if tokenizer is not None else "")
    made = replace(made, card=replace(made.card, findings=findings.counts(found)))
    card, folder = None, None
    if code != findings.UNUSABLE and not wanted.check_only:
        folder = data.folder_of(base.folder, wanted.name)
        documents = gather.documents_of(examined.rows, known, gathered.chunks)
        card = _keep(base, made, folder, found, documents, (wanted, gathered))
    first = [placed.row for placed in examined.rows[: max(3, show)]]
    return Prepared(
        name=wanted.name,
        task=gathered.task,
        code=code,
        card=card,
        folder=folder,
        counts=dict(made.card.counts),
        formats=gathered.formats,
        findings=tuple(found),
        made=dict(gathered.made),
        not_made=dict(gathered.dropped),
        lengths=examined.lengths,
        examples=tuple(_seen(row, tokenizer) for row in first[:3]),
        advice=tuple(_advice(gathered, settings)),
        remarks=(*remarks, *gathered.remarks),
        masks=_masks(first[:show], tokenizer, examined.lengths.limit),
    )


def _gather(
    base: KnowledgeBase, wanted: PrepareRequest, settings: PrepareSettings, progress: Progress
) -> tuple[Gathered, Library | None]:
    judged = wanted.from_log and wanted.task in OPINIONS
    made = wanted.from_base or (wanted.from_log and not judged) or wanted.questions or wanted.facts
    if not (made or judged or wanted.files or wanted.pairs):
        raise UsageError(
            "nothing to prepare: name files, or pass --from-base, --facts, --questions, --from-log or --pairs"
        )
    paths = (*wanted.files, *wanted.facts, *wanted.questions)
    names = iter(files.short_names(paths))  # findings and what they drop are told apart by them
    own = [next(names) for _ in wanted.files]
    gathered = gather.from_files(
        wanted.files, names=own, task=wanted.task, mapping=wanted.mapping, policy=wanted.policy
    )
    for name in wanted.pairs:
        if gathered.task not in ("", "preference"):
            raise UsageError(
                f"--pairs {name}: holds preferences, and the files hold {gathered.task}; prepare them apart"
            )
        gather.from_pairs(base, name, gathered)
    if judged:
        if gathered.task not in ("", wanted.task):
            raise UsageError(f"--task {wanted.task}: the other rows are for {gathered.task}; prepare them apart")
        gather.opinions(base, wanted.task, settings, gathered)
    if not made:
        return gathered, gather.library(base, seed=settings.seed) if gathered.chunks else None
    if gathered.task not in ("", "chat"):
        raise UsageError(f"examples are made for the task chat, and the files hold {gathered.task}; prepare them apart")
    known = gather.library(base, seed=settings.seed)
    if wanted.from_base:
        gather.from_base(known, settings, gathered, progress)
    for path in wanted.facts:
        gather.from_facts(path, known if known.documents else None, settings, gathered, name=next(names))
    for path in wanted.questions:
        gather.from_questions(path, known, settings, gathered, progress, name=next(names))
    if wanted.from_log:
        gather.from_log(base, settings, gathered)
    return gathered, known


def _tokenizer(model: str) -> tuple[Any | None, tuple[str, ...]]:
    """The base model's tokenizer; None, with the reason, where it is not to be had here."""
    try:
        folder, _, _ = base_model.resolve(model, config.models_folder())
        return base_model.load_tokenizer(folder), ()
    except (MissingExtra, ModelError, UsageError) as error:
        return None, (f"lengths are estimated, and what is learned was not looked at: {error}",)


# parts


def _split(rows: Sequence[PlacedRow], known: Library | None, settings: PrepareSettings) -> list[str]:
    """The part of each row; see ``PrepareSettings.split``."""
    how = method(rows, settings)
    facts = [_fact(placed) for placed in rows]
    if how == "phrasings":
        return split.by_phrasing(facts, [placed.row.id for placed in rows], settings.shares, seed=settings.seed)
    clusters = [f"near {rows[at].row.id}" for at in set_checks.by_cluster(rows)]
    keys = []
    documents = gather.documents_of(rows, known) if how == "documents" else {}
    for placed, fact, cluster in zip(rows, facts, clusters, strict=True):
        names = [cluster, *([fact] if how in ("facts", "documents") else [])]
        if isinstance(placed.row, (PreferenceRow, RatedRow)):  # what is judged was asked nowhere in training
            names.append(f"prompt {letters(placed.row.prompt)}")
        if isinstance(placed.row, ChatRow) and how == "documents":
            first = placed.row.sources[:1]  # a passage that only distracts ties nothing together
            names += [f"document {documents[one].id}" for one in first if one in documents]
        keys.append(names)
    strata = [placed.row.label if isinstance(placed.row, ClassifyRow) else "" for placed in rows]
    return split.by_group(split.grouped(keys), strata, settings.shares, seed=settings.seed)


def method(rows: Sequence[PlacedRow], settings: PrepareSettings) -> str:
    """What is kept together: phrasings where facts are taught, documents where rows were made from some, else rows."""
    if settings.split != "auto":
        return settings.split
    kinds = {placed.row.kind for placed in rows if isinstance(placed.row, ChatRow)}
    if kinds == {"fact"}:
        return "phrasings"
    return "documents" if any(isinstance(p.row, ChatRow) and p.row.sources for p in rows) else "rows"


def _fact(placed: PlacedRow) -> str:
    row = placed.row
    return f"fact {row.fact}" if isinstance(row, ChatRow) and row.fact else f"row {row.id}"


def _data_set(
    wanted: PrepareRequest,
    settings: PrepareSettings,
    gathered: Gathered,
    examined: Examined,
    parts: Sequence[str],
    model: str,
) -> DataSet:
    rows = {name: tuple(p.row for p, part in zip(examined.rows, parts, strict=True) if part == name) for name in PARTS}
    first = examined.rows[0].row if examined.rows else None
    card = Card(
        name=wanted.name,
        task=gathered.task,
        counts={name: len(rows[name]) for name in PARTS},
        columns=tuple(data.to_json(first)) if first is not None else (),
        labels=_labels(examined.rows),
        files=tuple(_file(path) for path in (*wanted.files, *wanted.facts, *wanted.questions)),
        kinds=dict(Counter(p.row.kind for p in examined.rows if isinstance(p.row, ChatRow) and p.row.kind)),
        dropped=len(gathered.rows) - len(examined.rows) + sum(one.dropped for one in gathered.findings),
        settings={**asdict(settings), "task": wanted.task, "map": list(wanted.mapping),
                  "split_by": method(examined.rows, settings)},
        seed=settings.seed,
        max_length=examined.lengths.limit,
        tokenizer=model,
    )  # fmt: skip
    return DataSet(card, rows["train"], rows["validation"], rows["test"])


def _labels(rows: Sequence[PlacedRow]) -> tuple[str, ...]:
    found: set[str] = set()
    for placed in rows:
        if isinstance(placed.row, ClassifyRow):
            found.add(placed.row.label)
        elif isinstance(placed.row, data.TagRow):
            found.update(placed.row.tags)
    return tuple(sorted(found))


def _file(path: Path) -> dict[str, str]:
    return {"path": str(path), "sha256": digests.of_file(path)}


def _keep(
    base: KnowledgeBase,
    made: DataSet,
    folder: Path,
    found: Sequence[DataFinding],
    documents: Mapping[str, Document],
    origin: tuple[PrepareRequest, Gathered],
) -> Card:
    """Frozen on disk, and known to the lineage of the base with its chunks, documents, pairs and logged answers."""
    wanted, gathered = origin
    if (folder / "card.json").is_file() and not data.belongs_to(base, data.card_of(folder)):
        raise UsageError(f"data set '{wanted.name}': the name is taken; pass another --name")
    sources = {one.id: one for one in documents.values()}
    read = {one for pairs in gathered.pairs for one in pairs.card.documents}
    card = replace(made.card, documents=tuple(sorted({*sources, *read})), generation=base.store.generation())
    made = replace(made, card=replace(card, tenant=base.who.tenant, user=base.who.user))
    listed = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in found)
    card = data.freeze(made, folder, extra={"findings.jsonl": listed}, replace_old=wanted.replace_old)
    inputs = [Input("document", one.id, one.version) for one in sources.values()]
    inputs += [Input("chunk", chunk) for chunk in sorted(documents)]
    inputs += [Input(lineage.DOCUMENT, one) for one in sorted(read - set(sources))]
    inputs += [Input(lineage.ARTIFACT, kept.artifact_id(pairs.card)) for pairs in gathered.pairs]
    inputs += [Input(lineage.QUESTION, trace) for trace in sorted(_corrected(made) | gathered.traces)]
    with base.store.writing() as tx:
        settings = {"name": card.name, "hash": card.hash, **card.settings}
        lineage.record(
            tx, data.artifact_id(card), ARTIFACT, inputs, settings, who=base.who, code_version=card.code_version
        )
    return card


def _corrected(made: DataSet) -> set[str]:
    """Trace ids of the logged answers whose corrections are among the rows."""
    return {row.fact for row in made.rows if isinstance(row, ChatRow) and row.kind == CORRECTION}


# what the user is shown


def _seen(row: data.Row, tokenizer: Any | None) -> str:
    """A row as the model sees it."""
    turns = token_checks.conversation(row)
    if turns is None:
        values = data.to_json(row)
        return "\n".join(f"{name}: {value}" for name, value in values.items() if name != "id")
    if tokenizer is None:
        return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)
    try:
        return template.render(turns, tokenizer).text.rstrip("\n")
    except UsageError as error:
        return str(error)


def _masks(rows: Sequence[data.Row], tokenizer: Any | None, limit: int) -> tuple[tuple[TokenPiece, ...], ...]:
    if tokenizer is None:
        return ()
    return tuple(tuple(template.pieces(token_checks.encoded(row, tokenizer, limit), tokenizer)) for row in rows)


def _advice(gathered: Gathered, settings: PrepareSettings) -> list[str]:
    """Which mixtures are known to work, where this one is another."""
    kinds = set(gathered.made)
    if not kinds:
        return []
    said = []
    per_fact = sum(gathered.made.values()) / max(1, gathered.facts)
    teaching = kinds & {"qa", "fact", "statement", "paraphrase"}
    if teaching and not kinds & {"qa", "fact"}:
        said.append(
            "statements without questions are learned by heart and not found again when asked (Allen-Zhu & Li 2023, "
            "part 3.1): add qa to prepare.kinds"
        )
    if teaching and per_fact < 5:
        said.append(
            f"{per_fact:.1f} examples a fact: several phrasings of each are what makes it come back in other words; "
            "5 or more work better (Allen-Zhu & Li 2023; Ovadia et al. 2023): raise prepare.phrasings"
        )
    if teaching and per_fact >= 5 and kinds & {"qa", "fact"}:
        said.append(
            "questions in several phrasings (with statements beside them) are the mixture that works best for facts; "
            "keep general examples in the run (tune.replay), or other knowledge is lost"
        )
    if teaching and "passages" not in kinds:
        said.append(
            "trained on facts alone, a model may read retrieved passages worse (RAFT, Zhang et al. 2024): "
            "to use it with retrieval, add passages to prepare.kinds"
        )
    if "passages" in kinds and settings.without_golden == 0:
        said.append("every example holds its answer, so refusing is not learned: set prepare.without_golden above 0")
    return said
