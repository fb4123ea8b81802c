"""How an answer looks: its text, numbered sources with their quotations, one line on how it came about, its stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wellread.cli import show
from wellread.documents.kinds import place_in
from wellread.documents.place import place_of
from wellread.types import Answer, Citation, Hit, Stage, SyncReport

QUOTE_CHARACTERS = 600  # of a quotation on the screen; --json has all of it


def answer(given: Answer, *, text_shown: bool = False, explain: bool = False) -> None:
    """An answer, its sources and how it came about; ``text_shown`` when the text has been streamed already."""
    if not text_shown:
        show.say(given.text)
    sources(given)
    show.say()
    show.say(footer(given), "dim")
    if explain:
        show.say()
        stages(given.stages)


def sources(given: Answer) -> None:
    """The sources of an answer; of a refused one the passages that came nearest."""
    if given.refused and given.nearest:
        show.say()
        show.say("The nearest passages:", "dim")
    for number, citation in enumerate(given.nearest if given.refused else given.citations, 1):
        show.say()
        show.say(f"[{number}] {_place(citation)}", "bold")
        show.say(f"“{excerpt(citation.quote)}”", indent=4)
        if citation.note:
            show.say(show.line(citation.note), "bold", indent=4)


def _place(citation: Citation) -> str:
    return place(citation.title, citation.document, place_of(citation), citation.heading_path)


def place(title: str, uri: str, page: str, heading_path: Sequence[str]) -> str:
    """``Fares 2026 · fares/fares-2026.pdf, page 2 · Extras › Dogs``; a heading that repeats the title is left out."""
    headings = [show.line(h) for h in heading_path if h != title]
    path = ", ".join(filter(None, (show.where(uri), page)))
    return " · ".join(filter(None, (show.line(title), path, " › ".join(headings))))


def excerpt(text: str, limit: int = QUOTE_CHARACTERS) -> str:
    """Text on one line, cut at a word where it is longer than ``limit`` characters."""
    text = show.line(text)
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"


def footer(given: Answer) -> str:
    """``verified · written · 1.2 s · 412 tokens · no cost · nothing left this machine``."""
    return " · ".join(filter(None, (_checked(given), *_spent(given), _travelled(given.left_machine))))


def _checked(given: Answer) -> str:
    if given.refused:
        return "refused"
    struck = sum(not verdict.supported for verdict in given.verdicts)
    borne_out = len(given.verdicts) > struck
    note = f", {show.count(struck, 'sentence')} struck" if struck else ""
    return f"{'verified' if borne_out else 'not verified'}{note} · {given.route}"


def _spent(given: Answer) -> Iterable[str]:
    total_ms = given.timings_ms.get("total", sum(given.timings_ms.values()))
    yield show.duration(total_ms / 1e3)
    usage = given.usage
    yield show.count(usage.prompt_tokens + usage.completion_tokens, "token")
    if usage.cost is not None:
        yield f"{usage.cost:.4f} {usage.currency}" if usage.cost else "no cost"
    else:
        yield "cost not known" if given.left_machine and usage.calls else "no cost"


def _travelled(hosts: Sequence[str]) -> str:
    return f"text went to {', '.join(hosts)}" if hosts else "nothing left this machine"


def hits(found: Sequence[Hit], *, scores: bool = False) -> None:
    """Passages, best first: where they stand, their score and their text."""
    for number, hit in enumerate(found, 1):
        unit = place_in(hit.document.uri, hit.chunk.page)
        if number > 1:
            show.say()
        heading = place(hit.document.title, hit.document.uri, unit, hit.chunk.heading_path)
        show.say(f"[{number}] {heading}", "bold")
        show.say(excerpt(hit.chunk.text), indent=4)
        if scores:
            each = "  ".join(f"{name} {value:.4g}" for name, value in hit.scores.items())
            show.say(f"score {hit.score:.4g}  {each}".rstrip(), "dim", indent=4)


def stages(taken: Sequence[Stage]) -> None:
    """Every stage with its time and what it says of itself; lists stand below it, an entry a line."""
    for stage in taken:
        short = {key: value for key, value in stage.detail.items() if not _is_long(value)}
        said = "  ".join(f"{key} {_brief(value)}" for key, value in short.items())
        show.say(f"{stage.name:<12} {stage.ms:8.1f} ms  {show.line(said)}".rstrip(), "dim")
        for key, value in stage.detail.items():
            if key not in short:
                _long(key, value)
    show.say(f"{'total':<12} {sum(stage.ms for stage in taken):8.1f} ms", "dim")


def _is_long(value: object) -> bool:
    return isinstance(value, (list, tuple, Mapping)) and bool(value)


def _long(key: str, value: object) -> None:
    entries = [f"{k}: {_brief(v)}" for k, v in value.items()] if isinstance(value, Mapping) else value
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        parts = entry if isinstance(entry, (list, tuple)) else (entry,)
        show.say(f"{key}: {excerpt('  '.join(_brief(part) for part in parts), 160)}", "dim", indent=16)


def _brief(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def report(done: SyncReport) -> str:
    """``412 documents, 9,310 chunks, 3 failed (wellread status --failed)``; what did not occur is left out."""
    read = done.new + done.changed + done.moved
    if not read and not done.deleted and not done.failed and not done.skipped and not done.duplicates:
        return f"in step: {show.count(done.unchanged, 'document')} unchanged, {show.duration(done.seconds)}"
    parts = [show.count(read, "document"), show.count(done.chunks, "chunk")]
    kinds = [(done.changed, "changed"), (done.moved, "moved")]
    detail = ", ".join(f"{n:,} {word}" for n, word in kinds if n)
    parts[0] += f" ({detail})" if detail else ""
    if done.failed:
        parts.append(f"{done.failed:,} failed (wellread status --failed)")
    rest = ((done.duplicates, "duplicate"), (done.deleted, "deleted"), (done.skipped, "skipped"))
    parts += [f"{show.count(n, word) if word == 'duplicate' else f'{n:,} {word}'}" for n, word in rest if n]
    if done.summaries:
        parts.append("1 summary" if done.summaries == 1 else f"{done.summaries:,} summaries")
    if done.unchanged:
        parts.append(f"{done.unchanged:,} unchanged")
    lines = [f"{', '.join(parts)}, {show.duration(done.seconds)}"]
    for groups, n in sorted(done.restricted.items()):
        named = f"the group{'s' if ', ' in groups else ''} {groups}"
        lines.append(f"{show.count(n, 'document')} only for {named} (labels of the source or of the file itself)")
    return "\n".join(lines)
