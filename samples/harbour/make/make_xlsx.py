"""Make the workbooks: freight rates, next summer's draft timetable of Line 5, and a week's crew roster."""

from datetime import datetime
from pathlib import Path

import openpyxl
from fixed_zip import DOCUMENTS, freeze, sidecar
from openpyxl.styles import Font

Rows = list[list[str | int | float | None]]

FREIGHT: dict[str, Rows] = {
    "Lorries": [
        ["Freight rates 2026, kroner per metre begun, single journey, valid 1 January to 31 December 2026"],
        ["Line", "Crossing", "Lorry, loaded", "Lorry, empty", "Bus", "Unaccompanied trailer"],
        [1, "Kestvik to Ollesay", 96, 61, 74, 83],
        [2, "Kestvik to Brannholm", 131, 84, 102, 117],
        [3, "Ollesay to Tarrasund", 57, 36, 44, 49],
        [5, "Brannholm to Sutherskerry", 72, 46, 58, None],
    ],
    "Supplements": [
        ["Supplement", "Kroner", "Remark"],
        ["Refrigerated lorry plugged in", 190, "per crossing, sockets on Gannet Bay and Gannet Point"],
        ["Wider than 2.60 m", 480, "book three days ahead"],
        ["Dangerous goods", 650, "Tuesdays at 12:15 only"],
        ["Live animals", 145, "first departure of the day"],
        ["Weighing at Kestvik", 85, "paid also when the weight was right"],
    ],
    "Parcels": [
        ["Weight up to kg", "Price", "Refrigerated"],
        [5, 42, 60],
        [10, 58, 82],
        [20, 79, 112],
        [30, 105, 148],
    ],
}

LINE_5: dict[str, Rows] = {
    "Draft 2027": [
        ["Line 5, Brannholm to Sutherskerry, draft for 2027, not yet approved"],
        ["From Brannholm", "From Sutherskerry", "Days", "Ship"],
        ["08:50", "09:40", "daily", "Old Margit"],
        ["11:05", "11:55", "daily", "Old Margit"],
        ["14:40", "15:30", "not Wednesdays", "Old Margit"],
        ["17:20", "18:10", "daily", "Old Margit"],
        ["20:00", "20:45", "Fridays in July", "Old Margit"],
    ],
    "Remarks": [
        ["Remark"],
        ["The season is to begin on 24 April 2027, a week earlier than the law of the parish asks."],
        ["The evening departure was asked for by the chapel, which holds concerts on Fridays."],
    ],
}

ROSTER: dict[str, Rows] = {
    "Week 48": [
        ["Roster for week 48, 23 to 29 November 2026"],
        ["Ship", "Watch", "Master", "Chief engineer", "Crew on board"],
        ["Gannet Bay", "red", "Sigrun Leadline", "Dagny Bulkhead", 14],
        ["Gannet Point", "blue", "Embrik Sextant", "Vidar Piston", 11],
        ["Eider Sound", "day", "Yngve Tidemark", "Rolf Keelson", 6],
        ["Little Auk", "early", "Oda Hawser", "Liv Coil", 4],
        ["Sandpiper", "day", "Arne Tiller", None, 2],
    ],
    "Standby": [
        ["Day", "Duty officer ashore", "Relief mate"],
        ["Monday", "Jorun Netherby", "Torvald Grommet"],
        ["Tuesday", "Jorun Netherby", "Torvald Grommet"],
        ["Wednesday", "Nils Capstan", "Idunn Bobstay"],
        ["Thursday", "Nils Capstan", "Idunn Bobstay"],
        ["Friday", "Kasper Windlass", "Idunn Bobstay"],
        ["Saturday", "Signe Topmast", "Torvald Grommet"],
        ["Sunday", "Signe Topmast", "Torvald Grommet"],
    ],
}

XLSX: dict[str, tuple[dict[str, Rows], str]] = {
    "fares/freight-rates-2026.xlsx": (
        FREIGHT,
        'title = "Freight rates 2026"\nvalid_from = "2026-01-01"\nvalid_until = "2026-12-31"\n',
    ),
    "fares/timetable-line-5-2027-draft.xlsx": (
        LINE_5,
        'title = "Line 5, draft timetable 2027"\nvalid_from = "2027-04-24"\n',
    ),
    "data/crew-roster-week-48.xlsx": (
        ROSTER,
        'title = "Crew roster, week 48 of 2026"\nvalid_from = "2026-11-23"\nvalid_until = "2026-11-29"\n',
    ),
}


def make(path: Path, sheets: dict[str, Rows]) -> None:
    """Write one workbook, a sheet for each table, with the head in bold."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        head = 2 if len(rows[0]) == 1 and len(rows[1]) > 1 else 1  # row 1 may be a caption
        for cell in sheet[head]:
            cell.font = Font(bold=True)
        sheet.column_dimensions["B"].width = 28
    book.properties.creator = "Havrin Line"
    book.properties.created = datetime(2026, 11, 21, 9, 0, 0)
    book.save(path)
    freeze(path)


def main() -> None:
    """Make every workbook with its sidecar."""
    for name, (sheets, metadata) in XLSX.items():
        path = DOCUMENTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, sheets)
        sidecar(path, metadata)


if __name__ == "__main__":
    main()
