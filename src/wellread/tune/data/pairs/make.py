"""Questions come in; for each, two answers that one way draws with chance go out, kept as they are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wellread.answer.settings import IN_STEPS
from wellread.errors import UsageError
from wellread.evaluate import ways
from wellread.evaluate.asking import Asker
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import metrics
from wellread.metrics.results import Way
from wellread.models.api import Chat, Message, Reply, Sampling
from wellread.progress import SILENT, Progress
from wellread.questions import file as question_files
from wellread.questions.stands import letters
from wellread.store import lineage
from wellread.store.lineage import Input
from wellread.tune.data.data import row_id
from wellread.tune.data.pairs import kept
from wellread.tune.data.pairs.kept import AnswerPair, DrawnAnswer, KeptPairs, PairsCard
from wellread.types import Question

TRIES = 3  # draws of a second answer that is not the first one again


@dataclass(frozen=True, slots=True)
class PairsRequest:
    """How pairs are drawn: by which way, how much by chance, at most how many (0: one for each question)."""

    name: str
    way: Way
    temperature: float = 1.0
    most: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise UsageError("--temperature: is above 0; at 0 both answers are the same")


@dataclass(slots=True)
class DrawnPairs:
    """The pairs that are there now, how many are new, and why questions gave none."""

    pairs: KeptPairs
    new: int = 0
    not_made: Counter[str] = field(default_factory=Counter)


class SampledChat:
    """A chat model whose answers are drawn at a temperature, whatever it is asked for; it remembers the last exchange.

    Of one thread.
    """

    def __init__(self, chat: Chat, temperature: float) -> None:
        self._chat, self._temperature = chat, temperature
        self.seed = 0
        self.asked: tuple[Message, ...] = ()
        self.said = ""
        self.name, self.context_tokens, self.remote = chat.name, chat.context_tokens, chat.remote

    def begin(self, seed: int) -> None:
        """The next answers are drawn with this seed, and nothing is remembered."""
        self.seed, self.asked, self.said = seed, (), ""

    def count_tokens(self, text: str) -> int:
        """As the model counts."""
        return self._chat.count_tokens(text)

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        """The whole answer, drawn. Raises ModelError, ModelUnavailable."""
        reply = self._chat.reply(messages, self._drawn(sampling))
        self.asked, self.said = tuple(messages), reply.text
        return reply

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        """Pieces of the answer as they come, then one Reply. Raises ModelError, ModelUnavailable."""
        self.asked, self.said = tuple(messages), ""
        for piece in self._chat.stream(messages, self._drawn(sampling)):
            self.said = piece.text if isinstance(piece, Reply) else self.said + piece
            yield piece

    def _drawn(self, sampling: Sampling) -> Sampling:
        return replace(sampling, temperature=self._temperature, seed=self.seed)


def asked_of(path: Path) -> list[Question]:
    """The questions of a file: of a text one a line, else as every set of questions is read.

    Raises: UsageError where it cannot be read, or with every fault of a set.
    """
    if path.suffix.lower() != ".txt":
        return list(question_files.read(path))
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    return [Question(row_id(line.strip()), line.strip()) for line in lines if line.strip()]


def make(
    base: KnowledgeBase, questions: Sequence[Question], wanted: PairsRequest, progress: Progress = SILENT
) -> DrawnPairs:
    """Two answers to each question, kept one after the other; what was drawn before is not drawn again.

    Questions that are kept for evaluation are left out, as is one that the way answers without the model, and one whose
    second answer says the same as the first in ``TRIES`` draws.

    Raises: UsageError for a way that draws nothing, or a set of pairs of that name that was made otherwise; ModelError,
        ModelUnavailable.
    """
    way, asked, model = _sampled(base, wanted.way)
    chat = SampledChat(model, wanted.temperature)
    asker = Asker(way, asked.with_models(chat=chat), wanted.seed)
    asker.open()
    folder, known = _begun(base, wanted, chat.name)
    found = DrawnPairs(known)
    there = {pair.question for pair in known.pairs}
    usable = [one for one in questions if one.split in ("", "train")]
    if len(usable) < len(questions):
        found.not_made["kept for evaluation"] = len(questions) - len(usable)
    usable = usable[: wanted.most] if wanted.most else usable
    for at, question in enumerate(usable):
        progress.step("draw answers", at, len(usable))
        if question.text in there:
            continue
        pair, why = _drawn(asker, chat, question, wanted)
        if pair is None:
            found.not_made[why] += 1
            continue
        _record(base, folder, asker, question)
        kept.add_pair(folder, pair)
        there.add(question.text)
        found.new += 1
    progress.step("draw answers", len(usable), len(usable))
    found.pairs = kept.read(folder)
    return found


def _sampled(base: KnowledgeBase, way: Way) -> tuple[Way, KnowledgeBase, Chat]:
    """The way as it is learned, the base as it configures it, and the model. Raises: UsageError where none draws."""
    asked = ways.applied(base, way)
    if not ways.uses_chat(way, asked.settings) or asked.chat is None:
        raise UsageError(f"way '{way.name}': no chat model writes its answers, so nothing is drawn; take another --way")
    if asked.settings["answer"].style in IN_STEPS:
        raise UsageError(f"way '{way.name}': answers in several calls of the model; take one that writes at once")
    alone = way.reads == "nothing"  # the question alone is learned
    return (replace(way, trained=True) if alone else way), asked, asked.chat


def _begun(base: KnowledgeBase, wanted: PairsRequest, model: str) -> tuple[Path, KeptPairs]:
    """The folder with its card, as it is or new. Raises: UsageError where it was begun otherwise, or is another's."""
    folder = kept.folder_of(base.folder, wanted.name)
    card = PairsCard(wanted.name, wanted.way.name, model, wanted.temperature, wanted.seed)
    card = replace(card, tenant=base.who.tenant, user=base.who.user)
    if not (folder / "card.json").is_file():
        kept.write_card(folder, card)
        return folder, kept.read(folder)
    there = kept.card_of(folder)
    if not kept.belongs_to(base, there):
        raise UsageError(f"pairs '{wanted.name}': the name is taken; pass another --name")
    for name in ("way", "model", "temperature", "seed"):
        if getattr(there, name) != getattr(card, name):
            raise UsageError(
                f"pairs '{wanted.name}': were begun with {name} {getattr(there, name)}, not {getattr(card, name)}; "
                "pass another --name"
            )
    return folder, kept.read(folder)


def _drawn(asker: Asker, chat: SampledChat, question: Question, wanted: PairsRequest) -> tuple[AnswerPair | None, str]:
    """A pair, or why there is none."""
    reading = asker.read(question)
    answers: list[DrawnAnswer] = []
    for turn in range(1 + TRIES):
        chat.begin(_seed(wanted.seed, question, turn))
        outcome = asker.ask(question, reading)
        if not chat.asked:
            return None, "answered without the model"
        if not chat.said.strip():
            continue
        right = metrics.right(outcome, question) if metrics.tells_right(question) else None
        one = DrawnAnswer(chat.said.strip(), len(outcome.citations), metrics.refused(outcome), right)
        if not answers or letters(one.text) != letters(answers[0].text):
            answers.append(one)
        if len(answers) == 2:
            prompt = "\n\n".join(turn.content for turn in chat.asked)
            made = AnswerPair(row_id(prompt, answers[0].text, answers[1].text), question.text, prompt, *answers)
            return made, ""
    return None, "both answers say the same" if answers else "the model wrote nothing"


def _seed(seed: int, question: Question, turn: int) -> int:
    return int(row_id(seed, question.id, question.text, turn), 16) % 2**31


def _record(base: KnowledgeBase, folder: Path, asker: Asker, question: Question) -> None:
    """The card names the documents that were read and the hosts that got texts, before the pair is there."""
    card = kept.card_of(folder)
    reading = asker.read(question)
    documents = tuple(sorted({*card.documents, *reading.documents}))
    sent_to = tuple(sorted({*card.sent_to, *asker.hosts(reading)}))
    if (documents, sent_to) == (card.documents, card.sent_to):
        return
    with base.store.writing() as tx:
        inputs = [Input(lineage.DOCUMENT, one) for one in documents]
        settings = {"name": card.name, "way": card.way, "model": card.model}
        lineage.record(tx, kept.artifact_id(card), "pairs", inputs, settings, who=base.who)
    kept.write_card(folder, replace(card, documents=documents, sent_to=sent_to))
