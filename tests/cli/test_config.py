"""``wellread config``: editing a settings file leaves the rest of it alone."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.cli.config import edited
from wellread.config import toml_value

FILE = """# mine
[chat]
model = "llamacpp:a#b"  # the small one
stop = [  # several
  "x",
  "y",  # last
]

[answer]
# quotes = 2
style = "auto"
"""


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    assert '\nmodel = "openai:b"  # the small one\n' in edited(FILE, "chat", "model", '"openai:b"')


def test_a_list_over_several_lines_is_replaced_as_a_whole() -> None:
    new = edited(FILE, "chat", "stop", '["z"]')
    assert tomllib.loads(new)["chat"] == {"model": "llamacpp:a#b", "stop": ["z"]}
    assert new.startswith("# mine\n[chat]\n")
    assert new.endswith('[answer]\n# quotes = 2\nstyle = "auto"\n')


def test_a_setting_that_is_commented_out_is_put_in_force_where_it_stands() -> None:
    assert edited(FILE, "answer", "quotes", "3").endswith('[answer]\nquotes = 3\nstyle = "auto"\n')


def test_a_new_setting_goes_to_the_end_of_its_section_and_a_new_section_to_the_end_of_the_file() -> None:
    assert "]\nmax_tokens = 9\n\n[answer]" in edited(FILE, "chat", "max_tokens", "9")
    assert edited(FILE, "embed", "model", '"x"') == FILE + '\n[embed]\nmodel = "x"\n'
    assert edited("", "embed", "model", '"x"') == '[embed]\nmodel = "x"\n'


TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["model", "stop", "key"])
SECTIONS = st.sampled_from(["chat", "answer", "embed"])


@given(VALUES)
def test_what_is_written_as_toml_is_read_back_the_same(value: object) -> None:
    assert tomllib.loads(f"value = {toml_value(value)}")["value"] == value


@given(st.lists(st.tuples(SECTIONS, KEYS, VALUES), max_size=6))
def test_any_sequence_of_edits_changes_only_what_it_names(edits: list[tuple[str, str, object]]) -> None:
    text, expected = FILE, tomllib.loads(FILE)
    for section, key, value in edits:
        text = edited(text, section, key, toml_value(value))
        expected.setdefault(section, {})[key] = value
    assert tomllib.loads(text) == expected
    assert text.startswith("# mine\n[chat]\n")


@pytest.fixture
def base(wellread) -> Path:
    assert wellread("init", "base").exit_code == 0
    return Path("base").resolve()


def test_config_show_names_value_origin_and_meaning(wellread, base: Path) -> None:
    assert wellread("config", "set", "answer.quotes", "3", "--base", str(base)).exit_code == 0
    done = wellread("--base", str(base), "--set", "answer.passages=4", "config", "show", "answer", "--json")
    answer = json.loads(done.stdout)["settings"]["answer"]
    assert (answer["quotes"]["value"], answer["quotes"]["origin"]) == (3, "wellread.toml")
    assert (answer["passages"]["value"], answer["passages"]["origin"]) == (4, "--set")
    assert answer["style"]["origin"] == "default"
    assert answer["quotes"]["meaning"] == "Most sentences in a quoted answer."


def test_config_set_refuses_what_no_setting_takes_and_leaves_the_file_alone(wellread, base: Path) -> None:
    before = (base / "wellread.toml").read_bytes()
    for words, said in [
        (("answer.quote", "3"), "did you mean 'quotes'?"),
        (("answer.quotes", "many"), "is a whole number"),
        (("answer.quotes", "0"), "is at least 1"),
        (("quotes", "0"), "section.key=value"),
    ]:
        done = wellread("config", "set", *words, "--base", str(base))
        assert done.exit_code == 2
        assert said in done.stderr
    assert (base / "wellread.toml").read_bytes() == before
    assert sorted(p.name for p in base.iterdir()) == [".wellread", "wellread.toml"]


def test_config_check_lists_all_faults_at_once(wellread, base: Path) -> None:
    (base / "wellread.toml").write_text("[answer]\nqoutes = 1\nstyle = 'loud'\n[chatt]\n")
    done = wellread("config", "check", "--base", str(base))
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 3
    assert "did you mean 'quotes'?" in done.stderr
