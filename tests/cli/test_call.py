"""How a command ends: codes, one line, one object."""

import json
import sys
from pathlib import Path

import pytest

from wellread import errors
from wellread.cli.call import Call, finish
from wellread.types import Principal


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (errors.UsageError("no such thing"), 2, "error: no such thing\n"),
        (errors.ConfigError(["a.b: wrong", "c.d: wrong"]), 2, "error: a.b: wrong\nerror: c.d: wrong\n"),
        (errors.Refused("10.0.0.1: private"), 4, "error: 10.0.0.1: private\n"),
        (errors.SourceError("x.pdf: broken"), 1, "error: x.pdf: broken\n"),
        (errors.ModelUnavailable("no answer"), 1, "error: no answer\n"),
        (errors.StoreError("damaged"), 1, "error: damaged\n"),
        (
            errors.MissingExtra("llama.cpp", "llama"),
            1,
            "error: llama.cpp is not installed; run: pip install 'wellread[llama]'\n",
        ),
        (OSError(28, "No space left on device", "/x/store.db"), 1, "error: /x/store.db: No space left on device\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_is_its_line_and_its_code(fault, code: int, said: str, capsys) -> None:
    def body() -> int:
        raise fault

    assert finish(Call(), "half is kept", body) == code
    assert capsys.readouterr() == ("", said)
    assert finish(Call(json=True), "half is kept", body) == code
    out, err = capsys.readouterr()
    assert err == said
    assert json.loads(out)["error"]["exit_code"] == code


def test_ctrl_c_says_what_is_kept(capsys) -> None:
    def body() -> int:
        raise KeyboardInterrupt

    assert finish(Call(json=True), "half is kept; continue with x", body) == 130
    assert capsys.readouterr() == ("", "stopped; half is kept; continue with x\n")


def test_a_bug_is_not_dressed_up_as_an_error() -> None:
    def body() -> int:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        finish(Call(), "", body)


def test_an_error_message_cannot_move_the_cursor(capsys) -> None:
    def body() -> int:
        raise errors.SourceError("\x1b[2Jevil\x9b31m.pdf: broken")

    finish(Call(), "", body)
    assert capsys.readouterr().err == "error: evil.pdf: broken\n"


def test_options_after_the_command_add_to_those_before_it() -> None:
    before = Call(Path("a"), ("x.y=1",), tenant="t", groups=("staff",), quiet=True)
    after = Call(Path("b"), ("x.y=2",), json=True, groups=("hr",))
    both = after.over(before)
    assert both == Call(Path("b"), ("x.y=1", "x.y=2"), True, "t", ("staff", "hr"), True)
    assert both.who == Principal("t", frozenset({"staff", "hr"}))
    assert Call().who == Principal()


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("ask caf\udce9 dogs", "QUESTION"),
        ("ask dogs --where owner=caf\udce9", "--where"),
        ("add . --label staff --label caf\udce9", "--label"),
        ("remove caf\udce9", "SOURCE"),
        ("log caf\udce9", "TRACE_ID"),
        ("--group caf\udce9 search dogs", "--group"),
        ("search dogs --tenant caf\udce9", "--tenant"),
        ("status --set embed.model=caf\udce9", "--set"),
    ],
)
def test_an_argument_that_is_not_in_utf_8_is_named_before_anything_is_done(wellread, typed: str, named: str) -> None:
    done = wellread(*typed.split())  # there is no base here
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {named}: '") and "caf\\xe9' is not in UTF-8" in done.stderr
    dumped = json.loads(wellread("--json", *typed.split()).stdout)
    assert dumped["error"] == {"kind": "UsageError", "message": done.stderr[7:-1], "exit_code": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere refuse such names")
def test_a_path_may_be_any_bytes(wellread, tmp_path: Path) -> None:
    wellread("init", "base")
    assert wellread("--base", "base", "backup", "caf\udce9.tar").exit_code == 0
    assert (tmp_path / "caf\udce9.tar").is_file()
