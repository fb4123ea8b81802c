"""Make the Word documents: a handbook chapter, the Islander Card, two manuals, minutes and a restricted review."""

from pathlib import Path

import docx
from fixed_zip import DOCUMENTS, freeze, sidecar

# In the texts blank lines part the blocks: "# " and "## " begin headings, "| " table rows, all else is a paragraph.
SICKNESS = """# Employee handbook, chapter 8: When you are ill

Chapter owner: Tove Anchorhold, head of people. Valid from 1 January 2026.

## Telling us

If you fall ill ashore, telephone the roster office on 0555 010 170 at least two hours before your duty begins. A
text message is not enough. If you fall ill on board, tell the master.

You say when you think you will be back, not what you have. Nobody may ask you for the diagnosis.

## The doctor's note

A doctor's note is needed from the fourth day of absence. In the twelve weeks after a third short absence we may
ask for one from the first day; the letter that says so comes from the head of people.

For a night on which you are dizzy from medicine you are absent, not late. Medicines marked with a red triangle
mean that you do not stand a watch.

## Sick pay

You receive your full pay for the first 16 weeks and 70 per cent for the following 36 weeks. After that the
parishes' insurance pays.

Seasonal staff receive full pay for two weeks for each month worked.

## Children and others

When a child under 13 is ill, each parent has 12 days a year on full pay. A single parent has 20 days. For other
relatives who live with you there are four days.

## Coming back

After 21 days or more you have a talk about coming back with your manager within the first week. A gradual return
with shorter duties is possible for up to ten weeks.

Seafarers need a new medical certificate after any absence of more than 30 days. The company doctor is Dr Malene
Tincture, who sees us on Thursdays in the training room.

## Accidents at work

Accidents are reported on form F-3 within 24 hours, even those that seem small.

## Vaccinations

Influenza vaccination is offered free of charge in the last week of October. In 2026 it is held on 27 and 28
October.
"""

ISLANDER = """# The Islander Card

For the ticket windows. Valid from 1 January 2026. Questions to Pia Gunwale.

## Who can have it

Everyone whose address in the register has been on one of the five islands for at least six months can have the
card. Students who study away keep it until they are 27. Owners of summer houses cannot have it.

## What it costs

The card costs 150 kroner a year for adults and nothing for children and for people over 67. It runs from the day
of issue.

## What it gives

| Line | Foot passenger | Car to 5 m |
| 1 | 40 % off | 35 % off |
| 2 | 45 % off | 40 % off |
| 3 | 50 % off | 50 % off |
| 4 | 40 % off | no cars |
| 5 | 50 % off | 45 % off |
| 6 | 60 % off | no cars |

A holder may bring one visiting car a year at the islander price, with the code that is printed on the back of the
card.

Patients on their way to the hospital in Kestvik travel free with the appointment letter, and so does one
companion.

## Misuse

A card lent to somebody else is withdrawn for six months. At the second time it is withdrawn for three years. The
window staff keep the card and give a receipt.

## Post and parcels

Holders may send a parcel of up to 10 kilograms a week free of charge. Parcels are handed in before 16:00 for the
next morning's first departure.

## Until when

Cards issued by the parish of Sutherskerry are yellow and do not expire as long as the holder lives there. All
others are renewed each year, from four weeks before the end.
"""

POINT_ENGINE = """# MV Gannet Point: main engines, working instructions

Edition 4, valid from 1 February 2024. Owner: Gudrun Saltmarsh, technical manager.

## 1. The engines

Gannet Point has two main engines of the make Norrdahl, type 5L-230, with five cylinders in line, giving 1,450
kilowatts each at 850 revolutions a minute. Each drives a controllable-pitch propeller of 2.6 metres through a
gear.

Unlike Gannet Bay she has a bow and a stern, two rudders and one bow thruster of 380 kilowatts.

## 2. Limits

| What | Normal | Alarm | Stop |
| Lubricating oil pressure | 4.2 bar | 3.1 bar | 2.6 bar |
| Cooling water, out | 79 degrees | 88 degrees | 94 degrees |
| Exhaust gas, each cylinder | 385 degrees | 440 degrees | none |
| Crankcase mist | 0.2 mg/l | 1.3 mg/l | 2.5 mg/l |

## 3. Intervals

| Work | Every |
| Lubricating oil, change | 2,500 h |
| Fine fuel filters, change | 500 h |
| Injectors, test | 2,000 h |
| Valve clearance, check | 1,200 h |
| Turbocharger, wash | 75 h |
| Gear oil, sample | 1,000 h |

## 4. Setting

Valve clearance on a cold engine is 0.45 millimetres at the inlet and 0.70 millimetres at the exhaust. The opening
pressure of the injectors is 360 bar. The clamp is tightened in two steps to 110 newton metres, with copper washers
of 2.0 millimetres.

Each engine holds 720 litres of oil of grade 40, the same as on Gannet Bay.

The hydraulic tool for the cylinder head bolts is set to 820 bar on this ship. Those who come from Gannet Bay read
the number twice.

## 5. Starting

Turn the engine by hand through one revolution, blow through, close the cocks, start. The oil pressure must be
there within 12 seconds. After a stop of more than four days the prelubrication pump runs for 20 minutes first.

## 6. Known weaknesses

The rubber coupling of the starboard gear is from a batch that cracks. It is looked at every week with the mirror
and was last renewed on 3 March 2025.

The sensor of cylinder 4 on the port engine reads 15 degrees too high. A new one did not help, so the cable is
suspected.
"""

LINKSPAN = """# Kestvik linkspans: operating instructions

Owner: Magnus Bollard, harbour master, together with Havrin Line. Valid from 1 June 2025.

## 1. The two linkspans

Linkspan North serves berth 1, where Gannet Bay lies. It was rebuilt in 2018, is 22 metres long and carries 60
tonnes. Linkspan South serves berth 3, where Gannet Point lies. It is the old one of 1981, 18 metres long, and
carries 44 tonnes.

Berth 4 has only a fixed ramp, which can be used by Old Margit between 0.9 and 1.6 metres on the tide gauge.

## 2. Who may operate them

Only terminal staff with the linkspan certificate work the levers, and never alone when the wind is above 15 m/s.
The key of the cabin is number 31 in the gate office.

## 3. Working order

Lower the linkspan only when the ship has given the double flash. Leave 15 centimetres between the lip and the ramp
until the ship has stopped against the fenders. Lorries cross one at a time at walking pace.

The slope may not be steeper than 1 in 9 for lorries and 1 in 7 for cars. At extreme low water, about six days a
year, low sports cars use the planks from the green shed.

## 4. Checks

| Check | North | South |
| Wire ropes, look at | weekly | daily |
| Hydraulic oil level | weekly | weekly |
| Limit switches, test | monthly | fortnightly |
| Counterweight pit, pump out | none | weekly |
| Load test by the inspector | every 5 years | every 2 years |

The next load test of Linkspan South is on 4 February 2027. During it Line 2 uses berth 1.

## 5. If it fails

Linkspan North can be lowered by hand with the valve marked N7, which takes 25 minutes. Linkspan South is lowered
with the chain hoists and takes 70 minutes and four people. Telephone Fjell Steelworks on 0555 010 288 at any hour.

## 6. Winter

The heating of Linkspan North is switched on at plus 1 degree. Linkspan South is sanded. Salt is never used on
either, since it ruins the load cells.
"""

SAFETY_COMMITTEE = """# Safety committee, 3 September 2026

Held in the training room. Present: Nils Capstan (chair), Signe Topmast, Oda Hawser, Rolf Keelson, Dagny Bulkhead,
Lotte Fairlead, Ragna Splicer (deck), Sven Gaffer (cafés). Minutes: Ivo Barnaclough.

## 1. Incident 2026-041

The committee went through the report on Eider Sound at Tarrasund. It asks the operations manager to lower the wind
limit of the ship and to write a rule for south-easterly swell. Mr Keelson said that the fender on the dolphin had
been missing since April and that he had reported it twice. The parish of Tarrasund has promised a new fender by 1
December 2026.

## 2. Electric cars

The new notice is in force. Mrs Topmast has trained 19 of 34 car deck leaders. Mrs Bulkhead wants a second thermal
camera, at the Ollesay end, for 46,000 kroner. Agreed.

## 3. Slips and falls

There have been 17 falls this year up to the end of August, six of them in the stairwell from the car deck of
Gannet Bay. The nosings will be painted yellow, and the lamps will be left on in daylight.

## 4. Noise

In the thruster room of Gannet Point 104 decibels were measured. Double protection is compulsory there from today.

## 5. Lifejackets for babies

The committee asks for six more on Little Auk. Mrs Fairlead has ordered them; they cost 640 kroner each.

## 6. Good catch of the quarter

The prize, a cake, goes to Sven Gaffer, who smelt a hot cable behind the waffle iron.

## 7. Next meeting

3 December 2026. On the agenda: breathing apparatus, night signs, and whether drills may be held with music.
"""

SALARY_REVIEW = """# Salary review, autumn 2026

Confidential, people department only. Written by Tove Anchorhold on 9 November 2026.

## Background

The union asks for 5.0 per cent from 1 April 2027. The board has given the people department a mandate of up to 4.1
per cent, which must not be known outside this department before the talks on 19 January 2027.

## Persons

Ditte Marlowind moves from grade 2 to grade 3 on 1 January 2027 because she now leads the claims desk. Birk Scuttle
keeps his pay during his gradual return until 15 December.

Kasper Windlass receives a retention bonus of 60,000 kroner if he stays until 30 June 2028.

## Equal pay

Women in grades 4 to 6 earn on average 97.4 per cent of what men earn in the same grades. The difference comes from
years of service. At the last review it was 95.8 per cent.

## Recruiting

There were 11 applicants for the two posts of second engineer. Three of them withdrew because of the housing
shortage on Ollesay. The department proposes to rent four flats at Net Loft Court for 38,000 kroner a month
together.
"""

DOCX: dict[str, tuple[str, str]] = {
    "handbook/sickness.docx": (
        SICKNESS,
        'title = "Employee handbook, chapter 8: When you are ill"\nvalid_from = "2026-01-01"\n',
    ),
    "fares/islander-card.docx": (ISLANDER, 'title = "The Islander Card"\nvalid_from = "2026-01-01"\n'),
    "manual/gannet-point-engine.docx": (
        POINT_ENGINE,
        'title = "MV Gannet Point: main engines, working instructions"\nvalid_from = "2024-02-01"\n',
    ),
    "manual/linkspan-kestvik.docx": (
        LINKSPAN,
        'title = "Kestvik linkspans: operating instructions"\nvalid_from = "2025-06-01"\n',
    ),
    "minutes/safety-committee-2026-09-03.docx": (
        SAFETY_COMMITTEE,
        'title = "Safety committee, 3 September 2026"\nvalid_from = "2026-09-03"\n',
    ),
    "hr-restricted/salary-review-2026.docx": (
        SALARY_REVIEW,
        'title = "Salary review, autumn 2026"\nvalid_from = "2026-11-09"\nlabels = ["hr"]\n',
    ),
}


def add_table(document, lines: list[str]) -> None:
    """Append a table whose first line is the head."""
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    table = document.add_table(rows=0, cols=len(cells[0]))
    table.style = "Table Grid"
    for row in cells:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def make(path: Path, text: str) -> None:
    """Write one Word document from its marked-up text."""
    document = docx.Document()
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        if block.startswith("| "):
            add_table(document, lines)
        elif block.startswith("#"):
            document.add_heading(block.lstrip("# "), level=block.index(" "))
        else:
            document.add_paragraph(" ".join(lines))
    document.core_properties.author = "Havrin Line"
    document.save(path)
    freeze(path)


def main() -> None:
    """Make every Word document with its sidecar."""
    for name, (text, metadata) in DOCX.items():
        path = DOCUMENTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, text)
        sidecar(path, metadata)


if __name__ == "__main__":
    main()
