"""What is learned of a conversation is what the assistant wrote and its end token, in any template."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tune import chat_tokenizer

from wellread import config
from wellread.errors import UsageError
from wellread.models.api import Message
from wellread.tune.base import template
from wellread.tune.base.template import IGNORED, Encoded, batch_labels, encode, encode_text, render, stop_tokens

DEFAULT_SYSTEM = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
HEADERS = (
    "{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|im_start|>' + m['role'] + '<|im_end|>\n\n' + m['content'] | trim + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_end|>\n\n' }}{% endif %}"
)
FORGETS = (  # like models that think: what was thought in earlier turns is left out
    "{% for m in messages %}{% if m['role'] == 'assistant' and not loop.last %}"
    "{{ '<|im_start|>assistant\n' + m['content'].split('</think>')[-1] + '<|im_end|>\n' }}{% else %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKED = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ '<|im_start|>assistant\n' }}"
    "{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TALK = [Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Who?"), Message("assistant", "Me, ü.")]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return chat_tokenizer.make()


def learned(encoded: Encoded, tokenizer: Any) -> str:
    return str(tokenizer.decode([label for label in encoded.labels if label != IGNORED], skip_special_tokens=False))


def own_ids(messages: list[Message], tokenizer: Any) -> list[int]:
    plain = [{"role": m.role, "content": m.content} for m in messages]
    made = tokenizer.apply_chat_template(plain, return_dict=True)
    return list(made["input_ids"])


def test_by_hand_the_answer_and_its_end_token_are_learned_and_nothing_else(tokenizer: Any) -> None:
    made = encode(TALK[:2], tokenizer, 100)
    assert learned(made, tokenizer) == "Yes?<|im_end|>"
    assert made.n_trained == len("Yes?") + 1
    assert made.labels[-1] == IGNORED  # the line end after the turn is the template's
    assert made.ends and made.n_cut == 0


@pytest.mark.parametrize(
    ("source", "eos", "said"),
    [
        (chat_tokenizer.CHATML, "<|im_end|>", "Yes?<|im_end|>Me, ü.<|im_end|>"),
        (DEFAULT_SYSTEM, "<|im_end|>", "Yes?<|im_end|>Me, ü.<|im_end|>"),
        (INST, "</s>", " Yes?</s> Me, ü.</s>"),
        (HEADERS, "</s>", "Yes?</s>Me, ü.</s>"),
        (MARKED, "<|im_end|>", "Yes?<|im_end|>Me, ü.<|im_end|>"),
        (FORGETS, "<|im_end|>", "Yes?<|im_end|>Me, ü.<|im_end|>"),
    ],
    ids=["chatml", "default system", "inst", "headers", "marked", "forgets"],
)
def test_in_every_template_the_ids_are_its_own_and_each_turn_is_learned(source: str, eos: str, said: str) -> None:
    tokenizer = chat_tokenizer.make(source, eos=eos, bos="<s>")
    made = encode(TALK, tokenizer, 400)
    assert list(made.ids) == own_ids(TALK, tokenizer)
    assert learned(made, tokenizer) == said
    assert render(TALK, tokenizer).text == tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in TALK], tokenize=False
    )


def test_the_mask_is_that_of_a_template_with_generation_marks(tokenizer: Any) -> None:
    marked = chat_tokenizer.make(MARKED)
    plain = [{"role": m.role, "content": m.content} for m in TALK]
    theirs = marked.apply_chat_template(plain, return_assistant_tokens_mask=True, return_dict=True)
    ours = encode(TALK, tokenizer, 400)
    assert list(ours.ids) == list(theirs["input_ids"])
    assert [label != IGNORED for label in ours.labels] == [bool(one) for one in theirs["assistant_masks"]]


def test_a_template_that_rewrites_thought_is_refused_unless_it_marks_its_turns() -> None:
    thought = [
        Message("user", "a"),
        Message("assistant", "hm</think>b"),
        Message("user", "c"),
        Message("assistant", "d"),
    ]
    with pytest.raises(UsageError, match="split conversations"):
        encode(thought, chat_tokenizer.make(FORGETS), 400)
    marked = FORGETS.replace(
        "{{ '<|im_start|>assistant\n' + m['content'].split('</think>')[-1] + '<|im_end|>\n' }}",
        "{{ '<|im_start|>assistant\n' }}{% generation %}{{ m['content'].split('</think>')[-1] + '<|im_end|>' }}"
        "{% endgeneration %}{{ '\n' }}",
    )
    made = encode(thought, chat_tokenizer.make(marked), 400)
    assert learned(made, chat_tokenizer.make(marked)) == "b<|im_end|>"


def test_a_conversation_that_the_assistant_begins_is_learned_too(tokenizer: Any) -> None:
    made = encode([Message("assistant", "Hello"), *TALK[:2]], tokenizer, 400)
    assert learned(made, tokenizer) == "Hello<|im_end|>Yes?<|im_end|>"


def test_the_end_token_is_added_where_the_template_writes_none() -> None:
    bare = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    tokenizer = chat_tokenizer.make(bare + "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}", eos="</s>")
    made = encode(TALK[:2], tokenizer, 400)
    assert made.ids[-1] == made.labels[-1] == tokenizer.eos_token_id
    assert made.ends
    assert not encode(TALK, tokenizer, 400).ends  # the first turn of two still ends with none


def test_bos_stands_once_whatever_template_and_tokenizer_add() -> None:
    tokenizer = chat_tokenizer.make(HEADERS, bos="<s>", eos="</s>", adds_bos=True)
    assert encode(TALK, tokenizer, 400).ids.count(tokenizer.bos_token_id) == 1
    assert encode_text("Running text.", tokenizer, 400).ids.count(tokenizer.bos_token_id) == 1
    assert encode_text("<s>Running text.", tokenizer, 400).ids.count(tokenizer.bos_token_id) == 1


def test_running_text_is_learned_whole_and_ends_once() -> None:
    tokenizer = chat_tokenizer.make(eos="</s>")
    made = encode_text("abc", tokenizer, 400)
    assert made.ids == made.labels and len(made.ids) == 4
    assert encode_text("abc</s>", tokenizer, 400).ids == made.ids


def test_what_does_not_fit_is_cut_at_the_end_and_counted(tokenizer: Any) -> None:
    whole = encode(TALK, tokenizer, 400)
    made = encode(TALK, tokenizer, 20)
    assert (made.ids, made.labels) == (whole.ids[:20], whole.labels[:20])
    assert made.n_cut == len(whole.ids) - 20
    assert made.n_trained == 0  # only the question fits: nothing would be learned, and it shows


def test_the_end_token_is_learned_although_padding_is_the_same_token(tokenizer: Any) -> None:
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    short, long = encode(TALK[:2], tokenizer, 400), encode(TALK, tokenizer, 400)
    made = batch_labels([short, long], tokenizer.pad_token_id)
    assert made.ids.shape == made.labels.shape == made.attention.shape == (2, len(long.ids))
    n = len(short.ids)
    assert (made.labels[0] == tokenizer.eos_token_id).sum() == 1
    assert (made.labels[0, n:] == IGNORED).all() and (made.attention[0, n:] == 0).all()
    assert np.array_equal(made.ids[1], long.ids)
    with pytest.raises(ValueError, match="at least one"):
        batch_labels([], 0)


def test_a_tokenizer_without_template_is_refused_with_what_to_do() -> None:
    tokenizer = chat_tokenizer.make()
    tokenizer.chat_template = None
    with pytest.raises(UsageError, match="instruct model"):
        encode(TALK, tokenizer, 10)
    with pytest.raises(ValueError, match="max_length"):
        encode(TALK, tokenizer, 0)


def test_the_stop_token_of_template_and_tokenizer_are_told_apart() -> None:
    assert stop_tokens(chat_tokenizer.make()) == ("<|im_end|>", "<|im_end|>")
    assert stop_tokens(chat_tokenizer.make(eos="</s>")) == ("<|im_end|>", "</s>")


spoken = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=30).filter(str.strip)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(spoken, spoken), min_size=1, max_size=3))
def test_whatever_is_said_each_answer_is_learned_letter_for_letter(said: list[tuple[str, str]]) -> None:
    tokenizer = chat_tokenizer.make()
    messages = [m for asked, answer in said for m in (Message("user", asked), Message("assistant", answer))]
    made = encode(messages, tokenizer, 10_000)
    assert learned(made, tokenizer) == "".join(f"{answer}<|im_end|>" for _, answer in said)
    assert "".join(piece.text for piece in template.pieces(made, tokenizer) if piece.text.isascii())  # nothing raises


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_model_reads_the_ids_of_its_own_template() -> None:
    from wellread.tune.base import base_model

    folder: Path = base_model.resolve("llama:smollm2-135m", config.models_folder())[0]
    tokenizer = base_model.load_tokenizer(folder)
    made = encode(TALK, tokenizer, 400)
    assert list(made.ids) == own_ids(TALK, tokenizer)
    assert learned(made, tokenizer) == "Yes?<|im_end|>Me, ü.<|im_end|>"
    assert made.ids.count(tokenizer.convert_tokens_to_ids("<|im_start|>")) == 5  # a system turn of its own, then four
