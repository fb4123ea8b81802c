"""Make the scanned incident report: typed text, drawn, tilted a little and sprinkled with dust."""

import random

from fixed_zip import DOCUMENTS, sidecar
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 1240, 1754  # A4 at 150 dots an inch
TILT_DEGREES = 0.8
N_SPECKS = 2500

REPORT = """HAVRIN LINE                                            FORM F-9
INCIDENT REPORT 2026-041

Ship:      Eider Sound           Line: 3
Date:      6 July 2026           Time: 16:52
Place:     Tarrasund, ferry berth
Master:    Yngve Tidemark
On board:  88 passengers, 27 cars, 6 crew
Weather:   wind south-east 16 m/s, swell 1.2 metres, rain

WHAT HAPPENED
On the approach to the berth the ship was lifted by a swell
and set to starboard. She touched the outer dolphin with the
starboard shoulder at about 2.3 knots. The rubber fender of
the dolphin was missing. The ship was berthed at 17:09.

DAMAGE
Dent of 1.8 metres between frames 12 and 15, depth 7 cm.
No leak. One window of the small saloon cracked.
Two passengers had bruises and were seen by the island
nurse. A crate of 36 eggs was lost.

CAUSE
Swell straight into the berth, no fender, and an approach
that was too slow for steerage way.

ACTION PROPOSED
1. Lower the wind limit of Eider Sound.
2. New fender by the parish of Tarrasund.
3. Repair at Ravnes yard, estimate 137,000 kroner.

Signed: Y. Tidemark, master            8 July 2026
Received: N. Capstan, safety officer   9 July 2026
"""


def draw_page() -> Image.Image:
    """The report in black on white, before it has been anywhere near a scanner."""
    page = Image.new("L", (WIDTH, HEIGHT), 250)
    pen = ImageDraw.Draw(page)
    y = 120
    for line in REPORT.splitlines():
        size = 34 if line.isupper() or line.startswith("INCIDENT") else 30
        pen.text((110, y), line.replace("  ", "   "), fill=25, font=ImageFont.load_default(size))
        y += 44
    pen.ellipse((880, 1440, 1090, 1650), outline=120, width=5)
    pen.text((918, 1525), "RECEIVED", fill=120, font=ImageFont.load_default(30))
    return page


def scan(page: Image.Image, *, seed: int) -> Image.Image:
    """The page as a cheap scanner sees it: tilted, a little soft, with specks of dust."""
    tilted = page.rotate(TILT_DEGREES, resample=Image.Resampling.BICUBIC, fillcolor=235)
    soft = tilted.filter(ImageFilter.GaussianBlur(0.6))
    dice = random.Random(seed)
    for _ in range(N_SPECKS):
        soft.putpixel((dice.randrange(WIDTH), dice.randrange(HEIGHT)), dice.randrange(90, 230))
    return soft.quantize(16)


def main() -> None:
    """Make the scan with its sidecar."""
    path = DOCUMENTS / "notices/incident-2026-041.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    scan(draw_page(), seed=41).save(path, optimize=True)
    sidecar(path, 'title = "Incident report 2026-041, scan"\nvalid_from = "2026-07-08"\n')


if __name__ == "__main__":
    main()
