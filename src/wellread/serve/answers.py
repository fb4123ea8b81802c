"""An answer as a piece of page: text with its marks, the sources beside it, what it took, and how to rate it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode

from wellread.documents.place import place_of
from wellread.markup import Markup, el, join
from wellread.serve.pages import page
from wellread.serve.passages import PageLink, ShownSource
from wellread.store.feedback import Feedback
from wellread.types import Answer

_MARK = re.compile(r"\[(\d{1,3})\]")
SAID = {1: "Right", -1: "Wrong", 0: "Noted"}


def of_answer(answer: Answer, sources: Sequence[ShownSource]) -> Markup:
    """The whole answer; ``sources`` are its citations, or the nearest passages where it is refused."""
    heading = "Sources" if not answer.refused else "The nearest passages"
    listed = [source(number, one) for number, one in enumerate(sources, 1)]
    return el(
        "article",
        el(
            "div",
            el("div", *paragraphs(answer, sources), class_="text"),
            facts(answer),
            rating(answer.trace_id),
            class_="said",
        ),
        el("aside", el("h2", heading), el("ol", *listed), class_="sources", aria_label=heading) if listed else None,
        class_="answer" + (" refused" if answer.refused else ""),
    )


def facts(answer: Answer) -> Markup:
    """Seconds, tokens, money, what left the machine, and the address of the answer."""
    seconds = answer.timings_ms.get("total", sum(answer.timings_ms.values())) / 1000
    used = answer.usage
    told = [
        f"{seconds:.1f} s",
        f"{used.prompt_tokens + used.completion_tokens} tokens" if used.calls else "no chat model",
        f"{used.cost:.4f} {used.currency}" if used.cost else "",
        f"sent to {', '.join(answer.left_machine)}" if answer.left_machine else "nothing left this machine",
    ]
    link = el("a", "permalink", href=f"/a/{answer.trace_id}")
    return el("p", " · ".join(filter(None, told)), " · ", link, class_="facts")


def paragraphs(answer: Answer, sources: Sequence[ShownSource]) -> list[Markup]:
    """The text by paragraph; ``[n]`` leads to the n-th source and says what it is."""
    return [el("p", *_pieces(part, () if answer.refused else sources)) for part in answer.text.split("\n\n")]


def _pieces(text: str, sources: Sequence[ShownSource]) -> list[str]:
    pieces: list[str] = []
    end = 0
    for match in _MARK.finditer(text):
        number = int(match[1])
        pieces.append(text[end : match.start()])
        if 1 <= number <= len(sources):
            cited = sources[number - 1].citation
            told = f"{cited.title or cited.document}: «{cited.quote}»"
            pieces.append(el("a", match[0], href=f"#s{number}", class_="mark", title=told))
        else:
            pieces.append(match[0])
        end = match.end()
    return [*pieces, text[end:]]


def source(number: int, one: ShownSource) -> Markup:
    """A source: title, place, the page with the quotation marked or the words around it, and what became of it."""
    cited = one.citation
    title = cited.title or cited.document
    place = [place_of(cited), f"version {cited.version}"]
    path = el("p", " › ".join(cited.heading_path), class_="path") if cited.heading_path else None
    pictures = [el("a", _picture(link, title), href=one.address, class_="paper") for link in one.pages]
    quote = join(*((None, el("mark", cited.quote)) if pictures else (one.before, el("mark", cited.quote), one.after)))
    return el(
        "li",
        el("h3", el("span", f"{number}", class_="number"), el("a", title, href=one.address)),
        el("p", " · ".join(filter(None, place)), class_="place"),
        path,
        el("p", one.note, class_="notice") if one.note else None,
        *pictures,
        el("blockquote", quote),
        id=f"s{number}",
    )


def _picture(link: PageLink, title: str) -> Markup:
    """The strip of the page, on a small screen the spot."""
    told = f"Page {link.page} of {title}, the quotation marked"
    strip = el("img", src=link.address, width=link.width, height=link.height, loading="lazy", alt=told)
    if link.spot is None:
        return strip
    width, height = link.spot
    spot = el("source", media="(max-width: 40rem)", srcset=link.spot_address, width=width, height=height)
    return el("picture", spot, strip)


def rating(trace_id: str) -> Markup:
    """The form to rate an answer, to comment and to correct it; works without script."""
    comment, correction = f"n-{trace_id}", f"c-{trace_id}"
    more = el(
        "details",
        el("summary", "Comment or correct"),
        el("label", "What would have been right?", for_=correction),
        el("textarea", name="correction", rows="2", maxlength="4000", id=correction),
        el("label", "Comment", for_=comment),
        el("textarea", name="comment", rows="2", maxlength="4000", id=comment),
        el("button", "Send", name="rating", value="0"),
    )
    asked = el("span", "Was this right?", class_="asked")
    right = el("button", "Right", name="rating", value="1")
    wrong = el("button", "Wrong", name="rating", value="-1")
    return el(
        "form", el("p", asked, " ", right, wrong), more, method="post", action=f"/a/{trace_id}/rating", class_="rating"
    )


def permalink(answer: Answer, sources: Sequence[ShownSource], opinions: Sequence[Feedback]) -> str:
    """An answer as it was given, what was said of it, the sentences that were struck, and what each stage took."""
    struck = [verdict for verdict in answer.verdicts if not verdict.supported]
    reasons = [el("li", el("s", v.sentence), f" — {v.reason or 'not supported by the passages'}") for v in struck]
    stages = [el("li", f"{stage.name}: {stage.ms:.0f} ms") for stage in answer.stages]
    detail = join(
        join(el("h3", "Not shown"), el("ul", *reasons)) if reasons else None,
        join(el("h3", "Stages"), el("ul", *stages)) if stages else None,
    )
    said = join(el("h2", "What was said of it"), el("ul", *map(opinion, opinions), class_="opinions"))
    how = el("details", el("summary", "How it came about"), detail) if detail else None
    again = el("p", el("a", "Ask again", href=f"/?{urlencode({'q': answer.question})}"))
    title = el("h1", answer.question)
    return page("Answer", title, of_answer(answer, sources), said if opinions else None, how, again, wide=True)


def opinion(one: Feedback) -> Markup:
    """What somebody said of an answer: the rating, the words, who and when."""
    who = f" — {one.user}" if one.user else ""
    return el(
        "li",
        el("strong", SAID[one.rating]),
        f" · {one.given_at.date().isoformat()}{who}",
        el("p", one.comment) if one.comment else None,
        el("p", "Would have been right: ", el("q", one.correction)) if one.correction else None,
    )
