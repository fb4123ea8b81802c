"""Settings: all faults at once, in the user's spelling, with a suggestion, and the origin of every value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread import config
from wellread.errors import ConfigError, UsageError
from wellread.retrieve.settings import RewriteSettings


@dataclass(frozen=True)
class Retrieve:
    """A section."""

    candidates: int = 100
    alpha: float = 0.5
    fusion: Literal["minmax", "rrf"] = "minmax"
    fields: tuple[str, ...] = ()
    folder: Path | None = None
    on: bool = True

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise ValueError("candidates: is at least 1")


SECTIONS = {"retrieve": Retrieve}


def load(
    text: str, tmp_path: Path, environ: dict[str, str] | None = None, overrides: tuple[str, ...] = ()
) -> config.Settings:
    path = tmp_path / "wellread.toml"
    path.write_text(text, "utf-8")
    return config.load(path, SECTIONS, environ=environ or {}, overrides=overrides)


def test_every_fault_of_a_file_is_reported_at_once_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load('[retrieve]\ncandidate = 3\nalpha = "x"\nfusion = "rff"\n[retreive]\na = 1\n', tmp_path)
    assert caught.value.faults == (
        "wellread.toml: retrieve.candidate: no such setting; did you mean 'candidates'?",
        "wellread.toml: retrieve.alpha: is a number, got 'x'",
        "wellread.toml: retrieve.fusion: is one of minmax, rrf; did you mean 'rrf'?, got 'rff'",
        "wellread.toml: retreive: no such section; did you mean 'retrieve'?",
    )


def test_a_later_origin_wins_and_is_remembered(tmp_path: Path) -> None:
    settings = load(
        "[retrieve]\ncandidates = 5\nalpha = 1\n",
        tmp_path,
        {"WELLREAD_RETRIEVE__ALPHA": "0.25", "WELLREAD_MODELS": "/x"},
        ("retrieve.fusion=rrf", "retrieve.fields=['a']"),
    )
    assert settings["retrieve"] == Retrieve(5, 0.25, "rrf", ("a",))
    assert settings.origins == {
        "retrieve.candidates": "wellread.toml",
        "retrieve.alpha": "WELLREAD_RETRIEVE__ALPHA",
        "retrieve.fusion": "--set",
        "retrieve.fields": "--set",
    }


def test_a_section_that_refuses_its_values_is_a_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"retrieve\.candidates: is at least 1"):
        load("[retrieve]\ncandidates = 0\n", tmp_path)


def test_true_is_not_a_number_and_one_is_not_true(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load("[retrieve]\ncandidates = true\non = 1\n", tmp_path)
    assert len(caught.value.faults) == 2


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wellread.toml: not valid TOML.*line 1"):
        load("retrieve]", tmp_path)


def test_an_override_must_name_section_and_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"section\.key=value"):
        load("", tmp_path, overrides=("candidates=3",))


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.integers(), max_size=4))
def test_unknown_keys_are_always_refused_and_never_crash(keys: dict[str, int]) -> None:
    found: dict[str, tuple[object, str]] = {}
    faults: list[str] = []
    for key, value in keys.items():
        config._take("file", "retrieve", key, value, SECTIONS, found, faults)
    known = {f"retrieve.{k}" for k in Retrieve.__annotations__}
    assert set(found) <= known
    assert len(faults) + len(found) == len(keys)


def test_a_new_settings_file_changes_nothing_and_explains_every_setting(tmp_path: Path) -> None:
    from wellread.answer.settings import AnswerSettings

    text = config.commented({"answer": AnswerSettings})
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())
    path = tmp_path / "wellread.toml"
    path.write_text(uncommented, "utf-8")
    settings = config.load(path, {"answer": AnswerSettings}, environ={})
    assert settings["answer"] == AnswerSettings()
    assert set(config.sentences(AnswerSettings)) == set(AnswerSettings.__annotations__)


def test_a_renamed_setting_is_answered_with_its_new_name(tmp_path: Path) -> None:
    path = tmp_path / "wellread.toml"
    path.write_text('[rewrite]\nparts = "rules"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"rewrite\.parts: is called rewrite\.sub_questions now"):
        config.load(path, {"rewrite": RewriteSettings})
