"""How good one answer is: right, exact, near, supported, cited, refused where it should be.

Every metric lies between 0 and 1. ``answered_wrongly`` and ``refused_wrongly`` are better low, all others high.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from wellread.answer import refusals, verify
from wellread.answer.evidence import units_of
from wellread.answer.refusals import without_marks
from wellread.documents.sentences import sentences
from wellread.errors import MissingExtra
from wellread.metrics import ranking
from wellread.metrics.results import Outcome, ReadPassage
from wellread.models.api import Embedder
from wellread.retrieve import quantities
from wellread.retrieve.units import Quotable, words
from wellread.types import Chunk, Citation, Document, Evidence, Hit, Question, Span

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

is_refusal = refusals.is_refusal
LOWER_IS_BETTER = frozenset({"answered_wrongly", "refused_wrongly"})
WEIGHED = 6  # units that a sentence is held against: those that share most words with it

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_JOINED = re.compile(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # no blanks between words
_DIALLED = re.compile(r"\+?\(?\d{2,}\)?(?:[ /()-]{1,2}\d{2,}\)?)+|0\d{5,}")
_GROUPED = re.compile(r"\+?\(?\d+(?:[ /()-]{1,2}\d+)*")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


# the text


def normal(text: str) -> str:
    """Text as SQuAD compares it: lower case, without punctuation and articles, single spaces.

    Source: Rajpurkar et al., EMNLP 2016, section 6.1, and the evaluation script that came with it.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(text: str, answers: Sequence[str]) -> float:
    """1 if the text is one of the answers after ``normal``; without answers, 1 for an empty text. Source: SQuAD 2.0."""
    return float(any(normal(text) == normal(answer) for answer in answers or [""]))


def token_f1(text: str, answers: Sequence[str]) -> float:
    """Harmonic mean of the shares of words in common, with the nearest answer. Source: SQuAD 2.0."""
    return max(_f1(normal(text).split(), normal(answer).split()) for answer in answers or [""])


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted))


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether an accepted answer stands in the text as whole words; «75» is not in «1,750», «75.5» or «10:75»."""
    held = _writings(text)
    wanted = [pattern for answer in answers for pattern in _writings(answer) if pattern]
    return any(re.search(_whole(pattern), writing) for pattern in wanted for writing in held)


def _whole(pattern: str) -> str:
    """A pattern as whole words, by blanks where its script has them: «45크로네» stands in «45크로네입니다»."""
    before = "" if _JOINED.match(pattern) else r"(?<!\w)(?<!\w[.,:])"
    after = "" if _JOINED.match(pattern[-1]) else r"(?!\w|[.,:]\d)"
    return f"{before}{re.escape(pattern)}{after}"


def _writings(text: str) -> set[str]:
    """A text without the marks of thousands: commas, and blanks and points too, which may be more than that."""
    folded = re.sub(r"(?<=\d),(?=\d{3}\b)", "", quantities.fold(text)).strip(" .")
    return {folded, *(re.sub(rf"(?<=\d){mark}(?=\d{{3}}\b)", "", folded) for mark in (" ", r"\."))}


def number_match(text: str, answers: Sequence[str], *, tolerance: float = 0.0) -> float:
    """1 if all quantities of one answer stand in the text with a compatible unit.

    Args:
        text: what was said.
        answers: accepted ones; those without a number, date or time say nothing here.
        tolerance: relative, >= 0; times and dates have none.
    Raises: ValueError if tolerance < 0.
    """
    if tolerance < 0:
        raise ValueError(f"tolerance = {tolerance}: is at least 0")
    held = quantities.quantities(text)
    wanted = [found for answer in answers if (found := quantities.quantities(answer, every=False))]
    return float(any(all(any(quantities.same(w, h, tolerance) for h in held) for w in found) for found in wanted))


def is_number(answer: str) -> bool:
    """Whether an answer is nothing but quantities: it is compared by ``number_match`` then, not letter for letter."""
    return bool(quantities.alone(answer))


# overlap, by published scorers


def rouge_l(text: str, answers: Sequence[str]) -> float:
    """ROUGE-L F1 with the nearest answer, stemmed. Raises: MissingExtra. Source: Lin 2004; scorer rouge-score."""
    scorer = _rouge()
    return max((float(scorer.score(answer, text)["rougeL"].fmeasure) for answer in answers), default=0.0)


def bleu(text: str, answers: Sequence[str]) -> float:
    """Sentence BLEU over all answers, 0 to 1. Raises: MissingExtra. Source: Papineni et al. 2002; scorer sacrebleu."""
    return _clipped(_sacrebleu().sentence_bleu(text, list(answers)).score / 100) if answers else 0.0


def chrf(text: str, answers: Sequence[str]) -> float:
    """chrF2 with the nearest answer, 0 to 1. Raises: MissingExtra. Source: Popović 2015; scorer sacrebleu."""
    return _clipped(_sacrebleu().sentence_chrf(text, list(answers)).score / 100) if answers else 0.0


def _clipped(value: float) -> float:
    return float(min(1.0, max(0.0, value)))


def _rouge() -> RougeScorer:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise MissingExtra("rouge-score (for rouge_l)", "evaluate") from error
    return RougeScorer(["rougeL"], use_stemmer=True)


def _sacrebleu() -> Any:
    try:
        import sacrebleu
    except ImportError as error:
        raise MissingExtra("sacrebleu (for bleu and chrf)", "evaluate") from error
    return sacrebleu


def similarity(text: str, answers: Sequence[str], embedder: Embedder) -> float:
    """Cosine of the text with the nearest answer, 0 where they point apart. Raises: ModelError."""
    if not answers or not text.strip():
        return 0.0
    vectors = embedder.embed([text, *answers])
    return _clipped(float((vectors[1:] @ vectors[0]).max()))


# what it stands on


def citation_precision(citations: Sequence[Citation], evidence: Sequence[Evidence]) -> float:
    """Share of the citations that bear some of the evidence; 0 without citations."""
    good = [any(ranking.bears(c.quote, c.document, e) for e in evidence) for c in citations]
    return sum(good) / len(good) if good else 0.0


def citation_recall(citations: Sequence[Citation], evidence: Sequence[Evidence]) -> float:
    """Share of the evidence that some citation bears; 0 without evidence."""
    found = [any(ranking.bears(c.quote, c.document, e) for c in citations) for e in evidence]
    return sum(found) / len(found) if found else 0.0


def grounded(text: str, read: Sequence[ReadPassage | Citation], embedder: Embedder, *, question: str = "") -> float:
    """Share of the text's sentences that what was read bears out; words of the question count as given.

    A sentence that stands there letter for letter is supported, and so is the row of a table whose cells stand in one
    line, with the names of the columns or without; any other is held against the pieces that share most words with it,
    by the check that answers go through (``answer/verify.py``). Raises: ModelError.
    """
    said = [part for part in _parts(text) if re.search(r"\w", part)]
    units = units_of([_hit(r) for r in read])
    contents = [set(words(f"{u.context} {u.reading}")) for u in units]
    whole = [f" {ranking.letters(t)} " for t in (*map(_text, read), *(u.reading for u in units))]
    lines = [f" {ranking.letters(line)} " for r in read for line in _text(r).splitlines()]
    good = 0
    for sentence in said:
        if any(f" {ranking.letters(sentence)} " in held for held in whole) or _is_row(sentence, lines):
            good += 1
            continue
        near = _nearest(sentence, units, contents)
        good += bool(near) and verify.check(sentence, question, near, embedder).supported
    return good / len(said) if said else 0.0


def _parts(text: str) -> list[str]:
    """Sentences of an answer; a mark of a citation before a capital or a figure ends one too."""
    text = without_marks(re.sub(r"\[\d{1,3}\](?=\s+[A-Z\d])", "\n\n", text))
    return [text[start:end] for start, end in sentences(text)]


def _is_row(sentence: str, lines: Sequence[str]) -> bool:
    """Whether «name: value; name: value» are cells of one line."""
    pairs = [part.partition(": ") for part in sentence.split("; ")]
    values = [ranking.letters(value) for _, mark, value in pairs if mark]
    return len(values) == len(pairs) > 1 and any(all(f" {value} " in line for value in values) for line in lines)


def _nearest(sentence: str, units: Sequence[Quotable], contents: Sequence[set[str]]) -> list[Quotable]:
    said = set(words(sentence))
    order = sorted(range(len(units)), key=lambda n: -len(said & contents[n]))
    return [units[n] for n in order[:WEIGHED]]


def _text(read: ReadPassage | Citation) -> str:
    return read.text if isinstance(read, ReadPassage) else read.quote


def _hit(read: ReadPassage | Citation) -> Hit:
    text = _text(read)
    title = read.title if isinstance(read, Citation) else ""
    headings = read.heading_path if isinstance(read, Citation) else ()
    chunk = Chunk("", read.document, 0, 0, Span(0, len(text)), text, heading_path=headings)
    return Hit(chunk, Document(read.document, read.document, 0, title, "", "", ""), 0.0)


# one outcome


def said(outcome: Outcome) -> str:
    """The text of an answer without marks of citations such as [2], which are no part of what it says."""
    return without_marks(outcome.text)


def refused(outcome: Outcome) -> bool:
    """Whether the way or the model declined to answer."""
    return outcome.refused or is_refusal(said(outcome))


def right(outcome: Outcome, question: Question) -> float:
    """1 for an answer that holds an accepted one, and for a refusal where the documents do not answer; else 0.

    Where the question names what a whole answer holds (``all_of``) or what none may hold (``wrong``), each counts; with
    ``all_of`` and no accepted answer, ``all_of`` alone says what is right. A text that is a number, date or time is
    looked for by ``number_match``, any other by ``holds``. What else the answer says is not judged: ``grounded`` and
    ``exact_match`` tell a short answer from a long one.
    """
    if outcome.error:
        return 0.0
    if not question.answerable or refused(outcome):
        return float(not question.answerable and refused(outcome))
    text = said(outcome)
    whole = all(_accepted(text, part) for part in question.all_of)
    accepted = not question.answers or any(_accepted(text, answer) for answer in question.answers)
    return float(accepted and whole and not any(_accepted(text, one) for one in question.wrong))


def tells_right(question: Question) -> bool:
    """Whether the question says what is right: by accepted answers, by parts of one, or by having no answer."""
    return not question.answerable or bool(question.answers or question.all_of)


def _accepted(text: str, answer: str) -> bool:
    if _DIALLED.fullmatch(answer.strip()):  # a telephone number, an account: digits that may be grouped in any way
        dialled = re.sub(r"\D", "", answer)
        if len(dialled) >= 6 and any(re.sub(r"\D", "", m[0]) == dialled for m in _GROUPED.finditer(text)):
            return True
    return number_match(text, [answer]) > 0 if is_number(answer) else holds(text, [answer])


def score(
    outcome: Outcome,
    question: Question,
    *,
    embedder: Embedder | None = None,
    overlap: bool = False,
    searched: bool = False,
) -> dict[str, float]:
    """Every metric that applies to this outcome; what does not apply is absent.

    Where the model failed, the metrics of its answer are 0; those of the passages that were found before stand.

    Args:
        outcome: what the way answered.
        question: with accepted answers and evidence.
        embedder: for ``similarity`` and ``grounded``; without one they are absent.
        overlap: adds rouge_l, bleu and chrf (extra ``evaluate``).
        searched: the way searches for passages, so that none found is a miss, not a metric that does not apply.
    Raises: ModelError from the embedder; MissingExtra.
    """
    found = {"right": right(outcome, question)} if tells_right(question) else {}
    if question.answerable:
        found |= _of_text(outcome, question, embedder, overlap) | _of_citations(outcome, question, searched)
        found["refused_wrongly"] = float(refused(outcome))
    else:
        found["answered_wrongly"] = float(not refused(outcome))
    read = outcome.passages or outcome.citations
    if embedder is not None and read and not refused(outcome):
        found["grounded"] = grounded(outcome.text, read, embedder, question=question.text)
    if outcome.error:
        found = dict.fromkeys(found, 0.0)
    return found | _of_passages(outcome.passages, question, searched)


def _of_text(outcome: Outcome, question: Question, embedder: Embedder | None, overlap: bool) -> dict[str, float]:
    """A refusal says none of the answers: its text counts as empty."""
    text, answers = "" if refused(outcome) else said(outcome), question.answers
    if not answers:
        return {}
    found = {"exact_match": exact_match(text, answers), "f1": token_f1(text, answers)}
    numbers = [answer for answer in answers if is_number(answer)]
    if numbers:
        found["number"] = number_match(text, numbers)
    if embedder is not None:
        found["similarity"] = similarity(text, answers, embedder)
    if overlap:
        found |= {"rouge_l": rouge_l(text, answers), "bleu": bleu(text, answers), "chrf": chrf(text, answers)}
    return found


def _of_citations(outcome: Outcome, question: Question, searched: bool) -> dict[str, float]:
    """Of a way that can cite; a citation is right too when it is in the evidence's document and holds the answer."""
    if not question.evidence or not (searched or outcome.passages or outcome.citations):
        return {}
    cited = any(
        ranking.bears(c.quote, c.document, e)
        or (ranking.is_of(c.document, e.document) and any(_accepted(c.quote, a) for a in question.answers))
        for c in outcome.citations
        for e in question.evidence
    )
    found = {"citation_recall": citation_recall(outcome.citations, question.evidence)}
    if tells_right(question):
        found["right_and_cited"] = right(outcome, question) * cited
    if outcome.citations:
        found["citation_precision"] = citation_precision(outcome.citations, question.evidence)
    return found


def _of_passages(passages: Sequence[ReadPassage], question: Question, searched: bool) -> dict[str, float]:
    """Ranking by evidence: a passage gains by each piece of evidence that no earlier one bore.

    The best order that nDCG is held against has these gains and one passage for each piece that was not found.
    """
    if not question.evidence or not (passages or searched):
        return {}
    borne = [{n for n, e in enumerate(question.evidence) if ranking.bears(p.text, p.document, e)} for p in passages]
    seen: set[int] = set()
    gains: dict[int, float] = {}
    for place, pieces in enumerate(borne):
        gains[place] = float(len(pieces - seen))
        seen |= pieces
    for n in set(range(len(question.evidence))) - seen:
        gains[-1 - n] = 1.0
    places = range(len(passages))
    found = {place for place in places if borne[place]}
    return {
        "recall@5": len(set().union(*borne[:5])) / len(question.evidence),
        "recall@20": len(set().union(*borne[:20])) / len(question.evidence),
        "ndcg@10": ranking.ndcg_at(places, gains, 10),
        "mrr": ranking.mrr(places, found) if found else 0.0,
        "context_precision": ranking.context_precision([bool(pieces) for pieces in borne]),
    }


def consistency(outcomes_by_variant: Mapping[str, Sequence[Outcome]]) -> dict[str, float]:
    """How alike the answers to several wordings of one question are, by question: mean over their pairs.

    Two refusals are alike (1), a refusal and an answer are not (0), two answers by ``token_f1`` of their texts.
    Questions with a single wording are absent, and so are wordings where the model failed.
    """
    return {
        name: sum(_alike(a, b) for a, b in pairs) / len(pairs)
        for name, outcomes in outcomes_by_variant.items()
        if (pairs := list(combinations([outcome for outcome in outcomes if not outcome.error], 2)))
    }


def _alike(first: Outcome, second: Outcome) -> float:
    if refused(first) or refused(second):
        return float(refused(first) and refused(second))
    return token_f1(said(first), [said(second)])
