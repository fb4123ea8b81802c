"""The report needs no script and no network, holds the numbers that it was given, and no text breaks it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.simulated import Lab, compare, questions

from wellread import markup
from wellread.advise import advise
from wellread.advise.advice import Prices, TaskDescription
from wellread.advise.report import kept, outputs, plot, tabulated
from wellread.advise.report import page as report
from wellread.advise.report.plot import Point
from wellread.errors import UsageError
from wellread.metrics import words
from wellread.metrics.results import Comparison, Difference
from wellread.types import Citation, Question, Score, Span

HOSTILE = '<script>alert("1")</script>"><img src=x onerror=alert(1)>\u202e]]>--></style></title>&amp;\x00\x1b[31m'
SHAPE = "html head meta title style body header main footer section article figure figcaption div svg g line circle"
WRITTEN = "p h1 h2 h3 h4 b bdi cite small ul li dl dt dd table thead tbody tr th td pre code blockquote text tspan desc"
TAGS = {*SHAPE.split(), *WRITTEN.split()}
LAB = Lab(
    {
        "retrieval": {"fact": 0.8, "table": 0.3, "freshness": 0.7},
        "tuned": {"fact": 0.4, "table": 0.3, "freshness": 0.05},
        "closed-book": 0.05,
    },
    {"fact": 80, "table": 40, "freshness": 18},
    recall=0.8,
)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text outside of styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._styled = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._styled = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._styled = False

    def handle_data(self, data: str) -> None:
        if not self._styled:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def made(lab: Lab = LAB, task: TaskDescription = TaskDescription()) -> tuple[Comparison, str]:
    comparison = compare(lab)
    asked = questions(lab)
    return comparison, report.html(comparison, advise.advise(comparison, facts=task, questions=asked), asked)


def harmless(html: str) -> Page:
    """The page, after a look at every element: known ones alone, no handler, no address of anything to load."""
    page = Page(html)
    assert {tag for tag, _ in page.found} <= TAGS
    for _, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "action")]
    return page


# the page


def test_the_answer_stands_first_and_is_the_one_of_the_advice() -> None:
    comparison, html = made()
    advice = advise.advise(comparison, questions=questions(LAB))
    text = Page(html).text
    first, rest = advice.headline.split(". ", 1)
    assert text.index(first) < text.index(rest) < text.index("Quality against cost")
    assert advice.because in text and all(against.sentence in text for against in advice.against)


def test_every_way_stands_in_the_table_with_its_numbers() -> None:
    comparison, html = made()
    text = Page(html).text
    for way in comparison.ways:
        score = way.scores["right"]
        assert f"{way.way.name} reads {words.READS[way.way.reads]}" in text
        assert f"{words.points(score.value)} {words.interval(score)}" in text
    for pair in comparison.differences:
        if pair.first == "retrieval":
            minus = words.signed(replace(pair, value=-pair.value, low=-pair.high, high=-pair.low))
            assert f"{minus} points" in text


def test_kinds_freshness_and_wordings_have_their_places() -> None:
    comparison = compare(LAB)
    asked = tuple(replace(q, variant_of="fact-0") if q.id in ("fact-1", "fact-2") else q for q in questions(LAB))
    text = Page(report.html(comparison, advise.advise(comparison, questions=asked), asked)).text
    assert "By kind of question" in text and "n 40" in text
    assert "Facts that changed" in text and "n 18" in text
    assert "Questions in other words" in text and "n 2" in text


def test_wordings_of_one_question_count_as_one_draw_in_every_interval() -> None:
    lab = Lab({"retrieval": 0.5}, kinds={"fact": 20})
    comparison, asked = compare(lab), questions(lab)
    shared = tuple(replace(q, variant_of=f"fact-{n // 5 * 5}" if n % 5 else None) for n, q in enumerate(asked))
    by_root = {q.id: float(int(q.id.removeprefix("fact-")) // 5 % 2) for q in asked}
    outcomes = tuple(replace(o, metrics={"right": by_root[o.question_id]}) for o in comparison.outcomes)
    comparison = replace(comparison, outcomes=outcomes)
    page = Page(str(tabulated.holds(comparison, shared))).text
    low, high = map(int, re.findall(r"(\d+) to (\d+), n 16", page)[0])
    assert high - low > 60  # four questions in five wordings each are no sixteen draws


def test_how_it_was_measured_names_seed_hash_versions_and_machine() -> None:
    comparison, html = made()
    text = Page(html).text
    for said in (comparison.questions_hash, "21 November 2026", "2 cores", "0.1.0", "90,000 tokens", "seed 0"):
        assert said in text


def test_levels_show_money_only_where_a_price_was_given() -> None:
    assert "USD" not in made()[1]
    assert "USD" in made(task=TaskDescription(prices=Prices(2.0, 8.0)))[1]


@pytest.mark.parametrize(
    "lab",
    [
        Lab({"retrieval": 0.7}, {"fact": 1}),
        Lab({"retrieval": 1.0, "closed-book": 0.0}, {"fact": 30}),
        Lab({"retrieval": 0.0}, {"fact": 25}),
    ],
    ids=["one question", "all right or wrong", "nothing right"],
)
def test_a_page_comes_of_the_smallest_and_the_most_extreme_comparison(lab: Lab) -> None:
    assert "How it was measured" in harmless(made(lab)[1]).text


def test_a_page_comes_where_no_way_is_allowed_at_all() -> None:
    assert "No way is allowed" in harmless(made(task=TaskDescription(latency_s=0.01))[1]).text


def test_sources_are_named_below_the_folder_that_they_share() -> None:
    comparison = compare(LAB)
    cited = [Citation(f"/home/me/base/{name}", "", 1, None, (), Span(0, 1), "q", "c") for name in ("a/b.md", "c.md")]
    outcomes = tuple(replace(o, citations=tuple(cited)) for o in comparison.outcomes)
    comparison = replace(comparison, outcomes=outcomes)
    asked = questions(LAB)
    text = Page(report.html(comparison, advise.advise(comparison, questions=asked), asked)).text
    assert "a/b.md q" in text and "c.md q" in text and "/home/me" not in text


# hostile texts


def broken_by(text: str) -> str:
    comparison = compare(Lab({"retrieval": 0.5, "closed-book": 0.1}, {"fact": 24}))
    cited = Citation(text, text, 1, None, (text,), Span(0, 3), text, "c")
    outcomes = tuple(replace(o, text=text, citations=(cited,), error="") for o in comparison.outcomes)
    asked = tuple(Question(f"fact-{n}", text, (text,), kind=text) for n in range(24))
    ways = tuple(replace(w, way=replace(w.way, about=text), by_kind={text: w.by_kind["fact"]}) for w in comparison.ways)
    given = {text: text, "machine": text}
    comparison = replace(comparison, outcomes=outcomes, ways=ways, environment=given, questions_hash=text)
    return report.html(comparison, advise.advise(comparison, questions=asked), asked)


def test_hostile_texts_stay_texts_wherever_they_come_from() -> None:
    html = broken_by(HOSTILE)
    page = harmless(html)
    assert 'alert("1")' in page.text  # shown, not run
    assert "\u202e" not in html and "\x00" not in html and "\x1b" not in html


def test_a_hostile_name_of_a_way_stays_a_name_in_the_drawing_too() -> None:
    name = '</text><script>"'
    drawn = plot.scatter([Point(name, 1.0, Score(0.5, 0.4, 0.6, 20), True)], "seconds", "right")
    page = harmless(str(drawn))
    assert name in page.text


@given(st.text(st.sampled_from("<>&\"'/=ab ;#\r\n\u202e\x00é") | st.characters(), max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_text_comes_out_of_the_markup_as_it_went_in(text: str) -> None:
    page = harmless(markup.el("p", text, class_=text))
    assert page.found[0][0] == "p" and len(page.found) == 1
    clean = markup.UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)
    assert "".join(page.texts) == clean.replace("\r", "\n") or "".join(page.texts) == clean
    assert page.found[0][1]["class"] in (clean, clean.replace("\r", "\n"))


def test_the_policy_of_the_page_forbids_scripts_and_every_address() -> None:
    page = harmless(made()[1])
    policy = next(a["content"] for tag, a in page.found if tag == "meta" and "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'")
    addresses = re.findall(r"(?:https?:)?//[a-z][^\s\"'<>]*", made()[1])
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


# for everybody


def test_tables_have_heads_and_the_drawing_has_words() -> None:
    page = harmless(made()[1])
    assert all(a.get("scope") in ("row", "col") for tag, a in page.found if tag == "th")
    assert all(a.get("role") == "img" for tag, a in page.found if tag == "svg")
    assert "Each way with its 95 % interval and its cost" in page.text
    assert next(tag for tag, _ in page.found if tag in ("h1", "h2")) == "h1"
    regions = [a for _, a in page.found if a.get("role") == "region"]
    assert regions and all(a.get("tabindex") == "0" and a.get("aria-label") for a in regions)


def test_every_colour_of_text_stands_out_by_four_and_a_half() -> None:
    style = files("wellread.advise.report").joinpath("templates/report.css").read_text("utf-8")
    themes = [
        dict(re.findall(r"--(\w+):\s*(#[0-9a-f]{6})", part)) for part in re.findall(r":root\{(.*?)\}", style, re.S)
    ]
    assert len(themes) >= 2
    for theme in themes[:2]:
        for ink in ("ink", "muted", "accent", "good", "bad"):
            for ground in ("paper", "wash"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)


def contrast(first: str, second: str) -> float:
    """WCAG 2.2, relative luminance."""

    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(first), light(second)))
    return (bright + 0.05) / (dark + 0.05)


# the drawing

points = st.lists(
    st.builds(
        lambda cost, value, wide: (cost, Score(value, max(0.0, value - wide), min(1.0, value + wide), 100)),
        st.floats(0.01, 60),
        st.floats(0, 1),
        st.floats(0.01, 0.1),
    ),
    min_size=1,
    max_size=7,
)
NAMES = ("closed-book", "few-shot", "long-context", "retrieval", "retrieval-written", "tuned", "tuned+retrieval")


def drawn(given: Sequence[tuple[float, Score]]) -> list[Point]:
    return [Point(NAMES[n], cost, score, n == 0) for n, (cost, score) in enumerate(given)]


@given(points)
@settings(max_examples=150, deadline=None)
def test_labels_of_the_drawing_do_not_collide_and_stay_inside(found: list[tuple[float, Score]]) -> None:
    ways = drawn(found)
    axes = plot.frame(ways, 860, 400)
    boxes = [plot._box(way, plot.place(ways, axes)[way.name]) for way in ways]
    for n, box in enumerate(boxes):
        assert box.left >= 0 and box.right <= 860 and box.top >= 0 and box.bottom <= 400
        assert not any(box.overlap(other) > 1 for other in boxes[n + 1 :])


def test_a_point_stands_where_its_cost_and_its_score_are() -> None:
    ways = [Point("a", 1.0, Score(0.5, 0.25, 0.75, 9)), Point("b", 2.0, Score(1.0, 0.9, 1.0, 9))]
    axes = plot.frame(ways, 860, 400)
    assert not axes.log and axes.y(0.0) == axes.area.bottom and axes.y(1.0) == axes.area.top
    assert axes.y(0.5) == (axes.area.top + axes.area.bottom) / 2
    assert axes.x(2.0) - axes.area.left == pytest.approx(2 * (axes.x(1.0) - axes.area.left))
    wide = plot.frame([*ways, Point("c", 100.0, Score(0.5, 0.4, 0.6, 9))], 860, 400)
    assert wide.log and wide.x(100.0) - wide.x(10.0) == pytest.approx(wide.x(10.0) - wide.x(1.0))


@given(st.floats(0.001, 1e5), st.floats(1, 1e4))
def test_an_axis_has_some_round_costs_and_not_too_many(least: float, times: float) -> None:
    score = Score(0.5, 0.4, 0.6, 9)
    axes = plot.frame([Point("a", least, score), Point("b", least * times, score)], 860, 400)
    assert 1 <= len(plot.ticks(axes)) <= 8
    assert all(axes.low <= tick <= axes.high * (1 + 1e-9) for tick in plot.ticks(axes))


def test_the_drawing_stands_alone_with_colours_for_light_and_dark() -> None:
    alone = plot.standing_alone(plot.scatter([Point("a", 1.0, Score(0.5, 0.4, 0.6, 9))], "seconds", "right"))
    assert alone.startswith("<svg") and "prefers-color-scheme:dark" in alone and "xmlns=" in alone


# kept and read again


def test_a_comparison_that_was_kept_is_read_back_whole(tmp_path: Path) -> None:
    comparison = compare(LAB)
    cited = Citation("a.md", "A", 1, 3, ("A", "B"), Span(2, 9), "quoted", "c1")
    comparison = replace(
        comparison, outcomes=(replace(comparison.outcomes[0], citations=(cited,)), *comparison.outcomes[1:])
    )
    (tmp_path / outputs.JSON_NAME).write_text(outputs.as_json(comparison), "utf-8")
    assert kept.read(tmp_path / outputs.JSON_NAME) == comparison


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "is no comparison"), ("{}", "is missing"), ('{"ways": 3}', "is missing")],
)
def test_a_file_that_is_no_comparison_says_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "comparison.json"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=f"{said}.*wellread compare"):
        kept.read(file)


# in a real browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; apt-get install chromium")
ASK = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script></body>"


@browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 500])
def test_the_page_does_not_scroll_sideways_in_a_browser(tmp_path: Path, width: int) -> None:
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", made()[1]).replace("</body>", ASK)
    (tmp_path / "report.html").write_text(html, "utf-8")
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}"]
    command += [f"--window-size={width},900", "--dump-dom", (tmp_path / "report.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    title = re.search(r"<title>(\d+) of (\d+)</title>", done.stdout)
    assert title is not None, done.stdout[:500]
    assert int(title[1]) <= int(title[2]) <= width


def test_the_time_of_the_comparison_is_shown_in_its_own_zone() -> None:
    comparison = replace(compare(LAB), made_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert "02 January 2026, 03:04 UTC" in Page(report.html(comparison, advise.advise(comparison), ())).text


def test_a_difference_in_words_never_exceeds_a_hundred_points() -> None:
    wild = Difference("right", "a", "b", 0.5, -160.0, 160.0, 0.5, 1.0, 9, 0.6)
    assert words.change(wild) == "50 ± 100 points"
