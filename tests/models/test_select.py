from __future__ import annotations

from pathlib import Path

import pytest

from wellread.errors import PluginError, UsageError
from wellread.models import select
from wellread.models.settings import ChatSettings, EmbedSettings, RerankSettings, threads_for


def test_an_unknown_kind_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"chat\.model = 'lama:x': no such kind 'lama'; did you mean 'llama'\?"):
        select.chat(ChatSettings(model="lama:x"), tmp_path)
    with pytest.raises(UsageError, match="did you mean 'static'"):
        select.embedder(EmbedSettings(model="statik:minilm"), tmp_path)


@pytest.mark.parametrize("model", ["llama", "llama:", ""])
def test_a_name_without_kind_says_how_it_is_written(model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is written kind:name"):
        select.chat(ChatSettings(model=model), tmp_path)


def test_no_reranker_is_a_choice(tmp_path: Path) -> None:
    assert select.reranker(RerankSettings(model=""), tmp_path) is None


@pytest.mark.parametrize("model", ["static:other", "onnx:other"])
def test_an_unknown_packaged_name_is_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is only"):
        select.embedder(EmbedSettings(model=model), tmp_path)


def test_a_kind_of_another_package_opens_through_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wellread.chat]\nplug = plug_chat:open_chat\n")
    (tmp_path / "plug_chat.py").write_text(
        "class Chat:\n"
        "    context_tokens, remote = 512, None\n"
        "    count_tokens = reply = stream = len\n\n\n"
        "def open_chat(name, settings, folder, api_key):\n"
        "    chat = Chat()\n"
        "    chat.name = f'plug:{name}, {api_key}'\n"
        "    return chat if name == 'a:b' else name\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "plug" in select.kinds("chat")
    assert select.chat(ChatSettings(model="plug:a:b"), tmp_path, api_key="k").name == "plug:a:b, k"
    with pytest.raises(PluginError, match=r"chat.model = 'plug:x' \(chat of plug 1.0\): opened a str without name"):
        select.chat(ChatSettings(model="plug:x"), tmp_path)


@pytest.mark.parametrize("given", [{"timeout_s": 0.0}, {"max_attempts": 0}, {"context_tokens": -1}, {"price_in": -1.0}])
def test_impossible_settings_are_named(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        ChatSettings(**given)  # type: ignore[arg-type]


def test_threads_are_as_asked_or_at_least_one() -> None:
    assert threads_for(3) == 3
    assert threads_for(0) >= 1
