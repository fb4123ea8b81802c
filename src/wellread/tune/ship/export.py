"""THE VERB: a finished run comes in; files that other programs serve go out, each tried against the trained model.

What fails its check is not written: a target is a whole folder with export.json in it, or it is not there.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from wellread import config, digests
from wellread.errors import ModelError, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.models.api import Message
from wellread.models.providers import llamacpp
from wellread.models.providers.llamacpp import LlamaChat
from wellread.models.settings import LOCAL_CONTEXT_TOKENS, ChatSettings
from wellread.progress import SILENT, Progress
from wellread.tune import recipe
from wellread.tune.base import base_model, device, gguf_file, gguf_fresh, peft_files
from wellread.tune.base.gguf_file import BaseGguf, FileType
from wellread.tune.base.template import stop_tokens
from wellread.tune.data import data as datasets
from wellread.tune.ship import agreement, modelfile
from wellread.tune.ship.agreement import EXACT, N_PROMPTS, ROUNDED, SAME, Criterion, ExportAgreement, Forward, Prompt
from wellread.tune.ship.merge import Merged, lora_pairs
from wellread.tune.train import probe, state, tuned
from wellread.tune.train.state import TrainingRun

Target = Literal["adapter", "merged", "gguf-f16", "gguf-q8_0", "ollama"]
TARGETS: tuple[str, ...] = get_args(Target)
FOLDER = "exports"  # of a run's folder
CARD = "export.json"
FROM_NOTHING = "scratch"  # the method whose result is a whole model of its own
_PATTERN = ".pattern.gguf"
CONTEXT = 1024  # tokens; prompts of the check and their answers are far below


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: files with their SHA-256, how each agreed with the trained model, and how it is served.

    ``setting`` is the value of ``chat.model`` that answers with it; empty where llama.cpp cannot serve it.
    """

    run: str
    to: str
    folder: Path
    files: Mapping[str, str]
    size_bytes: int
    agreements: tuple[ExportAgreement, ...]
    setting: str
    base: str
    made_at: str
    tenant: str = "default"
    user: str = ""  # who exported it


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run in memory, with what its exports are held against."""

    run: TrainingRun
    folder: Path
    model: Any
    tokenizer: Any
    prompts: tuple[Prompt, ...]
    forward: Forward


def export(
    base: KnowledgeBase, name: str, to: Target, *, out: Path | None = None, progress: Progress = SILENT
) -> Exported:
    """The run as files in ``out``, or in the run's own folder, after they have been tried.

    Args:
        base: whose ``who`` the run must belong to.
        name: of a finished run.
        to: the format.
        out: a folder that does not exist yet, or is empty; an export in the run's folder replaces the one before.
        progress: is told of stages.
    Raises: UsageError where the run is not finished or cannot be written so; ModelError where an exported file does
        not answer like the trained model (nothing is left then); MissingExtra.
    """
    if to not in TARGETS:
        raise UsageError(f"--to {to}: no such format; there are {', '.join(TARGETS)}")
    folder = state.find(base, name)
    run = state.read(folder)
    _refuse(run, folder, to)
    target = out.expanduser().absolute() if out else folder / FOLDER / to
    if out and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: is there already; name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        progress.step("load", 0, 1, name)
        trained = open_trained(base, folder, run)
        progress.step("write", 0, 1, to)
        _WRITERS[to](trained, work)
        agreements = check(trained, work, to, progress)
        made = _card(trained, work, to, target, agreements)
        made = replace(made, tenant=base.who.tenant, user=base.who.user)
        state.put(work / CARD, {**asdict(made), "folder": None})
        if target.exists():
            shutil.rmtree(target)
        work.chmod(0o755)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def _refuse(run: TrainingRun, folder: Path, to: str) -> None:
    if run.state != "finished":
        why = f": {run.reason}" if run.reason else ""
        raise UsageError(f"run '{run.name}': is {run.state}{why}; only a finished run can be exported")
    if tuned.card_of(folder / "best").get("labels"):
        raise UsageError(
            f"run '{run.name}': says labels, which llama.cpp cannot; use it with: wellread tune predict {run.name} TEXT"
        )
    if run.method == FROM_NOTHING and to != "adapter":
        return
    if to == "adapter":
        if run.method in ("full", FROM_NOTHING):
            raise UsageError(f"run '{run.name}': has no adapter, all its weights were trained; export it --to merged")
        return
    if not recipe.find(run.method).mergeable:
        raise UsageError(
            f"run '{run.name}': what {run.method} learns stands beside the base's weights and cannot become part of "
            "them; export it --to adapter, or train with lora to serve it"
        )


def open_trained(base: KnowledgeBase, folder: Path, run: TrainingRun) -> FinishedRun:
    """A finished run in memory. Raises: ModelError, UsageError where its base is not the one it was trained on."""
    device.quiet_libraries()
    if run.method == FROM_NOTHING:
        model, tokenizer = base_model.load_model(folder / "best").eval(), base_model.load_tokenizer(folder / "best")
        return FinishedRun(run, folder, model, tokenizer, tuple(_prompts(base, run)), agreement.forward_of(model))
    base_folder, _, digest = base_model.resolve(run.base.name, config.models_folder())
    if digest != run.base.digest:
        raise UsageError(f"run '{run.name}': its base {run.base.name} has other weights than when it was trained")
    model = tuned.load(folder / "best", base_folder)
    tokenizer = base_model.load_tokenizer(base_folder)
    prompts = tuple(_prompts(base, run))
    return FinishedRun(run, folder, model, tokenizer, prompts, agreement.forward_of(model))


def _prompts(base: KnowledgeBase, run: TrainingRun) -> list[Prompt]:
    """Half from the run's own conversations, where it learned from some; the rest are general questions."""
    own: list[Prompt] = []
    try:
        data = datasets.load(datasets.find(base, run.data.name))
    except UsageError:  # the data set was deleted since; general questions do
        data = None
    if data is not None:
        rows = [row for row in (*data.validation, *data.train) if isinstance(row, datasets.ChatRow)]
        own.extend([asked for row in rows if (asked := _asked(row.messages))][: N_PROMPTS // 2])
    questions = [question for question, _ in probe.questions()[: N_PROMPTS - len(own)]]
    return [*own, *agreement.turns_of(questions)]


def _asked(messages: Sequence[Message]) -> list[Message]:
    """The conversation up to the last answer; empty where there is none, or it is long."""
    last = max((n for n, turn in enumerate(messages) if turn.role == "assistant"), default=0)
    asked = list(messages[:last])
    return asked if sum(len(turn.content) for turn in asked) < CONTEXT else []


# writing


def _write_adapter(trained: FinishedRun, work: Path) -> None:
    best = trained.folder / "best"
    for path in best.iterdir():
        if path.is_file():
            shutil.copy(path, work / path.name)
    trained.tokenizer.save_pretrained(work)
    if not trained.run.base.gguf or not (pairs := lora_pairs(trained.model)):
        return
    pattern = gguf_file.open_pattern(Path(trained.run.base.gguf))
    values = {**_values(trained), "general.name": trained.run.name}
    gguf_file.write_adapter(pattern, pairs, work / _adapter_name(trained), values=values)


def _write_merged(trained: FinishedRun, work: Path) -> None:
    import torch
    from safetensors.torch import save_file

    merged = Merged(trained.model)
    tensors = {name: torch.from_numpy(merged.take(name)).to(torch.float16) for name in merged.names}
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise ModelError(f"{bad[0]}: holds values that are not finite 16-bit numbers; the training went wrong")
    save_file(tensors, work / "model.safetensors", metadata={"format": "pt"})
    sizes = json.loads((_base_folder(trained) / "config.json").read_text("utf-8"))
    state.put(work / "config.json", {**sizes, "dtype": "float16"})
    generation = _base_folder(trained) / "generation_config.json"
    if generation.is_file():
        shutil.copy(generation, work / generation.name)
    trained.tokenizer.save_pretrained(work)


def _write_gguf(file_type: FileType, trained: FinishedRun, work: Path) -> None:
    merged = Merged(trained.model)
    pattern = _pattern(trained, work)
    values = {**_values(trained), "general.name": f"{pattern.value('general.name', '')} {trained.run.name}".strip()}
    gguf_file.write_model(
        pattern, merged.names, merged.take, work / _gguf_name(trained), file_type=file_type, values=values
    )
    (work / _PATTERN).unlink(missing_ok=True)


def _pattern(trained: FinishedRun, work: Path) -> BaseGguf:
    """The base's GGUF file; one that is made of its folder where it never had one."""
    if trained.run.base.gguf:
        return gguf_file.open_pattern(Path(trained.run.base.gguf))
    gguf_fresh.write(_base_folder(trained), work / _PATTERN)
    return gguf_file.open_pattern(work / _PATTERN)


def _write_ollama(trained: FinishedRun, work: Path) -> None:
    _write_gguf("f16", trained, work)
    pattern = gguf_file.open_pattern(work / _gguf_name(trained))
    frames = modelfile.frames(modelfile.renderer(trained.tokenizer), _added_bos(trained, pattern))
    context = min(pattern.size("context_length", LOCAL_CONTEXT_TOKENS), 4 * LOCAL_CONTEXT_TOKENS)
    text = modelfile.write(_gguf_name(trained), frames, _stops(trained), context)
    (work / "Modelfile").write_text(text, "utf-8")


_WRITERS: Mapping[str, Callable[[FinishedRun, Path], None]] = {
    "adapter": _write_adapter,
    "merged": _write_merged,
    "gguf-f16": partial(_write_gguf, "f16"),
    "gguf-q8_0": partial(_write_gguf, "q8_0"),
    "ollama": _write_ollama,
}


def _values(trained: FinishedRun) -> dict[str, str | int]:
    """Template and end token as they were in training."""
    values: dict[str, str | int] = {gguf_file.TEMPLATE: str(trained.tokenizer.chat_template)}
    if trained.tokenizer.eos_token_id is not None:
        values["tokenizer.ggml.eos_token_id"] = int(trained.tokenizer.eos_token_id)
    return values


def _added_bos(trained: FinishedRun, pattern: BaseGguf) -> str:
    """The token that whoever reads the file puts in front of a prompt; empty where the file asks for none."""
    added = pattern.value("tokenizer.ggml.add_bos_token", False)
    return str(trained.tokenizer.bos_token or "") if added else ""


def _stops(trained: FinishedRun) -> list[str]:
    return [stop for stop in dict.fromkeys(stop_tokens(trained.tokenizer)) if stop]


def _gguf_name(trained: FinishedRun) -> str:
    return f"{trained.run.name}.gguf"


def _adapter_name(trained: FinishedRun) -> str:
    return f"{trained.run.name}.lora.gguf"


def _base_folder(trained: FinishedRun) -> Path:
    return trained.folder / "best" if trained.run.method == FROM_NOTHING else Path(trained.run.base.folder)


# checking


def check(trained: FinishedRun, folder: Path, to: str, progress: Progress = SILENT) -> tuple[ExportAgreement, ...]:
    """How each exported file of ``folder`` agrees with the trained model on 20 prompts.

    Raises: ModelError where one does not.
    """
    found: list[ExportAgreement] = []
    if to == "adapter":
        found.append(_check_transformers(trained, folder, to, SAME, progress))
        if (folder / _adapter_name(trained)).is_file():
            base = Path(trained.run.base.gguf)
            criterion = ROUNDED if gguf_file.open_pattern(base).quantised else EXACT
            found.append(_check_llama(trained, f"{base}+{folder / _adapter_name(trained)}", criterion, progress))
    elif to == "merged":
        found.append(_check_transformers(trained, folder, to, EXACT, progress))
    else:
        criterion = ROUNDED if to == "gguf-q8_0" else EXACT
        found.append(_check_llama(trained, str(folder / _gguf_name(trained)), criterion, progress))
    if to == "ollama":
        written = modelfile.read((folder / "Modelfile").read_text("utf-8"))
        bos = _added_bos(trained, gguf_file.open_pattern(folder / _gguf_name(trained)))
        agreement.same_modelfile(written, trained.tokenizer, trained.prompts, _stops(trained), bos)
    return tuple(found)


def _check_llama(trained: FinishedRun, name: str, criterion: Criterion, progress: Progress) -> ExportAgreement:
    """Through the door that ``ask`` uses."""
    settings = replace(ChatSettings(), context_tokens=CONTEXT)
    chat: LlamaChat = llamacpp.open_chat(name, settings, Path(), None)
    ids = agreement.same_prompts(chat, trained.tokenizer, trained.prompts)
    wanted = trained.tokenizer.eos_token
    if chat.end_token != wanted:
        raise ModelError(f"{name}: ends its answers with {chat.end_token!r}, the trained model with {wanted!r}")
    answer = partial(agreement.greedy, chat)
    return agreement.compare(Path(name).name, answer, trained.forward, ids, criterion, progress)


def _check_transformers(
    trained: FinishedRun, folder: Path, to: str, criterion: Criterion, progress: Progress
) -> ExportAgreement:
    """Read back as another program would: by transformers, and by PEFT where it is an adapter."""
    if (folder / "config.json").is_file():
        model = base_model.load_model(folder).eval()
    elif (folder / "adapter_config.json").is_file():
        model = peft_files.load(tuned.open_base(recipe.find(trained.run.method), _base_folder(trained)), folder)
    else:
        model = tuned.load(folder, _base_folder(trained))
    tokenizer = base_model.load_tokenizer(folder)
    render, written = modelfile.renderer(trained.tokenizer), modelfile.renderer(tokenizer)
    prompts = []
    for messages in trained.prompts:
        wanted, text = render(messages, True), written(messages, True)
        agreement.same_text(to, wanted, text)
        prompts.append(list(tokenizer(text, add_special_tokens=False)["input_ids"]))
    answer = agreement.greedy_by(model, tokenizer, prompts)
    return agreement.compare(to, answer, trained.forward, prompts, criterion, progress)


# what was written


def _card(trained: FinishedRun, work: Path, to: str, target: Path, agreements: tuple[ExportAgreement, ...]) -> Exported:
    files = {path.name: digests.of_file(path) for path in sorted(work.iterdir()) if path.is_file()}
    setting = ""
    if (work / _gguf_name(trained)).is_file():
        setting = f"llama:{target / _gguf_name(trained)}"
    elif (work / _adapter_name(trained)).is_file():
        setting = f"{trained.run.base.name}+{target / _adapter_name(trained)}"
    size = sum(path.stat().st_size for path in work.iterdir())
    run, made_at = trained.run, state.now()
    return Exported(run.name, to, target, files, size, agreements, setting, str(run.base.name), made_at)


def read(folder: Path) -> Exported | None:
    """The export in a folder, None where there is none."""
    try:
        value = json.loads((folder / CARD).read_text("utf-8"))
        agreements = tuple(ExportAgreement(**one) for one in value["agreements"])
        return Exported(**{**value, "folder": folder, "agreements": agreements})
    except (OSError, ValueError, TypeError, KeyError):  # absent, or no card of ours
        return None


def unchanged(exported: Exported) -> None:
    """Nothing, where every file is the one that was checked. Raises: ModelError naming the first that is not."""
    for name, digest in exported.files.items():
        path = exported.folder / name
        if not path.is_file() or digests.of_file(path) != digest:
            what = "is not the file that was checked" if path.is_file() else "is gone"
            raise ModelError(
                f"{path}: {what}; export it again: wellread models export {exported.run} --to {exported.to}"
            )
