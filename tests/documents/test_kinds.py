"""Every kind of file gives its words, its units and its tables, and nothing that its author hid or took out."""

from __future__ import annotations

import importlib.util
from pathlib import Path, PurePosixPath

import pytest
from tests.documents import samples

from wellread import contracts
from wellread.documents import kinds, optional
from wellread.documents.chunk.chunk import chunk
from wellread.documents.containers.numbers import shown
from wellread.documents.media import media_type, parser_for
from wellread.documents.plugged import Parse
from wellread.documents.settings import ChunkSettings
from wellread.errors import SourceError
from wellread.types import Parsed, Table

NEEDS = {"yaml": "yaml", "yml": "yaml"}


def parse(data: bytes, name: str) -> Parsed:
    return parser_for(media_type(data, name))(data, name)


def searched(parsed: Parsed) -> str:
    passages = chunk(parsed, ChunkSettings(), lambda texts: [len(text.split()) for text in texts])
    return "\n".join(parsed.text[p.span.start : p.span.end] for p in passages)


def values(table: Table) -> dict[str, object]:
    return {cell.text: cell.value for cell in table.cells if cell.value is not None}


@pytest.mark.parametrize("name", sorted(samples.good()))
def test_a_parser_keeps_the_contract(name: str) -> None:
    suffix = PurePosixPath(name).suffix[1:]
    if suffix in NEEDS:
        pytest.importorskip(NEEDS[suffix])
    data = samples.good()[name]
    function: Parse = parser_for(media_type(data, name))
    contracts.parser(function, {name: data})


def test_every_kind_without_extra_has_a_sample() -> None:
    held = {PurePosixPath(name).suffix for name in samples.good()}
    elsewhere = {"text", "markdown", "html", "csv", "pdf", "docx", "picture", "legacy"}
    missing = [k.name for k in kinds.KINDS if k.parser not in elsewhere and not held & set(k.suffixes.split())]
    assert not missing


def test_no_end_of_a_name_belongs_to_two_kinds() -> None:
    every = [suffix for kind in (*kinds.KINDS, *kinds.REFUSED) for suffix in kind.suffixes.split()]
    assert len(every) == len(set(every))
    types = [kind.media_type for kind in kinds.KINDS]
    assert len(types) == len(set(types))
    for kind in kinds.KINDS:
        assert importlib.util.find_spec(f"wellread.documents.parsers.{kind.parser}"), kind.name


# sheets


def test_a_sheet_is_read_as_people_see_it() -> None:
    parsed = parse(samples.fares(), "fares.xlsx")
    [table] = [t for t in parsed.tables if not parsed.blocks[t.block].hidden]
    assert table.caption == "Fares 2026"
    assert (table.origin, table.head_rows) == ((1, 1), 1)
    assert values(table) == {
        "1,234.50 kr": 1234.5,
        "2026-01-01": "2026-01-01",
        "7.50%": 0.075,
        "2026-01-02": "2026-01-02",
        "1234.575": 1234.575,
    }
    flags = {cell.text: cell.flags for cell in table.cells}
    assert flags["1234.575"] == {"formula", "total"}
    assert flags["=C6*2"] == {"formula", "uncertain"}
    assert {cell.text: cell.unit for cell in table.cells}["7.50%"] == "%"
    assert "C3: Oda: agreed in May" in parsed.text


def test_what_a_sheet_hides_is_kept_and_not_searched() -> None:
    parsed = parse(samples.fares(), "fares.xlsx")
    assert [(unit.label, unit.hidden) for unit in parsed.units] == [("Fares", False), ("Old", True)]
    assert "Secretport" in parsed.text and "Vaultword" in parsed.text
    assert "Secretport" not in searched(parsed) and "Vaultword" not in searched(parsed)
    assert "Kestvik | 7.50%" in searched(parsed)


def test_tables_of_a_sheet_are_parted_at_blank_rows_and_columns() -> None:
    cell = samples.text_cell
    rows = (
        f'<row r="1">{cell("A1", "Port")}<c r="B1"><v>1</v></c>{cell("E1", "Ship")}<c r="F1"><v>5</v></c></row>'
        f'<row r="2">{cell("A2", "Skerry")}<c r="B2"><v>2</v></c>{cell("E2", "Auk")}<c r="F2"><v>6</v></c></row>'
        f'<row r="9">{cell("A9", "Dogs")}<c r="B9"><v>3</v></c></row>'
        f'<row r="10">{cell("A10", "Cats")}<c r="B10"><v>4</v></c></row>'
    )
    parsed = parse(samples.xlsx(rows), "fares.xlsx")
    assert [table.origin for table in parsed.tables] == [(0, 0), (0, 4), (8, 0)]


def test_a_sheet_of_strict_office_is_read_too() -> None:
    data = samples.xlsx(f'<row r="1">{samples.text_cell("A1", "Skerry")}</row>')
    strict = data  # the same parts, under the other namespace
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    strict = samples.zipped(
        {n: d.replace(samples.S.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main") for n, d in parts.items()}
    )
    assert "Skerry" in parse(strict, "fares.xlsx").text


@pytest.mark.parametrize(
    ("value", "code", "text", "kind"),
    [
        (45292, "yyyy-mm-dd", "2024-01-01", "date"),
        (45292.75, 'd" "mmm" "yyyy h:mm', "1 Jan 2024 18:00", "date"),
        (59, "yyyy-mm-dd", "1900-02-28", "date"),
        (61, "yyyy-mm-dd", "1900-03-01", "date"),
        (0.5, "h:mm AM/PM", "12:00 PM", "time"),
        (1.5, "[h]:mm", "36:00", "number"),
        (-12.5, "#,##0.0;(#,##0.0)", "(12.5)", "number"),
        (1234567, '#,##0,"k"', "1,235k", "number"),
        (7, "000", "007", "number"),
        (0.1 + 0.2, "General", "0.3", "number"),
        (1e20, "General", "1e+20", "number"),
        (12345, "0.00E+00", "1.23E+04", "number"),
    ],
)
def test_a_number_is_shown_by_its_format(value: float, code: str, text: str, kind: str) -> None:
    shown_text, said = shown(value, code)
    assert (shown_text, said.kind) == (text, kind)


def test_dates_count_from_1904_where_the_workbook_says_so() -> None:
    assert shown(0, "yyyy-mm-dd", from_1904=True)[0] == "1904-01-01"
    rows = '<row r="1"><c r="A1" s="0"><v>1</v></c><c r="B1" s="0"><v>2</v></c></row>'
    styles = '<cellXfs><xf numFmtId="14"/></cellXfs>'
    parsed = parse(samples.xlsx(rows, styles=styles, book='<workbookPr date1904="1"/>'), "a.xlsx")
    assert "1904-01-02 | 1904-01-03" in parsed.text


def test_empty_cells_repeated_a_million_times_cost_nothing() -> None:
    parsed = parse(samples.ods(), "shares.ods")
    assert values(parsed.tables[0]) == {"7.5 %": 0.075}
    assert "Vaultword" in parsed.text and "Vaultword" not in searched(parsed)
    sparse = samples.xlsx(f'<row r="1048576">{samples.text_cell("XFD1048576", "corner")}</row>')
    assert parse(sparse, "a.xlsx").text.endswith("corner")


# slides, texts, books


def test_a_slide_has_its_title_first_then_shapes_then_notes() -> None:
    parsed = parse(samples.pptx(), "week.pptx")
    first = [(b.kind, parsed.text[b.span.start : b.span.end]) for b in parsed.blocks if b.page == 1]
    assert first == [
        ("heading", "Safety week"),
        ("list", "- Row one\n- Row two"),
        ("table", "Both\nSkerry | 12"),
        ("note", "Say hello first"),
    ]
    assert parsed.tables[0].cells[0].col_span == 2
    assert [unit.hidden for unit in parsed.units] == [False, True, False]
    assert parsed.metadata["units_not_read"] == "3"
    assert "Hiddenword" not in searched(parsed)


def test_an_open_document_text_keeps_notes_and_comments_and_drops_deletions() -> None:
    parsed = parse(samples.odt(), "rules.odt")
    assert [b.kind for b in parsed.blocks] == ["heading", "paragraph", "list", "table", "note", "note"]
    assert "Dogs  travel free." in parsed.text and "- leash\n  - short" in parsed.text
    assert "Oda: check this" in parsed.text and "Not on Sundays." in parsed.text
    assert "Goneword" not in parsed.text
    assert parsed.tables[0].head_rows == 1


def test_a_presentation_of_open_document_has_title_body_and_notes() -> None:
    parsed = parse(samples.odp(), "week.odp")
    assert parsed.text.split("\n\n") == ["Safety week", "Body words", "Say hello"]


def test_a_book_follows_its_spine_and_reads_each_item_once() -> None:
    parsed = parse(samples.epub(), "tides.epub")
    assert parsed.text.split("\n\n") == ["Ebb", "The sea goes out.", "Flood", "The sea comes in."]
    assert [unit.label for unit in parsed.units] == ["Ebb", "Flood"]
    assert (parsed.title, parsed.metadata["author"]) == ("Tides", "Oda")


def test_headers_and_asides_of_a_book_are_text() -> None:
    chapter = "<html><body><header><p>A girl was led away.</p></header><p>Verse.</p><aside>Noted.</aside></body></html>"
    parsed = parse(samples.epub(**{"OPS/a.xhtml": chapter}), "tides.epub")
    assert "A girl was led away." in parsed.text and "Noted." in parsed.text


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("a/fares.pdf", "page 3"),
        ("a/fares.xlsx", "sheet 3"),
        ("a.eml!/week.pptx", "slide 3"),
        ("tides.ipynb", "cell 3"),
        ("https://example.org/x.pdf?a=b.c", "page 3"),
        ("reply.eml", ""),
        ("no-end", "page 3"),
    ],
)
def test_a_place_is_named_as_people_name_it(uri: str, place: str) -> None:
    assert kinds.place_in(uri, 3) == place
    assert kinds.place_in(uri, None) == ""


def test_a_book_locked_by_drm_is_refused_by_name() -> None:
    locked = samples.epub(
        **{
            "META-INF/encryption.xml": '<encryption><EncryptionMethod Algorithm="http://example.org/adept"/></encryption>'
        }
    )
    with pytest.raises(SourceError, match="locked by DRM") as caught:
        parse(locked, "tides.epub")
    assert caught.value.kind == "encrypted"


def test_rtf_gives_letters_headings_and_tables_and_no_hidden_text() -> None:
    parsed = parse(samples.RTF, "tides.rtf")
    assert parsed.text.split("\n\n") == ["Ebb", "The séa goes „out“.", "Port | Fare\nSkerry | 12", "After."]
    assert parsed.title == "Tides"
    assert parsed.blocks[0].level == 1


# mail


def test_a_mail_tells_who_wrote_and_keeps_what_others_wrote_apart() -> None:
    parsed = parse(samples.mail(), "reply.eml")
    assert parsed.title == "Re: Bow ramp"
    assert parsed.metadata["thread"] == "<0@example.org>"
    assert parsed.metadata["date"] == "2026-08-17T09:05:00+02:00"
    assert "18,400" in parsed.text and "18,400" not in searched(parsed)
    assert "Gudrun, deck" in searched(parsed)
    assert "From: Gudrun <g@example.org>" in searched(parsed)


@pytest.mark.parametrize(
    "history",
    [
        "On Mon, 3 Aug 2026 at 10:00, Rolf Keelson\n<r@example.org> wrote:\n\n> Strangeword",
        "-----Original Message-----\nFrom: Rolf\nSent: Monday\n\nStrangeword",
        "From: Rolf\nSent: Monday\nTo: Gudrun\n\nStrangeword",
        "Am 03.08.2026 um 10:00 schrieb Rolf:\n> Strangeword",
        "________________________________\nVon: Rolf\nGesendet: Montag\n\nStrangeword",
        "> Strangeword\n> more",
    ],
)
def test_what_a_mail_quotes_is_never_its_sender_s(history: str) -> None:
    parsed = parse(samples.mail(f"My own words.\n\n{history}\n"), "reply.eml")
    assert "Strangeword" in parsed.text
    assert "Strangeword" not in searched(parsed) and "My own words." in searched(parsed)


def test_answers_between_quoted_lines_stay_the_sender_s() -> None:
    parsed = parse(samples.mail("> May I?\n\nYes, you may.\n\n> And when?\n\nOn Sunday.\n"), "reply.eml")
    assert "Yes, you may." in searched(parsed) and "On Sunday." in searched(parsed)
    assert "And when?" not in searched(parsed)


def test_a_mail_in_utf_16_or_cut_from_a_mailbox_keeps_its_headers() -> None:
    plain = samples.mail()
    for data in (plain.decode().encode("utf-16"), plain.decode().encode("utf-16-be"), b"From x@y Mon Mar 17\n" + plain):
        assert parse(data, "reply.eml").metadata["from"] == "Gudrun <g@example.org>"


def test_attachments_are_parts_with_names_of_their_own() -> None:
    attached = {"a.md": b"# A", "b.md": b"# B"}
    parsed = parse(samples.mail(attached=attached), "reply.eml")
    assert [(part.name, part.data) for part in parsed.parts] == [("a.md", b"# A"), ("b.md", b"# B")]


def test_a_mailbox_is_its_messages() -> None:
    parsed = parse(samples.MBOX, "box.mbox")
    assert [part.name for part in parsed.parts] == ["00001.eml", "00002.eml"]
    assert b"\nFrom here on." in parsed.parts[0].data
    assert "00002.eml Two" in parsed.text


# data, code, notebooks, subtitles


def test_like_objects_are_a_table_and_the_rest_lines_of_path_and_value() -> None:
    for name in ("fares.json", "fares.yaml"):
        if name.endswith("yaml"):
            pytest.importorskip("yaml")
        parsed = parse(samples.good()[name], name)
        assert "$.season.from: May" in parsed.text
        assert [cell.text for cell in parsed.tables[0].cells][:2] == ["port", "fare"]
        assert parsed.tables[0].head_rows == 1
        assert parsed.tables[0].caption == "$.lines"


def test_xml_gives_repeated_elements_as_a_table_and_mixed_text_whole() -> None:
    parsed = parse(samples.XML, "fares.xml")
    assert "$.fares.note: Free dogs." in parsed.text
    assert "port | fare\nSkerry | 12\nKestvik | 9" in parsed.text


def test_aliases_and_entities_are_refused() -> None:
    pytest.importorskip("yaml")
    with pytest.raises(SourceError, match="aliases"):
        parse(b"a: &x [1, 2]\nb: *x\n", "a.yaml")
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    with pytest.raises(SourceError, match="entities"):
        parse(bomb, "a.xml")
    beside = b'<!DOCTYPE a [<!ENTITY pic SYSTEM "p.tif" NDATA TIF>]><a>words</a>'
    assert "words" in parse(beside, "a.xml").text


def test_data_that_is_nested_beyond_all_use_is_broken_and_no_crash() -> None:
    for name, data in (
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"a":' * 300 + b"1" + b"}" * 300),
        ("a.xml", b"<a>" * 5000),
    ):
        with pytest.raises(SourceError) as caught:
            parse(data, name)
        assert caught.value.kind == "broken"


def test_functions_and_classes_are_blocks_with_their_comments() -> None:
    parsed = parse(samples.CODE, "tides.py")
    blocks = [parsed.text[b.span.start : b.span.end] for b in parsed.blocks]
    assert blocks[1].startswith("# how high\n@cached\ndef height") and blocks[1].endswith("math.sin(day)")
    assert blocks[2].startswith("class Pier:")
    assert parsed.metadata["programming_language"] == "python"


def test_code_of_other_languages_is_cut_between_functions() -> None:
    parsed = parse(b"int a() {\n\n  return 1;\n\n}\n\nint b() {\n  return 2;\n}\n", "a.c")
    assert [parsed.text[b.span.start : b.span.end][:7] for b in parsed.blocks] == ["int a()", "int b()"]


def test_a_notebook_has_a_unit_a_cell_and_no_base64() -> None:
    parsed = parse(samples.notebook(), "tides.ipynb")
    assert [unit.kind for unit in parsed.units] == ["cell", "cell"]
    assert "42" in parsed.text and "aGVsbG8" not in parsed.text and "[31m" not in parsed.text
    assert len(parsed.images) == 1


def test_subtitles_have_times_and_say_a_rolling_line_once() -> None:
    parsed = parse(samples.SRT, "film.srt")
    assert [(parsed.text[b.span.start : b.span.end], b.ms) for b in parsed.blocks] == [
        ("Cast off the lines.", (1500, 4000)),
        ("Slow ahead.", (62_000, 63_250)),
    ]
    parsed = parse(samples.VTT, "film.vtt")
    assert parsed.text == "Oda: Cast off.\n\nStop."
    assert [unit.label for unit in parsed.units] == ["0:00", "1:00:00"]


# archives and what is refused


def test_an_archive_is_a_folder_whose_entries_cannot_leave_it() -> None:
    for name in ("pack.zip", "pack.tar", "pack.tar.gz"):
        parsed = parse(samples.good()[name], name)
        assert [part.name for part in parsed.parts] == ["fares.md", "up.txt"]
    assert [p.name for p in parse(samples.good()["one.txt.gz"], "one.txt.gz").parts] == ["one.txt"]


def test_an_archive_that_grows_beyond_measure_is_refused() -> None:
    import gzip

    bomb = samples.zipped({"a.txt": b"0" * (50 << 20)})
    for name, data in (("a.zip", bomb), ("a.gz", gzip.compress(b"0" * (50 << 20))), ("a.xlsx", bomb)):
        with pytest.raises(SourceError) as caught:
            parse(data, name)
        assert caught.value.kind == "too-large"


@pytest.mark.parametrize("kind", kinds.REFUSED)
def test_a_refused_kind_is_named_with_its_cure(kind: kinds.RefusedKind) -> None:
    suffix = kind.suffixes.split()[0]
    with pytest.raises(SourceError, match="is not read; ") as caught:
        media_type(b"\0" * 64, f"a{suffix}")
    assert caught.value.kind == "unknown-type"
    assert kind.cure in str(caught.value)


def test_a_newer_file_under_an_older_name_goes_by_its_content() -> None:
    assert media_type(samples.fares(), "fares.xls") == kinds.TYPES[".xlsx"]


@pytest.mark.parametrize(
    ("name", "extra"), [("a.png", "ocr"), ("a.xls", "legacy"), ("a.msg", "legacy"), ("a.yaml", "yaml")]
)
def test_a_reader_that_is_not_installed_is_named(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder says that nothing is there, as on a machine without the extra."""
    found = importlib.util.find_spec
    away = {module for packages in optional.PACKAGES.values() for module in packages.values()}
    for module in ("wellread.documents.ocr", "wellread.documents.parsers.legacy", "wellread.documents.parsers.data"):
        loaded = importlib.import_module(module)
        monkeypatch.setattr(loaded, "find_spec", lambda name: None if name in away else found(name))
    heads = {"a.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "a.yaml": b"a: 1"}
    with pytest.raises(SourceError, match=rf"install wellread\[{extra}\]") as caught:
        parse(heads.get(name, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600), name)
    assert caught.value.kind == "extra"


def test_a_file_that_waits_for_an_extra_is_read_again_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    here = optional.mark("a.png")
    monkeypatch.setattr(optional, "versions", lambda extra: "")
    assert optional.mark("a.png") != here or not importlib.util.find_spec("faster_paddle")
    assert optional.mark("a.md") == ""
    assert Path("a.zip").suffix and optional.mark("a.zip").startswith("+")
