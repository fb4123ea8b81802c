"""Decisions on drafts, each kept as soon as it is made: accepted ones go into the set, rejected ones stay away."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from wellread.questions import file as question_files
from wellread.questions.file import QuestionEntry


@dataclass(frozen=True, slots=True)
class DraftGroup:
    """A draft and its other phrasings, which are decided on together."""

    entries: tuple[QuestionEntry, ...]


@dataclass(slots=True)
class Reviewed:
    """What waits, in order, and what has been decided since ``begin``; every method writes the files."""

    folder: Path
    waiting: list[DraftGroup] = field(default_factory=list)
    skipped: list[DraftGroup] = field(default_factory=list)
    accepted: int = 0
    rejected: int = 0

    @property
    def left(self) -> int:
        """Drafts, phrasings counted, that nothing has been decided on."""
        return sum(len(group.entries) for group in (*self.waiting, *self.skipped))

    def accept(self, group: DraftGroup) -> None:
        """The questions are in the set, and no drafts any more."""
        self._to_set([group])
        self._decide(group, None)
        self.accepted += len(group.entries)

    def accept_all(self) -> None:
        """Everything that waits is in the set."""
        groups = list(self.waiting)
        self._to_set(groups)
        ids = {entry.question.id for group in groups for entry in group.entries}
        path = self.folder / question_files.DRAFTS
        question_files.write(path, [e for e in question_files.kept(path) if e.question.id not in ids])
        self.waiting.clear()
        self.accepted += len(ids)

    def reject(self, group: DraftGroup) -> None:
        """The drafts stay in their file as rejected, so that they are not drafted again."""
        self._decide(group, "rejected")
        self.rejected += len(group.entries)

    def skip(self, group: DraftGroup) -> None:
        """The drafts wait for the next review."""
        self.waiting.pop(0)
        self.skipped.append(group)

    def _to_set(self, groups: list[DraftGroup]) -> None:
        path = self.folder / question_files.FILE
        new = [replace(entry, state="accepted") for group in groups for entry in group.entries]
        rows, _, _, _ = question_files.merged(question_files.kept(path), new, replace=True)
        question_files.write(path, rows)

    def _decide(self, group: DraftGroup, state: question_files.State | None) -> None:
        """The drafts of a group are gone from their file, or stand there with a state."""
        path = self.folder / question_files.DRAFTS
        ids = {entry.question.id for entry in group.entries}
        rows = []
        for entry in question_files.kept(path):
            if entry.question.id not in ids:
                rows.append(entry)
            elif state is not None:
                rows.append(replace(entry, state=state))
        question_files.write(path, rows)
        self.waiting.pop(0)


def begin(folder: Path) -> Reviewed:
    """The drafts of a base that wait for a decision. Raises: UsageError for files with faults."""
    known = {entry.question.id for entry in question_files.kept(folder / question_files.FILE)}
    groups: dict[str, list[QuestionEntry]] = {}
    for entry in question_files.kept(folder / question_files.DRAFTS):
        q = entry.question
        if entry.state == "draft" and q.id not in known:
            groups.setdefault(q.variant_of or q.id, []).append(entry)
    return Reviewed(folder, [DraftGroup(tuple(entries)) for entries in groups.values()])
