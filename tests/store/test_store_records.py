"""Files and sources, jobs, the log, feedback, lineage."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import select
from store_samples import EVERYONE, bytes_on_disk, put

from wellread.errors import UsageError
from wellread.store import check, documents, feedback, files, jobs, lineage, log, outcomes
from wellread.store.engine.api import Store
from wellread.store.schema import artifacts
from wellread.store.schema import jobs as job_rows
from wellread.types import Answer, Citation, Principal, Span, Stage, Usage, Verdict

HR = Principal(groups=frozenset({"hr"}))
CITATION = Citation("/x/a", "a", 1, 3, ("Fares",), Span(0, 4), "One.", "c1")
ANSWER = Answer(
    "What?", "One.", (CITATION,), (Verdict("One.", True, 0.9, 0),), False, "quote", Usage(3, 4, 1, 0.5),
    {"total": 12.5}, "t1", (CITATION,), 0.8, ("api.example",), (Stage("search", 1.5, {"n": 3}),),
)  # fmt: skip


def test_an_item_that_fails_again_counts_its_attempts(store: Store) -> None:
    item = files.KnownFile("/x/bad.pdf", 1, "failed", size_bytes=9, digest="d")
    for _ in range(2):
        with store.writing() as tx:
            files.add_source(tx, "folder", "/x", {}, tenant="default")
            files.put(tx, item, "failed", tenant="default", kind="broken", reason="no pages")
    with store.reading() as connection:
        [failure] = files.failures(connection, who=EVERYONE)
        assert (failure.uri, failure.kind, failure.reason, failure.attempts) == ("/x/bad.pdf", "broken", "no pages", 2)
        assert files.counts(connection, who=EVERYONE) == {"failed": 1}
        assert files.known(connection, "other") == {}
    with store.writing() as tx:
        files.put(tx, item, "live", tenant="default", document_id="d1")
    with store.reading() as connection:
        known = files.get(connection, "default", "/x/bad.pdf")
        assert known is not None
        assert (known.state, known.attempts, known.document_id) == ("live", 0, "d1")


def test_a_source_keeps_its_id_and_its_labels_hide_what_failed_in_it(store: Store) -> None:
    with store.writing() as tx:
        source = files.add_source(tx, "folder", "/pay", {}, tenant="default")
        assert files.add_source(tx, "folder", "/pay", {"labels": ["hr"]}, tenant="default") == source
        files.put_known(tx, [files.KnownFile("/pay/x", source, "failed", seen_at=tx.now)], tenant="default")
        with pytest.raises(ValueError, match="still has 1 items"):
            files.remove_source(tx, source)
    with store.reading() as connection:
        assert files.list_sources(connection, who=EVERYONE) == []
        assert files.failures(connection, who=EVERYONE) == []
        assert len(files.failures(connection, who=HR)) == 1
    with store.writing() as tx:
        assert files.drop(tx, "/pay/x", tenant="default")
        assert files.remove_source(tx, source)
        assert not files.remove_source(tx, source)


def test_an_answer_comes_back_from_the_log_as_it_was(store: Store) -> None:
    assert log.from_json(log.to_json(ANSWER)) == ANSWER
    with store.writing(durable=False) as tx:
        log.put(tx, ANSWER, who=EVERYONE, conversation="c")
    with store.reading() as connection:
        [asked] = log.recent(connection, who=EVERYONE)
        assert asked.answer == ANSWER
        assert log.turns(connection, "c", who=EVERYONE) == [asked]


def test_the_log_is_read_only_by_those_who_could_have_asked_the_same(store: Store) -> None:
    with store.writing() as tx:
        log.put(tx, ANSWER, who=HR)
        feedback.put(tx, "t1", who=HR, rating=1, comment="good")
    with store.reading() as connection:
        for who in (EVERYONE, Principal("other", frozenset({"hr"}))):
            assert log.recent(connection, who=who) == []
            assert log.get(connection, "t1", who=who) is None
            assert feedback.listing(connection, who=who) == []
        boss = Principal(groups=frozenset({"hr", "board"}))
        assert log.get(connection, "t1", who=boss) is not None
        assert [(one.rating, one.comment) for one in feedback.listing(connection, who=boss)] == [(1, "good")]
    with pytest.raises(UsageError, match="no such answer"), store.writing() as tx:
        feedback.put(tx, "t1", who=EVERYONE)
    with pytest.raises(UsageError, match="no such rating"), store.writing() as tx:
        feedback.put(tx, "t1", who=HR, rating=5)


def test_blanking_an_answer_takes_what_users_wrote_about_it(store: Store) -> None:
    document, _ = put(store, "/x/a", "One. Two.")
    with store.writing() as tx:
        log.put(tx, ANSWER, who=EVERYONE, documents=[document.id])
        feedback.put(tx, "t1", who=EVERYONE, correction="It says One.")
        assert log.blank(tx, ["/x/other"]) == 0
        assert log.blank(tx, [document.id]) == 1
    with store.reading() as connection:
        asked = log.get(connection, "t1", who=EVERYONE)
        assert asked is not None
        assert (asked.answer.text, asked.answer.nearest, asked.answer.stages) == (log.DELETED, (), ())
        assert feedback.listing(connection, who=EVERYONE)[0].correction == ""


def test_an_answer_over_a_document_that_was_deleted_while_it_was_made_comes_into_the_log_blanked(store: Store) -> None:
    document, _ = put(store, "/x/a", "One. Two.")
    other, _ = put(store, "/x/b", "Three. Four.")
    answer = replace(ANSWER, text="The master earns 5100.")
    with store.writing() as tx:
        documents.retire(tx, document.id, purge=True)
        log.put(tx, answer, who=EVERYONE, documents=[document.id, other.id])
        log.put(tx, replace(ANSWER, trace_id="t2"), who=EVERYONE, documents=[other.id])
    with store.reading() as connection:
        blank, whole = (log.get(connection, trace_id, who=EVERYONE) for trace_id in ("t1", "t2"))
    assert blank is not None and whole is not None and whole.answer.text == "One."
    gone = (blank.answer.text, blank.answer.citations, blank.answer.nearest, blank.answer.verdicts, blank.answer.stages)
    assert gone == (log.DELETED, (), (), (), ())
    assert (blank.answer.question, blank.answer.usage) == (ANSWER.question, ANSWER.usage)
    assert b"5100" not in bytes_on_disk(store.folder)
    assert check.check(store) == []


def test_a_job_whose_process_is_gone_is_interrupted(store: Store) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with store.writing() as tx:
        mine = jobs.start(tx, "add", {}, who=EVERYONE)
        lost = jobs.start(tx, "sync", {"a": 1}, who=EVERYONE)
        tx.connection.execute(job_rows.update().where(job_rows.c.id == lost).values(pid=gone.pid))
        jobs.progress(tx, lost, {"done": 3})
        [found] = jobs.interrupted(tx)
        assert (found.id, found.state, found.progress) == (lost, "interrupted", {"done": 3})
        assert jobs.interrupted(tx) == []
        jobs.finish(tx, mine)
    with store.reading() as connection:
        states = {job.id: job.state for job in jobs.recent(connection, who=EVERYONE)}
        assert states == {mine: "done", lost: "interrupted"}
        assert jobs.recent(connection, who=Principal("other")) == []


def test_a_job_that_breaks_says_why(store: Store) -> None:
    with pytest.raises(OSError, match="no disk"), jobs.running(store, "add", {}, who=EVERYONE):
        raise OSError("no disk")
    with store.reading() as connection:
        [job] = jobs.recent(connection, who=EVERYONE)
    assert (job.state, job.error) == ("failed", "OSError: no disk")


def test_lineage_names_everything_that_came_from_a_document(store: Store) -> None:
    document = lineage.Input("document", "d1", 2)
    with store.writing() as tx:
        lineage.record(tx, "set", "dataset", [document, lineage.Input("chunk", "c1")], {"n": 2}, who=EVERYONE)
        lineage.record(tx, "adapter", "adapter", [lineage.Input("artifact", "set")], {}, who=EVERYONE)
        lineage.record(tx, "adapter", "adapter", [lineage.Input("artifact", "adapter")], {}, who=EVERYONE)
    with store.reading() as connection:
        assert lineage.downstream(connection, "d1", who=EVERYONE) == [("set", "dataset"), ("adapter", "adapter")]
        assert document in lineage.upstream(connection, "adapter", who=EVERYONE)
        assert lineage.downstream(connection, "d1", who=Principal("other")) == []
        assert lineage.upstream(connection, "adapter", who=Principal("other")) == []


def test_two_tenants_record_the_same_artifact_and_each_keeps_its_own_inputs(store: Store) -> None:
    first, second = Principal("a", user="ann"), Principal("b", user="bob")
    with store.writing() as tx:
        lineage.record(tx, "set", "dataset", [lineage.Input("chunk", "c1")], {"n": 1}, who=first)
        lineage.record(tx, "set", "dataset", [lineage.Input("chunk", "c2")], {"n": 2}, who=second)
    with store.reading() as connection:
        assert lineage.upstream(connection, "set", who=first) == [lineage.Input("chunk", "c1")]
        assert lineage.upstream(connection, "set", who=second) == [lineage.Input("chunk", "c2")]
        assert not lineage.known(connection, "set", who=EVERYONE)
        made = connection.execute(select(artifacts.c.tenant, artifacts.c.user).order_by(artifacts.c.tenant)).all()
        assert [tuple(row) for row in made] == [("a", "ann"), ("b", "bob")]
    assert check.check(store) == []


def test_an_artifact_is_read_by_those_alone_who_may_read_all_that_it_was_made_of(store: Store) -> None:
    shown, _ = put(store, "/x/open.txt")
    hidden, _ = put(store, "/x/pay.txt", labels=("hr",))
    with store.writing() as tx:
        lineage.record(tx, "open", "dataset", [lineage.Input("document", shown.id, 1)], {}, who=HR)
        lineage.record(tx, "both", "dataset", [lineage.Input("document", d.id, 1) for d in (shown, hidden)], {}, who=HR)
        lineage.record(tx, "model", "tuned", [lineage.Input("artifact", "both")], {}, who=HR)
        log.put(tx, ANSWER, who=HR)
        lineage.record(tx, "corrected", "dataset", [lineage.Input("question", "t1")], {}, who=HR)
    names = ("open", "both", "model", "corrected")

    def read(who: Principal) -> list[str]:
        with store.reading() as connection:
            return [name for name in names if lineage.may_read(connection, name, who=who)]

    assert read(HR) == list(names) and read(EVERYONE) == ["open"] and read(Principal("other", HR.groups)) == []
    with store.reading() as connection:
        assert lineage.downstream(connection, hidden.id, who=EVERYONE) == []
        assert lineage.downstream(connection, shown.id, who=EVERYONE) == [("open", "dataset")]
        assert lineage.upstream(connection, "model", who=EVERYONE) == []
    with store.writing() as tx:
        documents.retire(tx, hidden.id, purge=True)
    assert read(EVERYONE) == ["open"]  # its labels are remembered though it is gone
    assert read(HR) == list(names)


def test_who_did_something_stands_in_its_row(store: Store) -> None:
    ann = Principal(user="ann")
    with store.writing() as tx:
        log.put(tx, ANSWER, who=ann, conversation="c")
        feedback.put(tx, "t1", who=replace(ann, user="bob"), rating=1)
        job = jobs.start(tx, "sync", {}, who=ann)
        run = outcomes.begin(tx, "eval", {}, who=ann, questions_hash="0", n_questions=1)
    with store.reading() as connection:
        [asked] = log.turns(connection, "c", who=EVERYONE)
        [given] = feedback.listing(connection, who=EVERYONE)
        measured = outcomes.get(connection, run, who=EVERYONE)
        assert (asked.user, given.user) == ("ann", "bob")
        assert [one.user for one in jobs.recent(connection, who=EVERYONE) if one.id == job] == ["ann"]
        assert measured is not None and measured.user == "ann"
    assert check.check(store) == []


def test_measurements_and_jobs_are_seen_by_those_who_hold_every_group_of_who_made_them(store: Store) -> None:
    with store.writing() as tx:
        run = outcomes.begin(tx, "eval", {}, who=HR, questions_hash="0", n_questions=1)
        jobs.start(tx, "sync", {"sources": ["/hr"]}, who=HR)
    with store.reading() as connection:
        for who in (EVERYONE, Principal("other", HR.groups)):
            assert outcomes.listing(connection, who=who) == [] and outcomes.get(connection, run, who=who) is None
            assert jobs.recent(connection, who=who) == []
        assert outcomes.get(connection, run, who=HR) is not None and len(jobs.recent(connection, who=HR)) == 1
