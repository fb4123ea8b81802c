"""Make the PDF documents: price lists, timetables, an incident report and a battery manual, all with a text layer."""

from pathlib import Path

from fixed_zip import DOCUMENTS, sidecar
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

STYLES = getSampleStyleSheet()
GRID = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.Color(0.85, 0.92, 0.88)),
        ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
        ("FONTSIZE", (0, 0), (-1, -1), 9),
    ]
)

# A document is a list of blocks: ("h1" | "h2" | "p", text), ("table", rows) or ("page", "").
Block = tuple[str, str | list[list[str]]]


def rows(text: str) -> list[list[str]]:
    """Cells of a table written with | between them, one row a line."""
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


FARES_2025: list[Block] = [
    ("h1", "Havrin Line: price list 2025"),
    ("p", "Valid from 1 January 2025 until 31 December 2025. All prices in kroner for a single journey."),
    ("h2", "1. Foot passengers"),
    (
        "table",
        rows("""Line | Crossing | Adult | Child 4-15 | Senior 67+ | Student
1 | Kestvik to Ollesay | 79 | 40 | 59 | 63
2 | Kestvik to Brannholm | 112 | 56 | 84 | 90
3 | Ollesay to Tarrasund | 44 | 22 | 33 | 35
4 | Kestvik to Mirrey | 92 | 46 | 69 | 74
5 | Brannholm to Sutherskerry | 55 | 28 | 41 | 44"""),
    ),
    ("h2", "2. Vehicles, driver included"),
    (
        "table",
        rows("""Line | Crossing | Motorcycle | Car to 5 m | Car 5-6 m | Motorhome to 8 m | Trailer, per m
1 | Kestvik to Ollesay | 106 | 231 | 281 | 388 | 43
2 | Kestvik to Brannholm | 149 | 318 | 382 | 533 | 58
3 | Ollesay to Tarrasund | 60 | 129 | 157 | 214 | 25
5 | Brannholm to Sutherskerry | 76 | 163 | 197 | 270 | 31"""),
    ),
    ("h2", "3. Dogs and bicycles"),
    (
        "table",
        rows("""Line | Crossing | Dog | Bicycle, also electric
1 | Kestvik to Ollesay | 35 | 20
2 | Kestvik to Brannholm | 48 | 28
3 | Ollesay to Tarrasund | 18 | free
4 | Kestvik to Mirrey | 30 | 40
5 | Brannholm to Sutherskerry | 22 | 14"""),
    ),
    ("h2", "4. Ten-trip card"),
    ("p", "The ten-trip card gives ten adult journeys for the price of eight and is valid for 12 months."),
    ("h2", "5. Fees"),
    ("p", "Booking by telephone costs 12 kroner. Paying on board costs 15 kroner more."),
    ("p", "Drivers must be in the queue 20 minutes before departure."),
]

FARES_2026: list[Block] = [
    ("h1", "Havrin Line: price list 2026"),
    ("p", "Valid from 1 January 2026 until 31 December 2026. All prices in kroner for a single journey."),
    ("p", "This list replaces the price list 2025. Line 6 is added from its opening in March 2026."),
    ("h2", "1. Foot passengers"),
    ("p", "Children under four travel free. A student shows a valid card."),
    (
        "table",
        rows("""Line | Crossing | Adult | Child 4-15 | Senior 67+ | Student
1 | Kestvik to Ollesay | 84 | 42 | 63 | 67
2 | Kestvik to Brannholm | 118 | 59 | 88 | 94
3 | Ollesay to Tarrasund | 46 | 23 | 35 | 37
4 | Kestvik to Mirrey | 97 | 49 | 73 | 78
5 | Brannholm to Sutherskerry | 58 | 29 | 44 | 46
6 | Tarrasund to Mirrey | 39 | 20 | 29 | 31"""),
    ),
    ("h2", "2. Vehicles, driver included"),
    ("p", "Lines 4 and 6 carry no vehicles. The length is measured with the towing hitch."),
    (
        "table",
        rows("""Line | Crossing | Motorcycle | Car to 5 m | Car 5-6 m | Motorhome to 8 m | Trailer, per m
1 | Kestvik to Ollesay | 112 | 246 | 298 | 412 | 46
2 | Kestvik to Brannholm | 158 | 339 | 405 | 566 | 62
3 | Ollesay to Tarrasund | 64 | 138 | 167 | 229 | 27
5 | Brannholm to Sutherskerry | 81 | 174 | 209 | 288 | 33"""),
    ),
    ("p", "Motorhomes longer than 8 metres pay 71 kroner for each further metre on every line."),
    ("p", "In July and August cars on Line 1 pay 35 kroner more on Fridays between 14:00 and 19:00."),
    ("page", ""),
    ("h2", "3. Dogs and bicycles"),
    (
        "table",
        rows("""Line | Crossing | Dog | Assistance dog | Bicycle | Electric bicycle
1 | Kestvik to Ollesay | 38 | free | 22 | 30
2 | Kestvik to Brannholm | 52 | free | 31 | 40
3 | Ollesay to Tarrasund | free | free | free | 12
4 | Kestvik to Mirrey | not carried | free | 45 | not carried
5 | Brannholm to Sutherskerry | 25 | free | 16 | 21
6 | Tarrasund to Mirrey | not carried | free | not carried | not carried"""),
    ),
    ("p", "A dog that stays in the car for the whole crossing pays the same as a dog on deck."),
    ("h2", "4. Ten-trip card"),
    ("p", "The ten-trip card gives ten adult journeys for the price of eight and is valid for 18 months."),
    (
        "table",
        rows("""Line | Crossing | Price of the card
1 | Kestvik to Ollesay | 672
2 | Kestvik to Brannholm | 944
3 | Ollesay to Tarrasund | 368
4 | Kestvik to Mirrey | 776
5 | Brannholm to Sutherskerry | 464
6 | Tarrasund to Mirrey | 312"""),
    ),
    ("p", "Two people may use one card together. A lost card is replaced for 40 kroner."),
    ("h2", "5. Fees"),
    ("p", "Booking by telephone costs 15 kroner. Paying on board costs 20 kroner more."),
    ("p", "A window seat on Little Auk can be reserved for 18 kroner."),
    ("p", "Printing a ticket that was bought in the app costs 5 kroner at the ticket window."),
    ("h2", "6. Through tickets"),
    ("p", "A through ticket from Kestvik to Tarrasund by way of Ollesay costs 112 kroner for an adult."),
    ("p", "A through ticket from Kestvik to Sutherskerry by way of Brannholm costs 155 kroner for an adult."),
    ("p", "Through tickets are good for the whole day and allow one stop of any length."),
    ("h2", "7. Freight"),
    ("p", "Lorries, buses and unaccompanied trailers are charged by the freight rates, a separate list."),
]

SUMMER: list[Block] = [
    ("h1", "Timetable, summer 2026"),
    ("p", "Valid from 29 March 2026 until 26 September 2026."),
    ("h2", "Line 1, Kestvik to Ollesay, daily"),
    (
        "table",
        rows("""From Kestvik | From Ollesay | Remark
05:20 | 06:25 | not on Sundays
07:00 | 08:05 | 
08:40 | 09:45 | 
10:20 | 11:25 | 
12:00 | 13:05 | 
13:40 | 14:45 | 
15:20 | 16:25 | 
17:00 | 18:05 | 
18:40 | 19:45 | 
20:20 | 21:25 | 
23:00 | 23:59 | Fridays and Saturdays"""),
    ),
    ("h2", "Line 2, Kestvik to Brannholm, daily"),
    (
        "table",
        rows("""From Kestvik | From Brannholm
06:00 | 07:45
09:30 | 11:20
13:10 | 15:00
16:50 | 18:40
20:30 | 22:10"""),
    ),
    ("h2", "Line 3, Ollesay to Tarrasund, daily"),
    (
        "table",
        rows("""From Ollesay | From Tarrasund
06:40 | 07:15
08:30 | 09:05
10:30 | 11:05
12:30 | 13:05
14:00 | 14:35
16:30 | 17:05
19:00 | 19:35
21:45 | 22:20"""),
    ),
    ("page", ""),
    ("h2", "Line 4, Kestvik to Mirrey, daily"),
    (
        "table",
        rows("""From Kestvik | From Mirrey
07:10 | 08:00
09:30 | 10:20
11:50 | 12:40
14:10 | 15:00
16:30 | 17:20
18:50 | 19:40"""),
    ),
    ("h2", "Line 5, Brannholm to Sutherskerry, 1 May to 30 September"),
    (
        "table",
        rows("""From Brannholm | From Sutherskerry
09:10 | 10:00
11:10 | 12:00
14:50 | 15:40
17:10 | 18:00"""),
    ),
    ("p", "In the last days of September these departures are sailed although the winter timetable has begun."),
    ("p", "On Wednesdays the 14:50 waits for the library boat and may leave up to 15 minutes late."),
]

WINTER: list[Block] = [
    ("h1", "Timetable, winter 2026/27"),
    ("p", "Valid from 27 September 2026 until 27 March 2027. It replaces the summer timetable."),
    ("h2", "Line 1, Kestvik to Ollesay, Mondays to Fridays"),
    (
        "table",
        rows("""From Kestvik | From Ollesay | Remark
05:50 | 06:55 | bus to the hospital
07:30 | 08:35 | 
09:40 | 10:50 | 
12:15 | 13:25 | dangerous goods on Tuesdays, no passengers
14:45 | 15:55 | 
17:05 | 18:15 | 
19:20 | 20:30 | 
22:10 | 23:15 | not on Mondays"""),
    ),
    ("h2", "Line 1, Saturdays and Sundays"),
    (
        "table",
        rows("""Day | From Kestvik | From Ollesay
Saturday | 07:00 | 08:10
Saturday | 10:10 | 11:20
Saturday | 13:20 | 14:30
Saturday | 16:30 | 17:40
Saturday | 19:40 | 20:50
Sunday | 08:30 | 09:40
Sunday | 11:40 | 12:50
Sunday | 15:10 | 16:20
Sunday | 18:20 | 19:30
Sunday | 21:00 | 22:05"""),
    ),
    ("h2", "Line 2, Kestvik to Brannholm, daily"),
    (
        "table",
        rows("""From Kestvik | From Brannholm
06:15 | 08:00
10:00 | 12:05
14:20 | 16:25
18:40 | 20:35"""),
    ),
    ("page", ""),
    ("h2", "Line 3, Ollesay to Tarrasund, Mondays to Saturdays"),
    (
        "table",
        rows("""From Ollesay | From Tarrasund
07:00 | 07:35
09:05 | 09:40
11:20 | 11:55
14:00 | 14:35
16:30 | 17:05
19:00 | 19:35"""),
    ),
    ("p", "On Sundays Line 3 makes two crossings only, at 11:20 and 17:30 from Ollesay."),
    ("h2", "Line 4, Kestvik to Mirrey, Mondays to Fridays"),
    (
        "table",
        rows("""From Kestvik | From Mirrey
07:10 | 08:00
08:50 | 09:45
12:40 | 13:30
16:15 | 17:05
17:55 | 18:45"""),
    ),
    ("p", "At weekends Line 4 leaves Kestvik at 09:20 and 15:30."),
    ("h2", "Line 5, Brannholm to Sutherskerry"),
    ("p", "No service from 1 October to 30 April."),
    ("p", "The post boat takes up to six passengers on Mondays and Thursdays at 10:15."),
    ("h2", "Line 6, Tarrasund to Mirrey, Tuesdays, Thursdays and Saturdays"),
    (
        "table",
        rows("""From Tarrasund | From Mirrey
10:30 | 11:00
15:15 | 15:45"""),
    ),
    ("h2", "Connections"),
    ("p", "The 11:20 and 16:30 of Line 3 wait up to 12 minutes for a late Line 1."),
    ("p", "The last bus from Kestvik terminal to the railway station leaves at 23:05, number 14."),
]

INCIDENT_052: list[Block] = [
    ("h1", "Incident report 2026-052: engine stop on Gannet Point"),
    ("p", "Written by Nils Capstan, safety officer, on 14 October 2026. Class: moderate. Closed."),
    ("h2", "1. What happened"),
    ("p", "On Friday 2 October 2026 Gannet Point left Kestvik at 14:24 with 131 passengers and 47 cars."),
    ("p", "At 15:06, two miles west of Hestling Rock, the port main engine lost power and stopped."),
    ("p", "The master, Embrik Sextant, anchored at 15:19 in 31 metres of water."),
    ("p", "The starboard engine was kept running for electricity. No distress call was made."),
    ("p", "The ship weighed anchor at 17:02 and berthed at Brannholm at 17:58."),
    ("h2", "2. The cause"),
    ("p", "The fine fuel filters of the port engine were blocked by deposits from the tank."),
    ("p", "Renewable diesel had loosened them. The filters had run for 465 hours."),
    ("p", "The interval in the manual of Gannet Point was still 500 hours; on Gannet Bay it had been shortened."),
    ("h2", "3. People"),
    ("p", "Nobody was hurt. Café staff gave away 118 waffles."),
    ("p", "One passenger with diabetes was helped by a nurse who was travelling, Mrs Hedvig Poultice."),
    ("h2", "4. Costs"),
    (
        "table",
        rows("""Item | Kroner
Filters and labour | 12,600
Compensation to passengers | 21,350
Waffles | 4,484
Tug on standby | 17,000
Sum | 55,434"""),
    ),
    ("h2", "5. What was decided"),
    ("p", "Filters on both Gannets are changed every 250 hours until the tanks have been cleaned."),
    ("p", "Both Gannets carry twelve spare filters instead of four."),
    ("p", "The loudspeaker text for delays is rewritten by customer service before 15 November."),
]

BATTERY: list[Block] = [
    ("h1", "MV Little Auk: battery and charging manual"),
    ("p", "Edition 3, valid from 1 March 2026. Owner: Gudrun Saltmarsh, technical manager."),
    ("h2", "1. The batteries"),
    ("p", "Little Auk has two battery rooms with 90 modules each, 1,008 kilowatt-hours in all."),
    ("p", "One crossing in calm weather uses 290 kilowatt-hours at 28 knots and 205 at 22 knots."),
    ("p", "The charge is kept between 25 and 90 per cent. Below 20 per cent the diesel set starts by itself."),
    ("p", "The modules are expected to last until 2029, when 80 per cent of the capacity is left."),
    ("h2", "2. Charging"),
    ("p", "At Kestvik, berth 2, the tower charges at 1,600 kilowatts; ten minutes are enough for a crossing."),
    ("p", "The arm finds the socket by itself. If it fails three times, use the cable on the drum."),
    ("p", "At Mirrey only a night cable of 63 kilowatts is available."),
    ("p", "The charging plug is never pulled while the blue lamp is lit."),
    ("h2", "3. Cooling"),
    (
        "table",
        rows("""Temperature of a module | What happens | What you do
up to 32 degrees | normal | nothing
33 to 44 degrees | yellow alarm | reduce to 22 knots
45 to 54 degrees | red alarm | stop charging, go to berth
55 degrees and above | room is shut off | muster passengers, flood on order"""),
    ),
    ("p", "The coolant is a mixture with 35 per cent glycol. Each room holds 140 litres."),
    ("h2", "4. Checks"),
    (
        "table",
        rows("""Check | How often | Limit
Insulation resistance | every week | 500 kilohm
Module voltage difference | every day | 60 millivolts
Coolant pump noise | every month | by ear
Gas detectors, test | every 3 months | alarm within 30 seconds
Contact set of the plug | every 18 months | renew"""),
    ),
    ("h2", "5. Rules"),
    ("p", "Nobody enters a battery room alone. The key hangs on the bridge on hook 9."),
    ("p", "Rubber gloves of class 1 are tested every six months and thrown away after three years."),
    ("p", "The sea trials of 20 August 2026 showed that waves above 1.6 metres wet the air intakes."),
]

PDFS: dict[str, tuple[str, list[Block], str]] = {
    "fares/fares-2025.pdf": (
        "Price list 2025",
        FARES_2025,
        'valid_from = "2025-01-01"\nvalid_until = "2025-12-31"\nsuperseded_by = "fares/fares-2026.pdf"\n',
    ),
    "fares/fares-2026.pdf": (
        "Price list 2026",
        FARES_2026,
        'valid_from = "2026-01-01"\nvalid_until = "2026-12-31"\n',
    ),
    "fares/timetable-summer-2026.pdf": (
        "Timetable, summer 2026",
        SUMMER,
        'valid_from = "2026-03-29"\nvalid_until = "2026-09-26"\nsuperseded_by = "fares/timetable-winter-2026.pdf"\n',
    ),
    "fares/timetable-winter-2026.pdf": (
        "Timetable, winter 2026/27",
        WINTER,
        'valid_from = "2026-09-27"\nvalid_until = "2027-03-27"\n',
    ),
    "notices/incident-2026-052.pdf": ("Incident report 2026-052", INCIDENT_052, 'valid_from = "2026-10-14"\n'),
    "manual/little-auk-battery.pdf": (
        "MV Little Auk: battery and charging manual",
        BATTERY,
        'valid_from = "2026-03-01"\n',
    ),
}


def flowable(block: Block) -> list[Flowable]:
    """What reportlab lays out for one block."""
    kind, content = block
    if kind == "page":
        return [PageBreak()]
    if kind == "table":
        return [Table(content, style=GRID, hAlign="LEFT", repeatRows=1), Spacer(1, 8)]
    style = {"h1": "Heading1", "h2": "Heading2", "p": "BodyText"}[kind]
    return [Paragraph(str(content), STYLES[style])]


def page_foot(canvas, document) -> None:
    """The line at the foot of each page: the kind of repeated text that a reader of PDFs has to see through."""
    canvas.setFont("Helvetica", 8)
    canvas.drawString(56, 30, f"Havrin Line Ltd, Netmakers' Quay 3, Kestvik   page {document.page}")


def make(path: Path, title: str, blocks: list[Block]) -> None:
    """Write one PDF; `invariant` takes the clock and the random id out of it."""
    document = SimpleDocTemplate(
        str(path), pagesize=A4, title=title, author="Havrin Line", invariant=1, leftMargin=48, rightMargin=48
    )
    story = [part for block in blocks for part in flowable(block)]
    document.build(story, onFirstPage=page_foot, onLaterPages=page_foot)


def main() -> None:
    """Make every PDF with its sidecar."""
    for name, (title, blocks, dates) in PDFS.items():
        path = DOCUMENTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, title, blocks)
        sidecar(path, f'title = "{title}"\n{dates}')


if __name__ == "__main__":
    main()
