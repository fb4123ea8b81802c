"""Make the slide decks: the strategy for 2027 and the safety week."""

from pathlib import Path

from fixed_zip import DOCUMENTS, freeze, sidecar
from pptx import Presentation
from pptx.util import Inches

# A slide is a title, bullet lines, and what the speaker says. A line "a | b | c" becomes a row of the slide's table.
Slide = tuple[str, list[str], str]

STRATEGY: list[Slide] = [
    ("Strategy 2027 to 2030", ["Havrin Line, staff meeting of 5 November 2026", "Astrid Quillfeather"], "Welcome all."),
    (
        "Where we stand",
        [
            "1.23 million passengers in 2025",
            "Customers give us 4.2 out of 5",
            "One passenger in six comes by bicycle",
        ],
        "The survey was answered by 2,317 people in September.",
    ),
    (
        "Three aims",
        [
            "Emissions 55 per cent lower in 2030 than in 2020",
            "97 per cent of departures within five minutes",
            "No accident with absence for a whole year",
        ],
        "The second aim is the hard one: we stood at 94.1 per cent last year.",
    ),
    (
        "Money for the aims",
        [
            "Project | Year | Million kroner",
            "Charging tower Kestvik | 2027 | 23",
            "Charging tower Ollesay | 2028 | 19",
            "New booking system | 2027 | 6.4",
            "Terminal Tarrasund | 2029 | 12.5",
        ],
        "The booking system will be called Pennant.",
    ),
    (
        "What changes for you",
        [
            "Rosters six weeks ahead from autumn 2027",
            "A crew app instead of paper logs",
            "A second simulator day ashore",
        ],
        "Nobody loses a job through Gannet Head; she needs two engineers fewer, who go to the workshop.",
    ),
    ("Questions", ["Coffee until 15:30", "Write to strategy@havrin-line.example"], "Thank the band."),
]

SAFETY_WEEK: list[Slide] = [
    ("Safety week 2026", ["Week 39, 21 to 27 September", "Nils Capstan and Signe Topmast"], ""),
    (
        "The year so far",
        ["11 incidents up to 31 August", "The word hold was used 24 times", "Two lost-time accidents, 19 days in all"],
        "Last year at the same time we had ten incidents.",
    ),
    (
        "Three things to practise",
        [
            "Closing the drencher room door behind you",
            "Saying hold out loud",
            "Finding the fire blanket with closed eyes",
        ],
        "The record for the blanket is 41 seconds, set by Little Auk's early crew.",
    ),
    (
        "Competition",
        ["Hose race on Wednesday at 13:00 on berth 4", "First prize: dinner for the crew at the Puffin's Table"],
        "Bring dry socks.",
    ),
]

PPTX: dict[str, tuple[list[Slide], str]] = {
    "slides/strategy-2027.pptx": (STRATEGY, 'title = "Strategy 2027 to 2030"\nvalid_from = "2026-11-05"\n'),
    "slides/safety-week-2026.pptx": (SAFETY_WEEK, 'title = "Safety week 2026"\nvalid_from = "2026-09-21"\n'),
}


def add_slide(deck, slide: Slide) -> None:
    """Append one slide, as bullets or as a table, with its notes."""
    title, lines, notes = slide
    is_table = all("|" in line for line in lines)
    page = deck.slides.add_slide(deck.slide_layouts[5 if is_table else 1])
    page.shapes.title.text = title
    if is_table:
        rows = [[cell.strip() for cell in line.split("|")] for line in lines]
        box = page.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(2), Inches(8), Inches(3))
        for y, row in enumerate(rows):
            for x, text in enumerate(row):
                box.table.cell(y, x).text = text
    else:
        page.placeholders[1].text_frame.text = "\n".join(lines)
    if notes:
        page.notes_slide.notes_text_frame.text = notes


def make(path: Path, slides: list[Slide]) -> None:
    """Write one deck."""
    deck = Presentation()
    for slide in slides:
        add_slide(deck, slide)
    deck.core_properties.author = "Havrin Line"
    deck.save(path)
    freeze(path)


def main() -> None:
    """Make every deck with its sidecar."""
    for name, (slides, metadata) in PPTX.items():
        path = DOCUMENTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, slides)
        sidecar(path, metadata)


if __name__ == "__main__":
    main()
