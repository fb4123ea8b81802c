"""``wellread tune pairs``: two answers to each question, and which of them is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.errors import UsageError
from wellread.evaluate import settings as evaluate_settings
from wellread.evaluate import ways
from wellread.evaluate.judge.judge import Agreement
from wellread.questions import file as questions
from wellread.questions import freeze
from wellread.tune.data.pairs import judge as judging
from wellread.tune.data.pairs import kept, make, raters
from wellread.tune.data.pairs.kept import AnswerPair, KeptPairs, PairVerdict
from wellread.tune.ship import registry
from wellread.types import Question

EXAMPLES_MAKE = """
wellread tune pairs make --name tone
wellread tune pairs make questions.txt --name tone --way closed-book --temperature 0.8
wellread tune pairs make --name tone --way tuned --tuned tone-lora --most 50
"""
EXAMPLES_JUDGE = """
wellread tune pairs judge tone --user ann
wellread tune pairs judge tone --rule right --rule cites --rule shorter
wellread tune pairs judge tone --model openai:gpt-4.1-mini --wanted "The better one is shorter and names its source."
"""
EXAMPLES_SHOW = """
wellread tune pairs show
wellread tune pairs show tone
"""
KEYS = "1 first, 2 second, 0 neither, e edit, c comment, u undo, s skip, q quit"
Name = Annotated[str, typer.Argument(metavar="NAME", help="A set of pairs; wellread tune pairs show lists them.")]


@command(examples=EXAMPLES_MAKE, kept="every pair is kept; the same command goes on")
def make_pairs(
    call: Call,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILES]...",
            help="Questions: a text with one a line, or a set; else the base's.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the set of pairs is called.")] = "pairs",
    way: Annotated[
        str, typer.Option("--way", metavar="WAY", help="Who answers: a way of wellread eval, with a model that writes.")
    ] = "retrieval-written",
    tuned: Annotated[str, typer.Option("--tuned", metavar="NAME", help="The tuned model, where a way takes one.")] = "",
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="T", help="How much chance enters an answer, above 0.")
    ] = 1.0,
    most: Annotated[int, typer.Option("--most", min=0, metavar="N", help="Questions at most; 0 takes all.")] = 0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Where chance enters.")] = 0,
) -> int:
    """Draw two answers of a way to each question, for a verdict.

    Questions that are kept for evaluation are left out. What the model read and wrote is kept in the base; the pairs
    belong to who may read all documents that it read.
    """
    with open_base(call) as base:
        given = evaluate_settings.load(base.folder, call.overrides).ways
        known = ways.known(base, given, tuned_model=registry.served(base, tuned))
        (chosen,) = ways.choose([way], known, base)
        asked = [one for path in files for one in make.asked_of(path)] if files else _own(base.folder)
        with progress(call) as watched:
            found = make.make(base, asked, make.PairsRequest(name, chosen, temperature, most, seed), watched)
    figures = {"name": name, "pairs": len(found.pairs.pairs), "new": found.new, "not_made": dict(found.not_made)}
    if call.json:
        show.dump(figures)
        return DONE
    show.say(f"{name}: {show.count(len(found.pairs.pairs), 'pair')}, {found.new} new", "bold")
    for reason, n in found.not_made.items():
        show.say(f"{show.count(n, 'question')} without a pair: {reason}", indent=2)
    hint(call, f"next: wellread tune pairs judge {name}")
    return DONE


def _own(folder: Path) -> Sequence[Question]:
    """The questions of the base that may be learned from. Raises: UsageError where there are none."""
    path = folder / questions.FILE
    if freeze.is_frozen(folder):
        return freeze.read(folder).part("train")
    if path.is_file():
        raise UsageError(
            f"{path}: is what this base is evaluated on; split it first: wellread questions freeze, or name a file"
        )
    raise UsageError("there are no questions to answer; name a file of them: wellread tune pairs make questions.txt")


@command(examples=EXAMPLES_JUDGE, kept="every verdict is kept; the same command resumes")
def judge_pairs(
    call: Call,
    name: Name,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="RULE", help="Judge by right, answered, cites, shorter or longer; in this order."
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", metavar="KIND:NAME", help="Judge by a chat model, asked both ways round.")
    ] = "",
    wanted: Annotated[
        str, typer.Option("--wanted", metavar="TEXT", help="What makes an answer better, in a sentence for the model.")
    ] = "",
) -> int:
    """Say which of two answers is better: by hand, by rules, or by a model.

    By hand, the rater is --user, and which answer stands first is drawn for each pair. A model's verdicts count only
    where nobody has judged by hand, those of rules where no model has.
    """
    if rules and model:
        raise UsageError("--rule and --model: judge by one of them at a time")
    if wanted and not model:
        raise UsageError("--wanted: is told to a model; name one: --model KIND:NAME")
    with open_base(call) as base:
        pairs = kept.find(base, name)
        before = len(pairs.verdicts)
        if rules:
            judging.judge_by_rules(pairs, judging.rules_of(rules))
        elif model:
            bench = base.configured([f"chat.model={model}"], logs=False, origin=f"--model {model}")
            if bench.chat is None:
                raise UsageError("--model: names no model; write it as kind:name")
            with progress(call) as watched:
                judging.judge_by_model(pairs, bench.chat, wanted=wanted, progress=watched)
        else:
            _by_hand(pairs, call.user or "me")
        now = kept.read(pairs.folder)
    left = Counter[str]()
    usable = len(raters.rows(now, left))
    if call.json:
        show.dump({"name": name, "new": len(now.verdicts) - before, "rows": usable, "left_out": dict(left)})
        return DONE
    show.say(f"{name}: {show.count(usable, 'pair')} to learn from")
    for reason, n in left.items():
        show.say(f"{show.count(n, 'pair')}: {reason}", indent=2)
    hint(call, f"next: wellread tune pairs show {name}, or wellread tune prepare --pairs {name}")
    return DONE


def _by_hand(pairs: KeptPairs, rater: str) -> None:
    """One pair after the other until all are judged or the rater quits."""
    left, done, comment = judging.waiting(pairs, rater), list[AnswerPair](), ""
    total = len(left)
    while left:
        pair = left[0]
        turned = judging.swapped(pair, rater)
        _shown(pair, turned, total - len(left) + 1, total)
        word = show.asked(f"{KEYS}? ")
        if word is None or word.startswith("q"):
            return
        if word.startswith("c"):
            comment = show.asked("comment: ") or ""
            continue
        if word.startswith("u"):
            if done:
                left.insert(0, done.pop())
                kept.add_verdict(pairs.folder, PairVerdict(left[0].id, rater, "hand", ""))
            continue
        verdict = _verdict(word, PairVerdict(pair.id, rater, "hand", "", turned, comment))
        if verdict is None:
            show.note(f"{word}: write one of {KEYS}")
            continue
        kept.add_verdict(pairs.folder, verdict)
        done.append(left.pop(0))
        comment = ""


def _verdict(word: str, made: PairVerdict) -> PairVerdict | None:
    """The verdict that a key gives; None for another key, or an edit without a text."""
    places: dict[str, Literal["first", "second"]] = {"1": "first", "2": "second"}
    if made.swapped:
        places = {"1": "second", "2": "first"}
    if word in places:
        return replace(made, choice=places[word])
    if word == "0":
        return replace(made, choice="tie")
    if word.startswith("s"):
        return replace(made, choice="skip")
    text = show.asked("the better answer: ") if word.startswith("e") else None
    return replace(made, choice="edited", text=text) if text else None


def _shown(pair: AnswerPair, turned: bool, number: int, total: int) -> None:
    first, second = (pair.second, pair.first) if turned else (pair.first, pair.second)
    _say()
    _say(f"{number} of {total}")
    _say(show.line(pair.question))
    for place, answer in (("1", first), ("2", second)):
        _say(f"{place}:", 4)
        _say(show.line(answer.text), 8)
        if answer.refused:
            _say("(refused after its check: the documents do not bear it out)", 8)


def _say(text: str = "", indent: int = 0) -> None:
    show.note(" " * indent + text if text else "")


@command(examples=EXAMPLES_SHOW)
def show_pairs(
    call: Call,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A set of pairs; without it all are listed.", show_default=False)
    ] = "",
) -> int:
    """Show what verdicts are worth: how far raters agree, who gave how many, and whether place decided.

    A judging model's agreement with people is kappa on the pairs that both judged.
    """
    with open_base(call, read_only=True) as base:
        if not name:
            return _listed(call, [kept.find(base, one) for one in kept.listing(base)])
        pairs = kept.find(base, name)
    found = raters.figures(pairs, seed=0)
    if call.json:
        cohen = [{"raters": names, **show.plain(one)} for names, one in found.cohen.items()]
        show.dump({**show.plain(found), "cohen": cohen, "card": pairs.card})
        return DONE
    card = pairs.card
    show.say(f"{name}: {show.count(found.pairs, 'pair')} by {card.way}, {card.model}", "bold")
    show.say(f"{found.decided} decided, {found.ties} even, {found.disagreed} with raters who disagree")
    _raters(found)
    for one, other in found.cohen:
        show.say(f"{one} and {other}: {_kappa(found.cohen[one, other])}", indent=2)
    if found.fleiss is not None:
        show.say(f"all people: Fleiss' kappa {found.fleiss:.2f} on {show.count(found.fleiss_pairs, 'pair')}", indent=2)
    for model in [one.name for one in found.raters if one.by == "model"]:
        show.say(f"{model}: {raters.worth(found.model_with_people.get(model))}", indent=2)
    return DONE


def _listed(call: Call, sets: Sequence[KeptPairs]) -> int:
    if call.json:
        counted = [{**show.plain(one.card), "pairs": len(one.pairs), "verdicts": len(one.verdicts)} for one in sets]
        show.dump({"sets": counted})
        return DONE
    show.rows(
        [(one.card.name, f"{len(one.pairs)} pairs", f"{len(one.verdicts)} verdicts", one.card.way) for one in sets]
    )
    if not sets:
        hint(call, "next: wellread tune pairs make --name NAME draws two answers to each question")
    return DONE


def _raters(found: raters.PairsFigures) -> None:
    lines = [("rater", "by", "verdicts", "share", "ties", "chose what stood first")]
    for one in found.raters:
        place = "" if one.first_shown is None else f"{one.first_shown:.0%}"
        if one.p_place is not None and one.p_place < raters.PLACE:
            place += f" (p {one.p_place:.2g}: place seems to decide)"
        lines.append((one.name, one.by, str(one.verdicts), f"{one.share:.0%}", str(one.ties), place))
    show.rows(lines, indent=2)


def _kappa(one: Agreement) -> str:
    k = one.kappa
    return (
        f"kappa {k.value:.2f} ({k.low:.2f} to {k.high:.2f}) on {show.count(k.n, 'pair')}, {one.equal.value:.0%} equal"
    )
