"""``wellread graph`` as it is typed, on a base of a few documents."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tests.cli.conftest import Wellread

HISTORY = "# History\n\nThe Gannet Bay was built at Thornsund Yard. The Gannet Bay was bought by Havrin Line.\n"
BERTHS = "# Berths\n\nAt Linkspan North lies Gannet Bay. At Linkspan South lies Little Auk.\n"
PAY = "# Pay\n\nThe purser Odile Marchetti sails on Gannet Bay.\n"


@pytest.fixture
def base(wellread: Wellread, tmp_path: Path) -> Wellread:
    """The program in a base that has read three documents, one of them for the group hr alone."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "history.md").write_text(HISTORY, "utf-8")
    (folder / "berths.md").write_text(BERTHS, "utf-8")
    (tmp_path / "pay.md").write_text(PAY, "utf-8")
    assert wellread("init", ".").exit_code == 0
    assert wellread("add", str(folder)).exit_code == 0
    assert wellread("add", str(tmp_path / "pay.md"), "--label", "hr").exit_code == 0
    return wellread


def test_building_says_what_was_found_and_a_second_time_does_nothing(base: Wellread) -> None:
    first = base("graph", "build")
    assert first.exit_code == 0 and "passages read" in first.stdout and "graph.mode local" in first.stdout
    again = json.loads(base("graph", "build", "--json").stdout)
    assert again["read"] == 0 and again["entities"] > 5 and again["relations"] >= 5
    assert json.loads(base("graph", "build", "--again", "--json").stdout)["read"] == again["passages"]


def test_without_a_graph_every_command_says_how_to_get_one(base: Wellread) -> None:
    for words in (("entities",), ("show", "x"), ("export", "x.svg")):
        done = base("graph", *words)
        assert done.exit_code == 1 and "wellread graph build" in done.stderr


def test_entities_are_listed_and_narrowed(base: Wellread) -> None:
    base("graph", "build")
    listed = base("graph", "entities")
    assert listed.stdout.splitlines()[0].startswith("Gannet Bay") and "Odile" not in listed.stdout
    assert "Odile Marchetti" in base("--group", "hr", "graph", "entities").stdout
    told = json.loads(base("graph", "entities", "linkspan*", "--n", "1", "--json").stdout)
    assert told["names"] == 2 and len(told["entities"]) == 1 and told["entities"][0]["name"].startswith("Linkspan")
    assert "no such name" in base("graph", "entities", "zz*").stdout


def test_a_name_is_shown_with_relations_and_their_places(base: Wellread, tmp_path: Path) -> None:
    base("graph", "build")
    shown = base("graph", "show", "gannet bays")
    assert shown.exit_code == 0
    assert "Gannet Bay — was built at — Thornsund Yard" in shown.stdout and "history.md, version 1" in shown.stdout
    told = json.loads(base("graph", "show", "Gannet Bay", "--json").stdout)
    one = next(r for r in told["relations"] if r["label"] == "was built at")
    start, end = one["source"]["start"], one["source"]["end"]
    assert HISTORY[start:end] == one["quote"] == "The Gannet Bay was built at Thornsund Yard."
    assert "Odile" not in json.dumps(told)
    assert "Odile" in base("--group", "hr", "graph", "show", "Gannet Bay").stdout


def test_a_name_that_nobody_says_is_a_mistake_with_names_like_it(base: Wellread) -> None:
    base("graph", "build")
    wrong = base("graph", "show", "Ganet Bay")
    assert wrong.exit_code == 2 and "did you mean Gannet Bay" in wrong.stderr
    hidden = base("graph", "show", "Odile Marchetti")
    assert hidden.exit_code == 2 and "no such name" in hidden.stderr and "mean Odile" not in hidden.stderr
    assert base("graph", "export", "x.svg", "--around", "Nowhere").exit_code == 2


def test_the_graph_is_written_as_graphml_and_drawn_for_light_and_dark(base: Wellread, tmp_path: Path) -> None:
    base("graph", "build")
    for name in ("names.graphml", "names.svg", "names.html"):
        done = base("graph", "export", name)
        assert done.exit_code == 0 and name in done.stdout
    svg = (tmp_path / "names.svg").read_text("utf-8")
    root = ElementTree.fromstring(svg)
    shown = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Gannet Bay" in shown and "Odile" not in svg and "prefers-color-scheme:dark" in svg
    page = (tmp_path / "names.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and "default-src &#x27;none&#x27;" in page and "Gannet Bay" in page
    ElementTree.parse(tmp_path / "names.graphml")
    around = base("graph", "export", "one.svg", "--around", "Little Auk")
    assert around.exit_code == 0
    assert "Little Auk" in (tmp_path / "one.svg").read_text("utf-8")
    assert "Havrin" not in (tmp_path / "one.svg").read_text("utf-8")
    assert json.loads(base("graph", "export", "names.svg", "--json").stdout)["names"] == 6
    wrong = base("graph", "export", "names.png")
    assert wrong.exit_code == 2 and ".graphml" in wrong.stderr


def test_names_cannot_break_the_picture_that_shows_them(wellread: Wellread, tmp_path: Path) -> None:
    (tmp_path / "odd.md").write_text("In June Gull&Kettle <Script> met A<b>C Otto “Ost” and Rita Roe.\n", "utf-8")
    wellread("init", ".")
    wellread("add", str(tmp_path / "odd.md"))
    wellread("graph", "build")
    assert wellread("graph", "export", "odd.svg").exit_code == 0
    ElementTree.parse(tmp_path / "odd.svg")


def test_a_chat_model_that_is_not_set_is_a_mistake_of_the_call(base: Wellread) -> None:
    done = base("graph", "build", "--set", "graph.extractor=chat", "--set", "chat.model=")
    assert done.exit_code == 2 and "chat.model is empty" in done.stderr
