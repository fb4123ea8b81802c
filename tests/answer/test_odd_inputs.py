"""Odd inputs from file to answer: the right value is quoted, and nothing of a neighbour; what is not there is refused."""

# ruff: noqa: E501

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellread import KnowledgeBase

# file, its text, the question, what the answer holds (empty: refused), what stands in neither answer nor quotations
CASES = [
    (
        "a.csv",
        "Tarif des jetées\n\nnom;prix;stock\nCorde;3,50;12\nAncre;40,00;3\nBouée;7,20;9\n",
        "What is the price of the Ancre?",
        "40,00",
        "Corde|Bouée",
    ),
    ("a.csv", "\ufeffname,price\nRope,3.50\nAnchor,40.00\n", "What does the anchor cost?", "40.00", "Rope"),
    (
        "s.md",
        "# Losing power\n\n1. Call the bridge.\n2. Start the spare generator.\n3. Close the breaker.\n4. Log the time.\n\nIf step 3 trips again, stop. Before step 4 wait a minute.\n",
        "What is step 4 when power is lost?",
        "Log the time",
        "Before step",
    ),
    (
        "s.md",
        "# House rules\n\n1) No open fire.\n2) Dogs on a lead.\n3) Quiet after ten.\n\nRule 2 does not apply to guide dogs.\n",
        "What does rule 3 say?",
        "Quiet after ten",
        "guide",
    ),
    (
        "s.md",
        "# Fees\n\nKerosene costs 12 crowns a litre.\nThe deposit is 200 crowns.\n",
        "What does firewood cost?",
        "",
        "",
    ),
    (
        "s.md",
        "# Fees\n\nA bicycle costs 12 crowns a day.\nThe deposit is 200 crowns.\n",
        "What does a bike cost?",
        "12 crowns",
        "",
    ),
    ("s.md", "# Fees\n\nA bus ticket costs 12 crowns.\n", "What does a taxi cost?", "", ""),
    (
        "t.txt",
        "Der Schleuse öffnet um 6 Uhr.\nDer Schleuse öffnet um 6 Uhr.\nDer Schleuse öffnet um 6 Uhr.\nDer Schleuse öffnet um 6 Uhr.\nDer Schleuse öffnet um 6 Uhr.\nDie Kaution beträgt 300 Kronen.\nDie Kaution beträgt 300 Kronen.\nDie Kaution beträgt 300 Kronen.\n",
        "Wann öffnet die Schleuse?",
        "6 Uhr",
        "",
    ),
    (
        "t.txt",
        "The lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\nThe lock opens at 6 am. Bring a coat.\n",
        "When does the lock open?",
        "6 am",
        "",
    ),
    (
        "t.html",
        "<h2>North pier</h2><table><tr><td>2019</td><td>410</td><td>8</td></tr><tr><td>2020</td><td>433</td><td>9</td></tr><tr><td>2021</td><td>456</td><td>9</td></tr></table><h2>South pier</h2><table><tr><td>2019</td><td>510</td><td>8</td></tr><tr><td>2020</td><td>533</td><td>9</td></tr><tr><td>2021</td><td>556</td><td>9</td></tr></table>",
        "How many yachts called at the South pier in 2020?",
        "533",
        "433|510",
    ),
    (
        "q.md",
        "The quay closes at 22:30 in summer and at 18:00 in winter.\n\nInes Okoro has been harbour master since 2019.\n",
        "Who is the harbour master and when does the quay close?",
        "Ines Okoro",
        "",
    ),
    (
        "l.md",
        "---\ntitle: x\nlabels: [crew]\n---\n\nThe mast is cracked since 3 June.\n",
        "Since when is the mast cracked?",
        "",
        "",
    ),
    ("c.txt", "码头晚上十点半关闭。\n\n港务长是王建国。\n", "港务长是谁？", "王建国", ""),
    ("j.txt", "桟橋は22時30分に閉まります。\n\n係船料は45クローネです。\n", "係船料はいくらですか？", "45クローネ", ""),
    ("k.txt", "부두는 22시 30분에 닫습니다.\n\n정박료는 45크로네입니다.\n", "부두는 언제 닫습니까?", "22시 30분", ""),
    (
        "n.html",
        "<p>The permit costs <s>30</s> <b>20</b> crowns<sup>1</sup>.</p><p>The tank holds 10<sup>6</sup> litres.</p>",
        "What does the permit cost?",
        "20 crowns",
        "30|201",
    ),
    (
        "n.md",
        "| Basin | Berth | Price |\n|---|---|---|\n| North | B1 | 61 crowns |\n| North | B2 | 72 crowns |\n| South | B1 | 50 crowns |\n",
        "What does berth B1 in the South basin cost?",
        "50 crowns",
        "61|72",
    ),
    (
        "n.md",
        "# Berths\n\n## North basin\n\n51 crowns a night.\n\n## East basin\n\n44 crowns a night.\n\n## South basin\n\n39 crowns a night.\n",
        "What does a berth in the East basin cost a night?",
        "44 crowns",
        "51|39",
    ),
    (
        "n.md",
        "# Berths\n\n## North basin\n\n51 crowns a night.\n\n## East basin\n\n44 crowns a night.\n\n## South basin\n\n39 crowns a night.\n",
        "What does a night cost in the South basin?",
        "39 crowns",
        "51|44",
    ),
    (
        "f.md",
        "| | |\n|---|---|\n| Slipway fee | 45 crowns |\n| Deadline | 1 May 2026 |\n| Harbour master | Ines Okoro |\n| Depth | 3.2 m |\n",
        "Who is the harbour master?",
        "Ines Okoro",
        "Deadline",
    ),
]


@pytest.mark.parametrize(("name", "text", "question", "right", "wrong"), CASES)
def test_the_right_value_is_quoted(name: str, text: str, question: str, right: str, wrong: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(file))
        answer = base.ask(question)
    told = re.sub(r" ?\[\d+\]", "", "\n".join([answer.text, *(c.quote for c in answer.citations)]))
    assert answer.refused == (not right)
    assert right in told
    assert not wrong or not re.search(wrong, told)


def test_groups_that_a_file_names_are_told_when_it_is_added(tmp_path: Path) -> None:
    (tmp_path / "mast.md").write_text("---\nlabels: crew, yard\n---\n\nThe mast is cracked.\n")
    (tmp_path / "open.md").write_text("The mast is new.\n")
    with KnowledgeBase.create(tmp_path / "base") as base:
        report = base.add(str(tmp_path / "mast.md"), str(tmp_path / "open.md"))
    assert report.restricted == {"crew, yard": 1}
