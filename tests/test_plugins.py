"""Parts of another package: installed for real, found by entry point, named by settings, held to what they promise."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread import KnowledgeBase, PluginError, UsageError, plugins
from wellread.documents.ingest import pipeline_of
from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.models import select
from wellread.models.settings import EmbedSettings

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "plugin"
SRT = """1
00:00:01,000 --> 00:00:03,500
The winch HF-203 was serviced in May by Odile.

2
00:00:04,000 --> 00:00:06,000
It may lift 9 tonnes.

3
00:01:10,000 --> 00:01:12,000
The canteen closes at noon.
"""
MAKING = ("embedders", "sparse")  # what is called while documents are added
SIX = (
    'parse.parsers={".srt" = "example:subtitles"}',
    "chunk.strategy=example:paragraphs",
    "embed.model=example:256",
    "rerank.model=example:nearness",
    'rewrite.rewriters=["example:numbers"]',
    'retrieve.indexes=["example:identifiers"]',
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has put the example into."""
    work = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, work / "plugin", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(work / "site"), str(work / "plugin")]
    subprocess.run(command, check=True, capture_output=True)
    return work / "site"


@pytest.fixture
def site(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, where Python looks for packages."""
    monkeypatch.syspath_prepend(str(installed))
    yield installed
    for name in [name for name in sys.modules if name.partition(".")[0] in ("wellread_example", "faulty")]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A meeting in subtitles, and a note."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "meeting.srt").write_text(SRT)
    (documents / "note.md").write_text("# Cranes\n\nThe crane HF-204 may lift 12 tonnes.\n\nThe pier is closed.")
    return documents


def faulty(folder: Path, group: str, body: str, version: str = "1.0") -> str:
    """A package with one entry point, «faulty»; its module holds ``body``."""
    module = f"faulty_{group}"
    info = folder / f"faulty_{group}-{version}.dist-info"
    shutil.rmtree(info, ignore_errors=True)
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: faulty-{group}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[wellread.{group}]\nfaulty = {module}:open_it\n")
    (folder / f"{module}.py").write_text(body)
    importlib.invalidate_caches()
    return module


def test_all_six_parts_serve_from_file_to_answer(site: Path, folder: Path, tmp_path: Path) -> None:
    KnowledgeBase.create(tmp_path / "base").close()
    with KnowledgeBase.open(tmp_path / "base", overrides=SIX) as base:
        report = base.add(str(folder))
        assert (report.new, report.failed, report.skipped) == (2, 0, 0)
        meeting = next(d for d in base.documents() if d.uri.endswith(".srt"))
        assert meeting.media_type == "application/x-subrip" and meeting.metadata["length_s"] == "72"
        assert base.status().embedder == "example:trigrams-256"

        found = base.search("Who serviced the winch hf-203?")
        assert "HF-203" in found.hits[0].chunk.text and found.hits[0].scores["example:identifiers"] == 1
        stages = {stage.name: stage.detail for stage in found.stages}
        assert stages["rerank"]["model"] == "example:nearness-1"
        assert stages["rewrite"]["rewriters"] == "nothing to add"
        assert stages["search"]["example:identifiers"] == 1

        nine = base.search("Nine?")
        stages = {stage.name: stage.detail for stage in nine.stages}
        assert stages["rewrite"]["rewriters"] == ("9?",)
        assert ["9 tonnes" in hit.chunk.text for hit in nine.hits if "bm25" in hit.scores] == [True]
        plain = base.configured(["rewrite.rewriters=[]"]).search("Nine?")
        assert not [hit for hit in plain.hits if "bm25" in hit.scores]

        answer = base.ask("Who serviced the winch HF-203?")
        assert not answer.refused and "Odile" in answer.text
        assert answer.citations[0].document.endswith("meeting.srt")


def test_without_the_plugin_the_file_is_read_by_the_parser_of_the_house(
    site: Path, folder: Path, tmp_path: Path
) -> None:
    with KnowledgeBase.create(tmp_path / "base") as base:
        assert base.add(str(folder)).new == 2
        meeting = next(d for d in base.documents() if d.uri.endswith(".srt"))
        assert "length_s" not in meeting.metadata


def test_the_command_line_names_parts_as_settings_do(site: Path, folder: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def wellread(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wellread", *words]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    wellread("init", "base")
    settings = tmp_path / "base" / "wellread.toml"
    settings.write_text(
        '[parse]\nparsers = { ".srt" = "example:subtitles" }\n[chunk]\nstrategy = "example:paragraphs"\n'
    )
    added = wellread("add", str(folder), "--base", "base")
    assert added.returncode == 0, added.stderr
    assert "HF-203" in wellread("search", "winch HF-203", "--base", "base").stdout
    wrong = wellread("search", "winch", "--base", "base", "--set", 'retrieve.indexes=["exmaple:codes"]')
    assert wrong.returncode == 2
    assert "no installed package offers the index 'exmaple'; there are: example" in wrong.stderr


@pytest.mark.parametrize(("override", "part"), [(SIX[1], "chunker"), (SIX[0], "parser")])
def test_files_are_read_again_when_the_package_has_another_version(
    override: str, part: str, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "def open_it(name, settings):\n    return lambda parsed, count: [(0, len(parsed.text))]\n"
    monkeypatch.syspath_prepend(str(tmp_path))
    model = select.embedder(EmbedSettings(), tmp_path)
    plain = pipeline_of(ParseSettings(), ChunkSettings(), model)
    made = []
    for version in ("1.0", "1.0", "1.1"):
        for old in tmp_path.glob("*.dist-info"):
            shutil.rmtree(old)
        faulty(tmp_path, f"{part}s", body, version)
        parse = ParseSettings(parsers={".srt": "faulty:x"}) if part == "parser" else ParseSettings()
        chunking = ChunkSettings(strategy="faulty:x") if part == "chunker" else ChunkSettings()
        made.append(pipeline_of(parse, chunking, model))
    assert made[0] == made[1] != made[2] and plain not in made


def test_a_file_is_parsed_again_after_an_upgrade_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, documents = tmp_path / "site", tmp_path / "documents"
    site.mkdir()
    documents.mkdir()
    (documents / "a.log2").write_text("nine o'clock")
    monkeypatch.syspath_prepend(str(site))
    body = (
        "from wellread.types import Parsed\n"
        "def open_it(name, settings):\n"
        "    return lambda data, file: Parsed('VERSION ' + data.decode(), (), 'text/x-log')\n"
    )
    KnowledgeBase.create(tmp_path / "base").close()
    with KnowledgeBase.open(tmp_path / "base", overrides=['parse.parsers={".log2" = "faulty:x"}']) as base:
        faulty(site, "parsers", body.replace("VERSION", "first"))
        assert base.add(str(documents)).new == 1
        again = base.sync()
        assert (again.unchanged, again.changed) == (1, 0)
        shutil.rmtree(next(site.glob("*.dist-info")))
        faulty(site, "parsers", body.replace("VERSION", "second"), "2.0")
        assert base.sync().changed == 1
        assert base.search("o'clock").hits[0].chunk.text == "second nine o'clock"


PARSER = "from wellread.types import Parsed, Block, Span\ndef open_it(name, settings):\n    return lambda data, file: "


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (PARSER + "1 // 0\n", "raised ZeroDivisionError: integer division or modulo by zero"),
        (PARSER + "'text'\n", "gave a str, not a wellread.types.Parsed"),
        (PARSER + "Parsed('abc', (Block('paragraph', Span(0, 9)),), 'text/x')\n", "span 0 to 9, in a text of 3"),
        (PARSER + "Parsed('abc', (), 'text/x', metadata={'n': 1})\n", "metadata 'n' that is int, not text"),
        ("def open_it(name, settings):\n    return 7\n", "opened a int, not a function"),
    ],
)
def test_a_parser_that_fails_costs_its_files_and_is_named(
    body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    faulty(tmp_path, "parsers", body)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.log2").write_text("nine")
    (tmp_path / "documents" / "b.txt").write_text("The ferry leaves at nine.")
    KnowledgeBase.create(tmp_path / "base").close()
    with KnowledgeBase.open(tmp_path / "base", overrides=['parse.parsers={".log2" = "faulty:x"}']) as base:
        report = base.add(str(tmp_path / "documents"))
        assert (report.new, report.failed) == (1, 1)
        [failure] = report.failures
        assert failure.kind == "plugin" and told in failure.reason
        assert "parse.parsers.\".log2\" = 'faulty:x' (parser of faulty-parsers 1.0)" in failure.reason


def test_a_parser_is_held_by_the_limits_of_the_child_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    body = (
        "import socket\nfrom wellread.types import Parsed\n"
        "def parse(data, file):\n"
        "    word = data.decode()\n"
        "    if word == 'memory':\n        bytearray(4 << 30)\n"
        "    if word == 'hang':\n        while True: pass\n"
        f"    if word == 'write':\n        open({str(tmp_path / 'written')!r}, 'wb', 0).write(b'x' * 9)\n"
        "    if word == 'network':\n        socket.create_connection(('192.0.2.1', 80), 3)\n"
        "    return Parsed(word, (), 'text/x')\n"
        "def open_it(name, settings):\n    return parse\n"
    )
    faulty(tmp_path, "parsers", body)
    (tmp_path / "documents").mkdir()
    for word in ("fine", "hang", "memory", "network", "write"):
        (tmp_path / "documents" / f"{word}.log2").write_text(word)
    KnowledgeBase.create(tmp_path / "base").close()
    limits = ['parse.parsers={".log2" = "faulty:x"}', "parse.timeout_s=3.0"]
    with KnowledgeBase.open(tmp_path / "base", overrides=limits) as base:
        report = base.add(str(tmp_path / "documents"))
        kinds = {Path(failure.uri).stem: failure.kind for failure in report.failures}
        assert report.new == 1 and kinds.keys() == {"hang", "memory", "network", "write"}
        assert (kinds["hang"], kinds["memory"]) == ("timeout", "memory")
        assert (tmp_path / "written").stat().st_size == 0


def test_a_chunker_that_fails_costs_its_files_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    faulty(tmp_path, "chunkers", "def open_it(name, settings):\n    return lambda parsed, count: [(0, 10 ** 6)]\n")
    KnowledgeBase.create(tmp_path / "base").close()
    with KnowledgeBase.open(tmp_path / "base", overrides=["chunk.strategy=faulty:x"]) as base:
        report = base.add("note", text="The ferry leaves at nine.")
        assert "chunk.strategy = 'faulty:x' (chunker of faulty-chunkers 1.0)" in report.failures[0].reason
        assert "span 0 to 1000000, in a text of 25 characters" in report.failures[0].reason


@pytest.mark.parametrize(
    ("group", "setting", "body", "told"),
    [
        ("embedders", "embed.model=faulty:x", "embed", "embed gave (1, 3) for 1 texts in 4 dimensions"),
        ("rerankers", "rerank.model=faulty:x", "score", "score gave (0,) for 1 passages"),
        ("sparse", "sparse.model=faulty:x", "encode", "encode gave 0 vectors for 1 texts"),
        ("rewriters", 'rewrite.rewriters=["faulty:x"]', "lambda q: q", "gave 'ferry', not a list of texts"),
        ("rewriters", 'rewrite.rewriters=["faulty:x"]', "lambda q: {}[q]", "raised KeyError: 'ferry'"),
        ("indexes", 'retrieve.indexes=["faulty:x"]', "lambda q, look: [1]", "gave [1], not a mapping"),
        ("indexes", 'retrieve.indexes=["faulty:x"]', "lambda q, look: {1: float('nan')}", "a score that is no number"),
    ],
)
def test_a_part_of_the_search_that_fails_is_named_with_its_package(
    group: str, setting: str, body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = (
        "import numpy as np\nclass Model:\n    id, dim, max_tokens, remote = 'faulty:1', 4, 99, None\n"
        "    def count_tokens(self, texts): return [1 for _ in texts]\n"
        f"    def {body}(self, *given): return np.zeros((1, 3) if '{body}' == 'embed' else 0)\n"
        "def open_it(*given):\n    return Model()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    faulty(tmp_path, group, model if body.isidentifier() else f"def open_it(*given):\n    return {body}\n")
    with KnowledgeBase.create(tmp_path / "base") as base:
        if group not in MAKING:
            base.add("note", text="The ferry leaves at nine.")
        with pytest.raises(PluginError) as caught:
            other = base.configured([setting])
            other.add("note", text="The ferry leaves at nine.") if group in MAKING else other.search("ferry")
    sys.modules.pop(f"faulty_{group}", None)
    assert told in str(caught.value) and f"of faulty-{group} 1.0)" in str(caught.value)


def test_doctor_opens_every_part_that_is_named(site: Path, tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "base") as base:
        well = {f.what: f for f in base.configured(SIX).doctor()}
        named = (
            'parse.parsers.".srt"',
            "chunk.strategy",
            "rewrite.rewriters",
            "retrieve.indexes",
            "embedding model",
            "reranking model",
        )
        assert all(well[what].ok and well[what].detail.startswith("example:") for what in named)
        for broken in ("rewrite.rewriters=['example:nothing']", "chunk.strategy=example:nothing"):
            ill = [f for f in base.configured([broken]).doctor() if f.what == broken.partition("=")[0]]
            assert len(ill) == 1 and not ill[0].ok and "there is only example:" in ill[0].detail


def test_what_an_index_may_not_show_is_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    body = (
        "from wellread.index.passages import passages\n"
        "def find(query, look):\n"
        "    return {entry.key: 9.0 + entry.key for entry in passages(look, everyone=True)} | {999: 99.0}\n"
        "def open_it(name, settings, folder):\n    return find\n"
    )
    faulty(tmp_path, "indexes", body)
    KnowledgeBase.create(tmp_path / "base").close()
    with KnowledgeBase.open(tmp_path / "base", overrides=['retrieve.indexes=["faulty:x"]']) as base:
        base.add("open", text="The ferry leaves at nine.")
        base.add("closed", text="The captain earns forty crowns.", labels=["crew"])
        found = base.search("ferry")
        assert [hit.document.uri for hit in found.hits] == ["stdin:open"]
        assert next(stage for stage in found.stages if stage.name == "search").detail["faulty:x"] == 1
    sys.modules.pop("faulty_indexes", None)


def test_an_unknown_part_is_refused_with_those_that_are_there(site: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no installed package offers the chunker 'examples'; there are: example \("):
        plugins.named("chunker", "examples:paragraphs", "chunk.strategy")
    with KnowledgeBase.create(tmp_path / "base") as base:
        for setting in ("chunk.strategy=exmaple:x", 'parse.parsers={".srt" = "exmaple:x"}'):
            with pytest.raises(UsageError, match="there are: example"):
                base.configured([setting]).add("note", text="nine")
        with pytest.raises(UsageError, match="there is only example:paragraphs"):
            base.configured(["chunk.strategy=example:x"]).add("note", text="nine")
        with pytest.raises(UsageError, match=r"known are .*example"):
            base.configured(["embed.model=exmaple:x"]).search("nine")
        assert base.status().documents == 0


def test_the_tests_of_the_example_pass(site: Path) -> None:
    quiet = ["-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE)]
    command = [sys.executable, "-m", "pytest", *quiet, str(EXAMPLE / "tests")]
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
