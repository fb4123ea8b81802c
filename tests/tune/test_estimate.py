"""What a run will cost is said before, and what it costs is near that; above a limit somebody is asked."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tune import tiny
from tests.tune.test_run import settings
from typer.testing import Result as Typed

from wellread.errors import UsageError
from wellread.tune import run
from wellread.tune.data import data as datasets
from wellread.tune.plan import estimate, search
from wellread.tune.train import state

Wellread = Callable[..., Typed]


def test_an_estimate_counts_the_steps_tokens_and_weights_of_the_run_itself(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    wanted = settings(tiny_model, epochs=4, patience=0)
    found = estimate.estimate(base, wanted)
    assert not state.names(base)
    result = run.start(base, wanted)
    assert (found.steps, found.tokens, found.trained) == (result.steps, result.tokens, result.trained)
    assert found.tokens_per_s > 0 and found.seconds >= found.train_s > 0
    assert found.memory_mb == pytest.approx(result.peak_memory_mb, rel=0.3)
    on_disk = sum(path.stat().st_size for path in result.folder.rglob("*.safetensors"))
    assert 0.5 * found.disk_mb < on_disk / 1e6 * 5 / 3 < 2 * found.disk_mb


def test_an_estimate_grows_with_what_is_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    small = estimate.estimate(base, settings(tiny_model, epochs=2))
    large = estimate.estimate(base, settings(tiny_model, epochs=20, method="full", rank_by="forest"))
    assert large.tokens == 10 * small.tokens
    assert large.disk_mb > small.disk_mb
    assert large.rank_s > 0 == small.rank_s


def test_what_is_above_a_limit_is_named_with_the_setting(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    wanted = settings(tiny_model)
    found = estimate.estimate(base, wanted)
    assert estimate.over_limit(found, wanted) == []
    late = replace(found, train_s=7200.0)
    assert "120 minutes, above tune.most_minutes = 30" in estimate.over_limit(late, wanted)[0]
    heavy = estimate.over_limit(found, replace(wanted, most_memory_gb=0.001))
    assert "above tune.most_memory_gb = 0.001" in heavy[0]
    assert "GB are free" in estimate.over_limit(replace(found, disk_mb=1e12), wanted)[0]
    assert "no account of 3 examples" in estimate.over_limit(replace(found, rows_left_out=3), wanted)[0]


# the commands


@pytest.fixture
def wellread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Path) -> Wellread:
    """Types a command in a base with one prepared data set and the tiny model."""
    from typer.testing import CliRunner

    from wellread.cli.main import app

    base = tiny.base(tmp_path / "base")
    base.close()
    lines = [
        "[tune]",
        f'base = "transformers:{tiny_model}"',
        "epochs = 3\nlearning_rate = 1e-2\nprobe = false\nthreads = 1",
    ]
    (base.folder / "wellread.toml").write_text("\n".join(lines) + "\n", "utf-8")
    monkeypatch.chdir(base.folder)
    monkeypatch.delenv("WELLREAD_BASE", raising=False)

    def typed(*words: str) -> Typed:
        done = CliRunner().invoke(app, list(words), prog_name="wellread")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return typed


def test_estimate_run_and_runs_follow_one_another(wellread: Wellread) -> None:
    said = wellread("tune", "estimate").stdout
    assert "lora on transformers:" in said and "next: wellread tune run --data facts" in said
    trained = json.loads(wellread("tune", "run", "--data", "facts", "--name", "first", "--json").stdout)
    assert trained["validation_loss"] < trained["validation_before"]
    again = wellread("tune", "run", "--data", "facts", "--yes")
    assert again.exit_code == 0 and "facts-lora" in again.stdout and "validation loss" in again.stdout
    listed = json.loads(wellread("tune", "runs", "--json").stdout)["runs"]
    assert [one["name"] for one in listed] == ["first", "facts-lora"]
    assert "finished" in wellread("tune", "runs").stdout
    one = wellread("tune", "runs", "first").stdout
    assert "first: finished" in one and "best at step" in one


def test_a_run_above_its_limit_needs_a_yes(wellread: Wellread) -> None:
    done = wellread("tune", "run", "--set", "tune.most_minutes=0")
    assert done.exit_code == 2
    assert "above tune.most_minutes = 0; say --yes, or raise the limit" in done.stderr


def test_a_failed_run_ends_with_its_reason_and_is_listed_with_it(wellread: Wellread) -> None:
    done = wellread("tune", "run", "--yes", "--set", "tune.learning_rate=0.9", "--set", "tune.schedule=constant")
    assert done.exit_code == 1
    assert "error: the validation loss never fell below the base model's" in done.stderr
    assert "failed" in wellread("tune", "runs").stdout
    assert wellread("tune", "runs", "facts-lora").exit_code == 1


def test_a_name_that_is_not_there_is_answered_with_those_that_are(wellread: Wellread) -> None:
    done = wellread("tune", "run", "--data", "fact")
    assert done.exit_code == 2 and "did you mean 'facts'?" in done.stderr
    done = wellread("tune", "run", "--resume", "nothing")
    assert done.exit_code == 2 and "run 'nothing': is not in" in done.stderr
    done = wellread("tune", "run", "--resume", "nothing", "--data", "facts")
    assert done.exit_code == 2 and "leave out --data" in done.stderr
    assert wellread("tune", "runs").stdout.startswith("no run yet")


def test_an_unclear_data_set_is_refused_with_those_there_are(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    other = tiny.facts(4)
    datasets.freeze(replace(other, card=replace(other.card, name="second")), datasets.folder_of(base.folder, "second"))
    with pytest.raises(UsageError, match="there are facts, second; name one: --data facts"):
        run.start(base, settings(tiny_model))
    assert run.start(base, settings(tiny_model, data="second")).name == "second-lora"


# the search


def test_a_search_keeps_to_its_budget_and_names_its_best(wellread: Wellread) -> None:
    words = ("tune", "search", "--trials", "4", "--minutes", "5", "--set", "tune.epochs=2")
    found = json.loads(wellread(*words, "--json").stdout)
    assert len(found["trials"]) == 4
    complete = [one["validation_loss"] for one in found["trials"] if one["state"] == "complete"]
    assert found["best"]["validation_loss"] == min(complete)
    assert Path(found["picture"]).stat().st_size > 1000
    assert len({one["settings"]["learning_rate"] for one in found["trials"]}) == 4
    assert not list(Path(found["folder"]).glob(".trial-*"))
    more = json.loads(wellread("tune", "search", "--trials", "5", *words[4:], "--json").stdout)
    assert more["trials"][:4] == found["trials"] and len(more["trials"]) == 5
    assert "next: wellread tune run --set tune.learning_rate=" in wellread(*words).stdout


def test_a_search_with_other_settings_begins_anew_and_the_first_goes_on(wellread: Wellread) -> None:
    def found(trials: int, *changed: str) -> dict[str, Any]:
        sets = [word for one in ("tune.epochs=2", *changed) for word in ("--set", one)]
        done: dict[str, Any] = json.loads(wellread("tune", "search", "--trials", str(trials), *sets, "--json").stdout)
        return done

    first = found(1)
    other = found(1, "tune.epochs=1")
    assert other["folder"] != first["folder"]
    assert other["best"]["validation_loss"] != first["best"]["validation_loss"]
    aside = ("tune.batch=4", "tune.rank=8", "tune.most_minutes=1", "tune.data=facts")  # searched, or of no weight
    assert found(2, *aside)["trials"][0] == first["trials"][0]


def test_a_search_out_of_time_says_so(tiny_model: Path, tmp_path: Path) -> None:
    base = tiny.base(tmp_path / "base")
    with pytest.raises(UsageError, match="no trial was completed in the time; the first: out of time"):
        search.search(base, settings(tiny_model, epochs=5000, patience=0), trials=5, minutes=0.05)
    without = replace(tiny.facts(), validation=())
    with pytest.raises(UsageError, match="has no validation part"):
        search.search(tiny.base(tmp_path / "second", without), settings(tiny_model), trials=2, minutes=1)
