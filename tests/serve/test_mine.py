"""The pages about oneself, about what was said of answers, and about models that learned from documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from tests.serve.test_site import QUESTION, signed_in, visit

from wellread.store import lineage
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ChatRow, DataSet
from wellread.tune.train import state
from wellread.tune.train.state import BaseWeights, TrainingData, TrainingRun

if TYPE_CHECKING:
    from tests.serve.conftest import Site


@pytest.fixture(scope="module")
def taught(site: Site) -> Iterator[str]:
    """The uri of a document of the board alone, from which a finished run learned."""
    (document,) = [one for one in site.base.documents() if one.uri.endswith("pay.md")]
    card = Card("wages", "texts", {"train": 7}, ("id",), tenant="default", user="board", documents=(document.id,))
    rows = DataSet(replace(card, task="chat"), (ChatRow("1", (), ()),), (), ())
    card = datasets.freeze(rows, datasets.folder_of(site.base.folder, "wages"))
    weights = BaseWeights("tiny", "0", "")
    run = TrainingRun("wages-lora", "finished", {}, TrainingData("wages", card.hash, {"train": 7}), weights, "lora", 0)
    with site.base.store.writing() as tx:
        made = [lineage.Input("document", document.id, document.version)]
        lineage.record(tx, datasets.artifact_id(card), "dataset", made, {}, who=site.base.who)
        learned = [lineage.Input("artifact", datasets.artifact_id(card))]
        lineage.record(tx, state.artifact_of(run), "tuned", learned, {}, who=site.base.who)
    folder = state.folder_of(site.base.folder, run.name)
    (folder / "best").mkdir(parents=True)
    state.write(folder, run)
    result = {"test_before": 3.25, "test_loss": 1.125, "forgotten": {"text_loss": 0.04, "questions": 0.1}}
    (folder / "result.json").write_text(json.dumps(result))
    yield document.uri


def test_a_model_is_shown_to_who_may_read_all_that_it_learned_from(site: Site, taught: str) -> None:
    board = site.call("GET", "/models", key="board").text
    for told in ("wages-lora", "3.250 of the base, 1.125 tuned", "+4.0%", "1 as it was", "7 rows"):
        assert told in board
    assert "wages" not in site.call("GET", "/models").text
    document = site.call("GET", f"/d?{urlencode({'uri': taught})}", key="board").text
    assert '<a href="/models#wages-lora">' in document


def test_a_comment_and_a_correction_stand_beside_the_answer_and_among_the_feedback(site: Site) -> None:
    cookie = signed_in(site)
    page = visit(site, cookie, "POST", "/", {"question": QUESTION}).text
    trace = page.partition('href="/a/')[2].partition('"')[0]
    said = {"rating": "-1", "comment": "<b>Too short</b>", "correction": "85 crowns, breakfast not included"}
    assert visit(site, cookie, "POST", f"/a/{trace}/rating", said).headers["location"] == f"/a/{trace}"
    for path in (f"/a/{trace}", "/feedback", "/feedback?rating=-1"):
        shown = visit(site, cookie, "GET", path).text
        assert "&lt;b&gt;Too short&lt;/b&gt;" in shown and "<q>85 crowns, breakfast not included</q>" in shown
        assert "<strong>Wrong</strong>" in shown and "reader" in shown
    assert "Too short" not in visit(site, cookie, "GET", "/feedback?rating=1").text
    assert visit(site, cookie, "POST", f"/a/{trace}/rating", {"rating": "0"}).status == 400
    assert visit(site, cookie, "POST", "/a/unknown/rating", said).status == 404


def test_a_reader_sees_own_questions_and_keys_alone_and_takes_them_along(site: Site) -> None:
    visit(site, signed_in(site, "board"), "POST", "/", {"question": "Which flag does the pilot boat carry?"})
    cookie = signed_in(site)
    visit(site, cookie, "POST", "/", {"question": QUESTION})
    page = visit(site, cookie, "GET", "/me").text
    assert QUESTION in page and "pilot boat" not in page
    keys = page.partition("My keys")[2].partition("Where I am signed in")[0]
    assert keys.count('<th scope="row">') == 1 and '<th scope="row">reader</th>' in keys
    taken = visit(site, cookie, "GET", "/me/export.json").json
    assert taken["user"] == "reader" and {one["question"] for one in taken["questions"]} >= {QUESTION}
    assert all("pilot boat" not in one["question"] for one in taken["questions"])


def test_another_session_is_ended_from_here_and_nobody_elses(site: Site) -> None:
    here, there, board = signed_in(site), signed_in(site), signed_in(site, "board")

    def number(cookie: str) -> str:
        return cookie.partition("wr_")[2].partition("_")[0]

    assert visit(site, here, "POST", f"/me/ended/{number(board)}").status == 404
    assert visit(site, board, "GET", "/me").status == 200
    assert visit(site, here, "POST", f"/me/ended/{number(there)}").status == 303
    assert visit(site, there, "GET", "/me").headers["location"] == "/login"
    assert visit(site, here, "GET", "/me").status == 200


def test_all_style_and_script_weigh_less_than_sixty_kilobytes(site: Site) -> None:
    weights = [len(site.call("GET", f"/static/{name}", key=None).body) for name in ("app.css", "app.js", "icon.svg")]
    assert all(weights) and sum(weights) < 60_000
    head = site.call("GET", "/login", key=None).text
    kept = site.call("GET", head.partition('stylesheet" href="')[2].partition('"')[0], key=None)
    assert "immutable" in kept.headers["cache-control"] and b"color-scheme" in kept.body
    assert site.call("GET", "/static/app.css", key=None).headers["cache-control"] == "no-cache"
