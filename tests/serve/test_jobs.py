"""Files that are sent, the queue and its worker, and fine-tuning jobs as clients read them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wellread.store import jobs, uploads
from wellread.types import Principal
from wellread.work import supervise

BOUNDARY = "x7y8z9"


def form(name: str, data: bytes, **fields: str) -> tuple[bytes, str]:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return "".join(
        [*parts, head]
    ).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


def send(site, name: str, data: bytes, key: str = "board", purpose: str = "assistants"):
    body, kind = form(name, data, purpose=purpose)
    return site.call("POST", "/v1/files", body, key=key, content_type=kind)


def test_a_file_is_sent_brought_in_answered_from_and_deleted(site) -> None:
    sent = send(site, "../../etc/tide table.md", b"# Tides\n\nThe spring tide at the north mole rises 4.7 metres.\n")
    assert sent.status == 200, sent.text
    number = sent.json["id"]
    assert sent.json["filename"] == "tide table.md"
    assert site.call("GET", f"/v1/files/{number}/content", key="board").body.startswith(b"# Tides")
    assert number in [one["id"] for one in site.call("GET", "/v1/files", key="board").json["data"]]
    attached = site.call("POST", "/v1/vector_stores/default/files", {"file_id": number}, key="board")
    assert attached.json["status"] == "in_progress"
    assert supervise.work(site.base, once=True) == 1
    told = site.call("GET", f"/v1/vector_stores/default/files/{number}", key="board").json
    assert told["status"] == "completed", told
    question = {"question": "How far does the spring tide at the north mole rise?"}
    assert "4.7 metres" in site.call("POST", "/api/ask", question, key="board").json["text"]
    assert "4.7" not in site.call("POST", "/api/ask", question).json["text"]  # its groups are those of who sent it
    page = site.call("GET", "/jobs", key="board").text
    assert "tide table.md" in page and "done" in page
    assert site.call("DELETE", f"/v1/files/{number}", key="board").json["deleted"] is True
    assert "4.7" not in site.call("POST", "/api/ask", question, key="board").json["text"]
    assert site.call("GET", f"/v1/files/{number}", key="board").status == 404


def test_what_others_sent_looks_like_what_there_is_not(site) -> None:
    number = send(site, "plan.txt", b"The board meets in the mill.").json["id"]
    with site.base.store.reading() as connection:
        assert uploads.get(connection, number, who=Principal()) is None
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        hidden = site.call(method, f"/v1/files/{number}{path}")
        unknown = site.call(method, f"/v1/files/file-0{path}")
        assert (hidden.status, hidden.body) == (unknown.status, unknown.body)
    assert number not in site.call("GET", "/v1/files").text


def test_what_cannot_be_kept_is_refused_with_the_reason(site) -> None:
    assert send(site, "a.txt", b"x", key="reader").status == 403
    assert send(site, "a.txt", b"").json["error"]["param"] == "file"
    assert send(site, "a.txt", b"x", purpose="nonsense").json["error"]["param"] == "purpose"
    assert site.call("POST", "/v1/files", b"x", key="board", content_type="text/plain").status == 400
    broken = site.call("POST", "/v1/files", b"--nope", key="board", content_type="multipart/form-data; boundary=q")
    assert broken.status == 400
    before = site.served.settings
    object.__setattr__(site.served, "settings", type(before)(**{**_values(before), "max_upload_bytes": 10}))
    try:
        assert send(site, "big.bin", b"x" * (2 << 20)).status == 413
    finally:
        object.__setattr__(site.served, "settings", before)


def _values(settings: object) -> dict[str, object]:
    return {name: getattr(settings, name) for name in type(settings).__dataclass_fields__}  # type: ignore[attr-defined]


def test_a_file_that_cannot_be_read_is_a_failed_job_with_the_reason(site) -> None:
    number = send(site, "broken.pdf", b"%PDF-1.7 nothing of use").json["id"]
    site.call("POST", "/v1/vector_stores/default/files", {"file_id": number}, key="board")
    supervise.work(site.base, once=True)
    told = site.call("GET", f"/v1/vector_stores/default/files/{number}", key="board").json
    assert told["status"] == "failed"
    assert "broken.pdf" in told["last_error"]["message"]


def test_a_training_is_queued_told_and_cancelled(site) -> None:
    rows = "\n".join(
        json.dumps({"messages": [{"role": "user", "content": f"Q{n}"}, {"role": "assistant", "content": "A"}]})
        for n in range(3)
    )
    number = send(site, "train.jsonl", rows.encode(), purpose="fine-tune").json["id"]
    wanted = {"model": "smollm2-135m", "training_file": number, "suffix": "letters", "hyperparameters": {"n_epochs": 1}}
    made = site.call("POST", "/v1/fine_tuning/jobs", wanted, key="board")
    assert made.json["status"] == "queued", made.text
    assert made.json["hyperparameters"]["n_epochs"] == 1
    address = f"/v1/fine_tuning/jobs/{made.json['id']}"
    assert site.call("GET", address, key="board").json["object"] == "fine_tuning.job"
    assert site.call("GET", f"{address}/events", key="board").json["data"][0]["object"] == "fine_tuning.job.event"
    assert site.call("GET", f"{address}/checkpoints", key="board").json["data"] == []
    assert site.call("GET", address).status == 403
    assert site.call("POST", f"{address}/cancel", key="board").json["status"] == "cancelled"
    assert supervise.work(site.base, once=True) == 0
    wrong = site.call("POST", "/v1/fine_tuning/jobs", {**wanted, "hyperparameters": {"n_epochs": -1}}, key="board")
    assert wrong.json["error"]["param"] == "hyperparameters"
    assert site.call("GET", "/v1/fine_tuning/jobs/ftjob-999999", key="board").status == 404


def test_a_job_whose_worker_was_killed_waits_again_and_fails_in_the_end(site) -> None:
    who = Principal(groups=frozenset({"board"}), user="board")
    with site.base.store.writing() as tx:
        number = jobs.enqueue(tx, "sync", {}, who=who)
    for _ in range(jobs.ATTEMPTS):
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        with site.base.store.writing() as tx:
            job = jobs.claim(tx)
            assert job is not None
            assert job.id == number
            jobs._change(tx, number, {"pid": dead.pid})
            jobs.requeue(tx)
    with site.base.store.reading() as connection:
        assert jobs.get(connection, number, who=who).state == "failed"


def test_a_worker_that_is_killed_leaves_its_job_to_the_next_one(tmp_path: Path) -> None:
    from wellread import KnowledgeBase

    (tmp_path / "documents").mkdir()
    for n in range(40):
        (tmp_path / "documents" / f"{n}.md").write_text(f"# Page {n}\n\nThe lamp {n} is green.\n")
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "documents"))
        (tmp_path / "documents" / "0.md").write_text("# Page 0\n\nThe lamp is violet.\n")
        with base.store.writing() as tx:
            number = jobs.enqueue(tx, "sync", {}, who=base.who)
        command = [sys.executable, "-m", "wellread", "--base", str(base.folder), "jobs", "work"]
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _until(lambda: _state(base, number) != "waiting")
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        supervise.work(base, once=True)
        _until(lambda: _state(base, number) == "done")
        assert "violet" in base.ask("What colour is the lamp of page 0?").text


def _state(base, number: int) -> str:
    with base.store.reading() as connection:
        return jobs.state_of(connection, number)


def _until(true) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    pytest.fail("it took longer than 30 seconds")


def test_tuned_models_are_models_for_those_who_may_see_them(site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        site.served, "tuned", lambda base: {"wellread/tuned/x": base} if "board" in base.who.groups else {}
    )
    for key, status in (("board", 200), ("reader", 404)):
        listed = [one["id"] for one in site.call("GET", "/v1/models", key=key).json["data"]]
        assert ("wellread/tuned/x" in listed) == (status == 200)
        asked = {
            "model": "wellread/tuned/x",
            "messages": [{"role": "user", "content": "What does a guest berth cost?"}],
        }
        assert site.call("POST", "/v1/chat/completions", asked, key=key).status == status
        assert site.call("GET", "/v1/models/wellread/tuned/x", key=key).status == status
        assert site.call("GET", "/v1/models/wellread/tuned/nothing", key=key).status == 404


def test_tenants_take_turns(tmp_path: Path) -> None:
    from wellread import KnowledgeBase

    with KnowledgeBase.create(tmp_path / "base") as base:
        with base.store.writing() as tx:
            many = [jobs.enqueue(tx, "sync", {}, who=Principal("one")) for _ in range(3)]
            late = jobs.enqueue(tx, "sync", {}, who=Principal("two"))
        taken = []
        for _ in range(3):
            with base.store.writing() as tx:
                job = jobs.claim(tx)
                assert job is not None
                taken.append(job.id)
                jobs.finish(tx, job.id)
        assert taken == [many[0], late, many[1]]
