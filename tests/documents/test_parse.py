from __future__ import annotations

import os
import signal
import threading

from wellread.documents.parse import ParserPool, Request, sandbox_state
from wellread.documents.settings import ParseSettings


def test_replies_come_in_order_and_one_fault_costs_one_file(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text(f"paper {number}")
    (tmp_path / "7.txt").unlink()
    settings = ParseSettings(workers=2, files_per_child=9)
    with ParserPool(settings) as pool:
        replies = list(pool.run(Request(str(tmp_path / f"{n}.txt"), f"{n}.txt") for n in range(30)))
    assert [reply.request.name for reply in replies] == [f"{n}.txt" for n in range(30)]
    assert [reply.request.name for reply in replies if reply.kind] == ["7.txt"]
    assert replies[8].fields["text"] == "paper 8"


def test_a_file_that_hangs_is_ended_and_the_others_go_on(tmp_path):
    (tmp_path / "slow.html").write_bytes(b"x" + b"<div>" * 60_000 + b"</div>" * 60_000)
    (tmp_path / "good.txt").write_text("good")
    with ParserPool(ParseSettings(workers=1, timeout_s=1.0)) as pool:
        slow, good = pool.run(Request(str(tmp_path / name), name) for name in ("slow.html", "good.txt"))
    assert slow.kind in ("timeout") and good.kind == ""


def test_a_child_is_held_by_limits():
    assert sandbox_state()["memory"]


def test_a_child_that_a_busy_machine_does_not_let_compute_is_not_blamed(tmp_path):
    (tmp_path / "good.txt").write_text("good")
    settings = ParseSettings(workers=1, timeout_s=0.4)
    with ParserPool(settings) as pool:
        request = Request(str(tmp_path / "good.txt"), "good.txt")
        assert [reply.kind for reply in pool.run([request])] == [""]
        process = pool._children[0].process.pid
        os.kill(process, signal.SIGSTOP)
        threading.Timer(1.2, os.kill, (process, signal.SIGCONT)).start()
        assert [reply.kind for reply in pool.run([request])] == [""]


def test_a_child_that_never_computes_again_is_ended(tmp_path):
    (tmp_path / "good.txt").write_text("good")
    with ParserPool(ParseSettings(workers=1, timeout_s=0.1)) as pool:
        request = Request(str(tmp_path / "good.txt"), "good.txt")
        assert [reply.kind for reply in pool.run([request])] == [""]
        os.kill(pool._children[0].process.pid, signal.SIGSTOP)
        assert [reply.kind for reply in pool.run([request])] == ["timeout"]
