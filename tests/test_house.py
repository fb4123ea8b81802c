"""The rules of the house that a machine can check. An allow-list names what breaks a rule today; it may only shrink."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "wellread"
TESTS = ROOT / "tests"

MOST_PACKAGES = 30  # of the core with the extra llama, wellread itself not counted
MOST_LINES_OF_FILE = 450
MOST_LINES_OF_FUNCTION = 70
MOST_IMPORT_MS = 150
HEAVY = {"numpy", "sqlalchemy", "typer", "rich", "torch", "transformers", "sentence_transformers", "onnxruntime"}
HEAVY |= {"llama_cpp", "kitoken", "pypdfium2", "selectolax", "urllib3", "pydantic"}
EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|handlers?|misc|common)(_|$)")

# file (below src/wellread) → names that it may break the rule with
LONG_FILES: dict[str, set[str]] = {}
LONG_FUNCTIONS: dict[str, set[str]] = {}
TORCH = {"torch", "transformers", "sentence_transformers", "peft", "trl", "accelerate", "datasets", "bitsandbytes"}
TORCH_FILES = {"models/providers/transformers.py"}
OFFERED = {"__init__.py", "contracts.py"}  # what other packages call
CALLED_AS_A_WHOLE = re.compile(  # modules that a list, a protocol or a folder names, and not one function of them
    r"index/\w+/(glossary_)?structure\.py|store/engine/sqlite\.py|store/migrations/\d{4}_\w+\.py"
)
UNCALLED = {  # by tests alone, or by nothing yet
    "index.graph.rows.exists",
    "store.jobs.interrupted",
    "store.outcomes.get",
}
LATE_IMPORTS_OF_THE_COMMAND_LINE = {
    ("cli/chat.py", "readline"),  # its import alone changes how a line is typed
    ("cli/show.py", "rich"),  # only where a terminal watches
    ("cli/serve.py", "wellread"),  # what serves imports the web framework, which only the extra brings
}
ENVIRONMENT_FILES = {"config.py"}
TOML_FILES = {
    "config.py",
    "cli/config.py",  # finds where a value ends in the file that it edits
    "documents/sources/describe.py",  # a sidecar is data about a document, not a setting
    "documents/parsers/data.py",  # a TOML file that is read as a document
}


def sources(folder: Path = PACKAGE) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)


CALLERS = [*sources(), *(p for folder in ("bench", "scripts", "examples") for p in sources(ROOT / folder))]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in a file, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers_of(packages: set[str]) -> set[str]:
    return {name_of(p) for p in sources() if {m.partition(".")[0] for m in imports_of(tree_of(p))} & packages}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


# what a user pays


def test_import_of_wellread_takes_less_than_150_ms() -> None:
    timed = "import time; t = time.perf_counter(); import wellread; print((time.perf_counter() - t) * 1e3)"
    assert min(float(python(timed)) for _ in range(5)) < MOST_IMPORT_MS


def test_import_of_wellread_loads_nothing_heavy() -> None:
    loaded = set(python("import sys, wellread; print(' '.join(sys.modules))").split())
    assert not {m.partition(".")[0] for m in loaded} & HEAVY


def test_the_command_line_loads_nothing_heavy_for_its_help() -> None:
    loaded = set(python("import sys, wellread.cli.main; print(' '.join(sys.modules))").split())
    assert not {m.partition(".")[0] for m in loaded} & (HEAVY - {"typer", "pydantic"})


def requirements_of(package: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in metadata.requires(package) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield requirement


def test_the_core_with_llama_resolves_to_at_most_thirty_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [Requirement(r) for r in (*project["dependencies"], *project["optional-dependencies"]["llama"])]
    found: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in found:
            continue
        found.add(key)
        try:
            wanted += requirements_of(*key)
        except metadata.PackageNotFoundError:
            if key[0] != "llama-cpp-python":
                raise
            pytest.skip("llama-cpp-python is not installed: make setup")
    packages = sorted({name for name, _ in found})
    assert len(packages) <= MOST_PACKAGES, packages


# the public list


def test_everything_in_the_public_list_is_there_and_sorted() -> None:
    import wellread

    assert wellread.__all__ == sorted(set(wellread.__all__))
    missing = [name for name in wellread.__all__ if not hasattr(wellread, name)]
    assert not missing
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        wellread.opne  # noqa: B018


def test_the_public_list_holds_every_error() -> None:
    import wellread
    from wellread import errors

    tree = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert tree <= set(wellread.__all__)


def test_the_version_is_the_one_of_the_project() -> None:
    import wellread

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project.get("version", wellread.__version__) == wellread.__version__


# the shape of the code


def test_no_file_is_longer_than_450_lines() -> None:
    long = {name_of(p): set[str]() for p in sources() if len(p.read_text("utf-8").splitlines()) > MOST_LINES_OF_FILE}
    assert long == LONG_FILES


def test_no_function_is_longer_than_70_lines() -> None:
    long: dict[str, set[str]] = {}
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef) and _length(node) > MOST_LINES_OF_FUNCTION:
                long.setdefault(name_of(path), set()).add(node.name)
    assert long == LONG_FUNCTIONS


def _length(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_names_say_what_a_thing_is() -> None:
    found = []
    for path in sources():
        names = [path.stem, *(n.name for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.ClassDef))]
        snake = (re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names)
        found += [f"{name_of(path)}: {name}" for name in snake if EMPTY_NAMES.search(name)]
    assert not found


def test_every_file_opens_with_a_sentence() -> None:
    assert not [name_of(p) for p in sources() if not ast.get_docstring(tree_of(p))]


def test_a_room_is_a_docstring() -> None:
    rooms = [p for p in sources() if p.name == "__init__.py" and p.parent != PACKAGE]
    assert rooms
    assert not [name_of(p) for p in rooms if len(tree_of(p).body) > 1]


def test_every_public_function_has_a_caller() -> None:
    used = {name for path in CALLERS for name in uses_in(path)}
    uncalled = set()
    for path in sources():
        for node in tree_of(path).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or name_of(path) in OFFERED:
                continue
            if CALLED_AS_A_WHOLE.fullmatch(name_of(path)):
                continue
            name = f"{module_of(path)}.{node.name}"
            if name not in used and not any(isinstance(d, ast.Call) for d in node.decorator_list):
                uncalled.add(name.removeprefix("wellread."))
    by_string = {text for path in CALLERS for text in strings_in(path) if ":" in text}
    places = {name: "wellread." + ":".join(name.rsplit(".", 1)) for name in uncalled}
    assert {name for name, place in places.items() if not place.endswith(tuple(by_string))} == UNCALLED


def module_of(path: Path) -> str:
    """The dotted name of a file's module; a script has its path for one."""
    if not path.is_relative_to(PACKAGE.parent):
        return path.as_posix()
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def uses_in(path: Path) -> Iterator[str]:
    """Dotted names that a file uses: what it imports, attributes of modules, its own functions outside themselves."""
    tree, module = tree_of(path), module_of(path)
    known = {n.name: f"{module}.{n.name}" for n in tree.body if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for part in tree.body:
        own = part.name if isinstance(part, ast.FunctionDef) else ""
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id in known and node.id != own:
                yield known[node.id]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                yield f"{known[node.value.id]}.{node.attr}"


def strings_in(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


# what may be used where


def test_torch_stays_in_its_files() -> None:
    assert {name for name in importers_of(TORCH) if not name.startswith("tune/")} <= TORCH_FILES


def test_typer_and_rich_stay_in_the_command_line() -> None:
    assert {name for name in importers_of({"typer", "rich", "click"}) if not name.startswith("cli/")} == set()


def test_the_command_line_imports_at_the_top_of_its_files() -> None:
    found = set()
    for path in sources(PACKAGE / "cli"):
        for function in (n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef)):
            found |= {(name_of(path), module.partition(".")[0]) for module in imports_of(function)}
    assert found == LATE_IMPORTS_OF_THE_COMMAND_LINE


def test_sql_stays_in_store_and_index() -> None:
    found = importers_of({"sqlalchemy", "sqlite3"})
    assert {name for name in found if not name.startswith(("store/", "index/"))} == set()


def strings_of(tree: ast.Module) -> Iterator[str]:
    """Every string of a file that is not a docstring."""
    docs = {id(node.body[0].value) for node in ast.walk(tree) if getattr(node, "body", None)
            and isinstance(node.body, list) and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_the_words_of_sqlite_stay_in_the_engine_and_in_full_text_search() -> None:
    words = re.compile(r"json_each|\bPRAGMA\b|OR REPLACE|sqlite_master|\bfts5|ON CONFLICT|BEGIN IMMEDIATE")
    found = set()
    for path in sources(PACKAGE / "store") + sources(PACKAGE / "index"):
        tree = tree_of(path)
        imported = {module for module in imports_of(tree) if module == "sqlite3" or "dialects" in module}
        called = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} & {"exec_driver_sql", "json_each"}
        if name_of(path).startswith("store/migrations/"):
            called -= {"exec_driver_sql"}  # a step is statements of its time
        if imported or called or any(words.search(text) for text in strings_of(tree)):
            found.add(name_of(path))
    found -= {"index/tables/query.py"}  # computes in a database of its own in memory; the store is not touched
    assert {name for name in found if not name.startswith(("store/engine/", "index/words/"))} == set()


def test_only_paths_knows_where_things_of_a_base_lie() -> None:
    literals = {name_of(p) for p in sources() for text in strings_of(tree_of(p)) if text.startswith(".wellread")}
    assert literals - {"paths.py"} == set()


def test_only_config_reads_the_environment() -> None:
    found = set()
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
                found.add(name_of(path))
    assert found == ENVIRONMENT_FILES


def test_only_config_reads_toml() -> None:
    assert importers_of({"tomllib"}) == TOML_FILES


def test_nothing_is_pickled() -> None:
    assert importers_of({"pickle", "marshal", "shelve", "dill", "joblib"}) == set()
    allowing = [name_of(p) for p in sources() if "allow_pickle=True" in p.read_text("utf-8")]
    assert not allowing


def test_nothing_catches_everything() -> None:
    found = []
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and _catches_everything(node.type) and not _passes_on(node):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert not found


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Cleans up and raises the same again."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _catches_everything(caught: ast.expr | None) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(k is None or (isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")) for k in kinds)


def test_an_ignored_type_says_why() -> None:
    found = []
    for path in sources():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search(r"# type: ignore(?!\[[\w, -]+\]\s+# \w)", line):
                found.append(f"{name_of(path)}:{number}")
    assert not found


def test_no_test_mocks_our_own_code() -> None:
    mocks = ("unittest", "mock", "pytest_mock")
    assert not [p.name for p in sources(TESTS) if any(m.startswith(mocks) for m in imports_of(tree_of(p)))]


def test_the_names_of_tests_are_sentences() -> None:
    short = []
    for path in sources(TESTS):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name.count("_") < 3:
                short.append(f"{path.name}: {node.name}")
    assert not short


# what is written down


def commands() -> list[str]:
    """Every command as it is typed: ``wellread index rebuild``."""
    from wellread.cli.table import COMMANDS

    return [f"wellread {row.name}" for row in COMMANDS if row.place]


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    written = "\n".join(page.read_text("utf-8") for page in pages if page.is_file())
    missing = [command for command in commands() if not re.search(rf"{re.escape(command)}\b", written)]
    assert not missing


def test_every_setting_has_a_sentence_under_it() -> None:
    from wellread.cli.sections import ALL as SECTIONS
    from wellread.config import sentences

    for section, cls in SECTIONS.items():
        written = sentences(cls)
        missing = [f"{section}.{f.name}" for f in fields(cls) if not written.get(f.name, "").endswith(".")]
        assert not missing


def test_the_public_parts_of_the_package_have_docstrings() -> None:
    found = []
    for path in sources():
        for node in tree_of(path).body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                found.append(f"{name_of(path)}: {node.name}")
    assert not found


def test_a_public_class_name_stands_in_one_module_only() -> None:
    homes: dict[str, list[str]] = {}
    for path in sources():
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(name_of(path))
    assert not {name: files for name, files in homes.items() if len(files) > 1}


def test_a_public_class_with_state_says_what_threads_may_share() -> None:
    """Values, protocols and errors need no word; the command line and a training run have one thread of their own."""
    value = re.compile(r"dataclass|Protocol|Enum|Error|Exception|BaseModel|NamedTuple|TypedDict")
    said = re.compile(r"thread|immutable|never changed", re.IGNORECASE)
    silent = []
    for path in sources():
        if path.relative_to(PACKAGE).parts[0] in ("cli", "tune"):
            continue
        for node in tree_of(path).body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_") or node.name.endswith("Settings"):
                continue
            kind = " ".join(ast.unparse(part) for part in (*node.decorator_list, *node.bases))
            if not value.search(kind) and not said.search(ast.get_docstring(node) or ""):
                silent.append(f"{name_of(path)}: {node.name}")
    assert not silent


def test_comments_and_docs_speak_plain_english() -> None:
    private = re.compile(r"\b(anew|borne out|gone on with|reckoned|whose eyes|costs next to nothing)\b", re.IGNORECASE)
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (*sources(), *pages)
        if path.name != "log.md"
        for match in private.finditer(path.read_text("utf-8"))
    ]
    assert not found
