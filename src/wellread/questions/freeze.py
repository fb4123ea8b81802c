"""A set of questions made fast: split by document, hashed, and refused when it has changed since.

``questions.lock.json`` holds the digest and the part of every question. Questions that share a document, directly or
over others, are in the same part, and so are the phrasings of one question: what was learned from the documents of one
part is never asked in another.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wellread import digests, paths
from wellread.errors import UsageError
from wellread.metrics.ranking import is_of
from wellread.questions import file as question_files
from wellread.questions.file import QuestionEntry
from wellread.types import Question

LOCK = paths.LOCK
PARTS = ("train", "validation", "test")
_SHOWN = 20  # changes that an error names; the rest is counted


@dataclass(frozen=True, slots=True)
class Frozen:
    """A set as it was frozen: each question with its part; ``hash`` names the set in results.

    ``was`` is the part that a question was in, by id, where it is left out because it names what another part has.
    """

    questions: tuple[Question, ...]
    hash: str
    was: Mapping[str, str] = field(default_factory=dict)

    def part(self, name: str) -> tuple[Question, ...]:
        """The questions of train, validation or test; those left out are in none."""
        return tuple(question for question in self.questions if question.split == name)

    def documents(self, name: str) -> tuple[str, ...]:
        """Documents that the evidence of a part names, sorted: what may be trained on is those of ``train``."""
        return tuple(sorted({e.document for question in self.part(name) for e in question.evidence}))


def digest(question: Question) -> str:
    """16 hex digits over everything that a question asks and accepts; its part is not among it."""
    values = {
        "text": question.text,
        "answers": question.answers,
        "evidence": [(e.document, e.quote) for e in question.evidence],
        "kind": question.kind,
        "answerable": question.answerable,
        "groups": sorted(question.groups),
        "variant_of": question.variant_of,
    }
    values |= {name: value for name in ("all_of", "wrong") if (value := getattr(question, name))}
    return digests.of_json(values, ascii_only=False)[:16]


def content_hash(questions: Iterable[Question]) -> str:
    """16 hex digits that do not depend on the order of the questions."""
    rows = sorted((question.id, digest(question), question.split) for question in questions)
    return digests.of_json(rows)[:16]


def split(
    questions: Sequence[Question],
    shares: Sequence[float],
    *,
    seed: int,
    before: Mapping[str, str] | None = None,
    changed: Collection[str] = (),
) -> tuple[Question, ...]:
    """The questions with their parts, which together come near the shares of ``PARTS``, by kind too.

    Args:
        questions: in any order.
        shares: of train, validation and test, not negative, one above 0; they are scaled to 1.
        seed: decides among equally good places.
        before: parts by question id that stay as they are. A new question that joins documents of two of them gets no
            part, because it would be asked about what another part has learned.
        changed: ids of those in ``before`` that are not what they were. One that now shares something with another
            part gets none.
    Raises: ValueError for shares that are none.
    """
    if len(shares) != len(PARTS) or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError("shares: three numbers that are not negative, one of them above 0")
    before = before or {}
    keys = _keys(questions)
    part = {question.id: before[question.id] for question in questions if before.get(question.id)}
    left = _strayed(keys, part, changed)
    part = {id: name for id, name in part.items() if id not in left}
    left |= _follow(questions, keys, part, left)
    groups = _components([q for q in questions if q.id not in part and q.id not in left], keys)
    random.Random(seed).shuffle(groups)
    groups.sort(key=len, reverse=True)
    _place(groups, [share / sum(shares) for share in shares], questions, part)
    return tuple(replace(question, split=part.get(question.id, "")) for question in questions)


def _keys(questions: Sequence[Question]) -> dict[str, set[str]]:
    """What ties a question to others: the documents of its evidence (each under one name) and its first phrasing."""
    names: dict[str, list[str]] = defaultdict(list)
    for name in sorted({e.document for q in questions for e in q.evidence}, key=lambda n: (len(n), n)):
        names[name.rpartition("/")[2]].append(name)
    one: dict[str, str] = {}
    for alike in names.values():
        for n, name in enumerate(alike):
            one[name] = next((one[other] for other in alike[:n] if is_of(name, other)), name)
    return {q.id: {*(one[e.document] for e in q.evidence), f"\0{q.variant_of or q.id}"} for q in questions}


def _taken(keys: Mapping[str, set[str]], part: Mapping[str, str], ids: Iterable[str]) -> dict[str, set[str]]:
    """The parts of the questions of these ids, by what they share."""
    taken: dict[str, set[str]] = defaultdict(set)
    for id in ids:
        for key in keys[id]:
            taken[key].add(part[id])
    return taken


def _strayed(keys: Mapping[str, set[str]], part: Mapping[str, str], changed: Collection[str]) -> set[str]:
    """Those of the changed questions that share something with another part: with what stayed, or with each other."""
    moved, found = set(part) & set(changed), set[str]()
    for others in (set(part) - moved, set(part)):
        taken = _taken(keys, part, others - found)
        found |= {id for id in moved - found if set().union(*(taken[key] for key in keys[id])) - {part[id]}}
    return found


def _follow(
    questions: Sequence[Question], keys: Mapping[str, set[str]], part: dict[str, str], left: Collection[str]
) -> set[str]:
    """Gives new questions the part of those that they share something with; the ids of those torn between two.

    Those ``left`` get none, and draw no other question to them.
    """
    torn: set[str] = set()
    while True:
        taken = _taken(keys, part, part)
        moved = False
        for question in questions:
            if question.id in part or question.id in torn or question.id in left:
                continue
            parts = set().union(*(taken[key] for key in keys[question.id] if key in taken))
            if len(parts) == 1:
                part[question.id] = parts.pop()
                moved = True
                break
            if parts:
                torn.add(question.id)
        if not moved:
            return torn


def _components(questions: Sequence[Question], keys: Mapping[str, set[str]]) -> list[list[Question]]:
    """Questions in groups that share nothing with each other, in the order of their first one."""
    root: dict[str, str] = {}

    def find(key: str) -> str:
        while root.setdefault(key, key) != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for question in questions:
        first, *others = sorted(keys[question.id])
        for other in others:
            root[find(other)] = find(first)
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(find(min(keys[question.id])), []).append(question)
    return list(groups.values())


def _place(
    groups: Sequence[Sequence[Question]], shares: Sequence[float], questions: Sequence[Question], part: dict[str, str]
) -> None:
    """Each group goes where the parts come nearest to their shares of every kind, and of all."""
    total = Counter(question.kind for question in questions)
    total[""] = len(questions)
    filled = {name: Counter[str]() for name in PARTS}
    for question in questions:
        if question.id in part:
            filled[part[question.id]].update((question.kind, ""))
    wanted = {name: {kind: share * n for kind, n in total.items()} for name, share in zip(PARTS, shares, strict=True)}
    open_parts = [name for name, share in zip(PARTS, shares, strict=True) if share > 0]
    for group in groups:
        more = Counter(question.kind for question in group)
        more[""] = len(group)

        def cost(name: str, more: Counter[str] = more) -> float:
            target, have = wanted[name], filled[name]
            return sum(n * (2 * (have[kind] - target[kind]) + n) / max(target[kind], 1e-9) for kind, n in more.items())

        chosen = min(open_parts, key=cost)
        filled[chosen].update(more)
        part.update((question.id, chosen) for question in group)


def freeze(folder: Path, shares: Sequence[float], *, seed: int, again: bool = False) -> Frozen:
    """The set of the base is frozen: parts stand in its rows, digests in ``questions.lock.json``.

    ``again`` takes over what has changed since; questions keep their parts, or are left out where they changed and now
    share a document with another part.

    Raises: UsageError where there is no set, or where it was frozen and has changed and not ``again``.
    """
    path = folder / question_files.FILE
    rows = question_files.kept(path)
    if not rows:
        raise UsageError(f"{path}: no questions yet; wellread questions load FILE, or wellread questions draft")
    if (folder / LOCK).is_file() and not again:
        return read(folder)
    known = _lock(folder)["questions"] if again else {}
    before = {id: value["split"] or value.get("was", "") for id, value in known.items()}
    now = [row.question for row in rows]
    changed = {q.id for q in now if before.get(q.id) and (digest(q) != known[q.id]["digest"] or "was" in known[q.id])}
    parted = split(now, shares, seed=seed, before=before, changed=changed)
    was = {q.id: before[q.id] for q in parted if not q.split and before.get(q.id)}
    frozen = Frozen(parted, content_hash(parted), was)
    question_files.write(
        path, [QuestionEntry(q, row.made, row.state, row.extra) for q, row in zip(parted, rows, strict=True)]
    )
    lock = {
        "version": 1,
        "hash": frozen.hash,
        "seed": seed,
        "shares": dict(zip(PARTS, shares, strict=True)),
        "questions": {q.id: _locked(q, was.get(q.id, "")) for q in sorted(parted, key=lambda q: q.id)},
    }
    question_files.put(folder / LOCK, json.dumps(lock, indent=1) + "\n")
    return frozen


def _locked(question: Question, was: str) -> dict[str, str]:
    locked = {"digest": digest(question), "split": question.split}
    return locked | {"was": was} if was else locked


def is_frozen(folder: Path) -> bool:
    """Whether the set of a base has been frozen."""
    return (folder / LOCK).is_file()


def read(folder: Path) -> Frozen:
    """The frozen set, letter for letter as it was frozen.

    Raises: UsageError that names every change where it is not, and where no set was frozen.
    """
    if not is_frozen(folder):
        raise UsageError(f"{folder}: no frozen questions; run: wellread questions freeze")
    known = _lock(folder)
    questions = question_files.read(folder / question_files.FILE) if (folder / question_files.FILE).is_file() else ()
    changes = _changes(questions, known["questions"])
    if changes:
        shown = changes[:_SHOWN] + ([f"… and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else [])
        raise UsageError(
            "\n".join(f"{question_files.FILE}: {change}" for change in shown)
            + f"\n{question_files.FILE}: has changed since it was frozen ({known['hash']}); undo that, or take it over "
            "with: wellread questions freeze --again"
        )
    was = {id: value["was"] for id, value in known["questions"].items() if "was" in value}
    return Frozen(questions, known["hash"], was)


def _changes(questions: Sequence[Question], known: Mapping[str, Mapping[str, str]]) -> list[str]:
    now = {question.id: question for question in questions}
    found = [f"{key}: is gone" for key in known if key not in now]
    for key, question in now.items():
        if key not in known:
            found.append(f"{key}: is new")
        elif digest(question) != known[key]["digest"]:
            found.append(f"{key}: has another text, answer or evidence")
        elif question.split != known[key]["split"]:
            found.append(f"{key}: is in part '{question.split}', was frozen in '{known[key]['split']}'")
    return found


def _lock(folder: Path) -> dict[str, Any]:
    path = folder / LOCK
    if not path.is_file():
        return {"questions": {}}
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); restore it, or remove it and freeze again") from error
    if not isinstance(known, dict) or not isinstance(known.get("questions"), dict) or "hash" not in known:
        raise UsageError(f"{path}: is no lock file of wellread; restore it, or remove it and freeze again")
    return known
