"""The table of kinds: which files are read, by what, as which units, what of them is not, and how they are cited.

``docs/reference/formats.md`` is made from it, and ``media`` looks up here what the end of a name promises.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

wrapping = Literal["text", "zip", "ole", "pdf", "rtf", "picture", "archive"]
_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: ends of names, media type, the module of ``parsers`` that reads it, and what a user gets."""

    name: str
    suffixes: str
    media_type: str
    parser: str
    wrapping: wrapping
    unit: str
    read: str
    not_read: str
    citation: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class RefusedKind:
    """A kind that is not read, by its name, with the cure."""

    name: str
    suffixes: str
    cure: str


_NONE = "–"
_FLOWING = "heading path"
KINDS: tuple[Kind, ...] = (
    Kind(
        "text", ".txt .text .log .rst .adoc .asciidoc .org", "text/plain", "text", "text", _NONE,
        "paragraphs; encoding by mark, UTF-8, then statistics", "–", "title",
    ),
    Kind(
        "Markdown", ".md .markdown", "text/markdown", "markdown", "text", _NONE, "as written", "front matter", _FLOWING,
    ),
    Kind(
        "HTML", ".html .htm .xhtml", "text/html", "html", "text", _NONE,
        "what a reader of the page sees: headings, lists, tables with their spans",
        "menus, banners, scripts; text that a style conceals (counted)", _FLOWING,
    ),
    Kind(
        "CSV", ".csv", "text/csv", "csv", "text", _NONE, "a table; delimiter and head found", "–", "row of the table",
    ),
    Kind("TSV", ".tsv", "text/tab-separated-values", "csv", "text", _NONE, "like CSV", "–", "row of the table"),
    Kind(
        "PDF", ".pdf", "application/pdf", "pdf", "pdf", "page",
        "text in reading order, headings, tables, form values; scanned pages by OCR",
        "pages without text layer where the extra is missing (listed)", "p. 7", "ocr for scans",
    ),
    Kind(
        "Word", ".docx .docm", _OOXML + "wordprocessingml.document", "docx", "zip", _NONE,
        "headings, lists, tables, notes", "pictures", _FLOWING,
    ),
    Kind(
        "Excel", ".xlsx .xlsm .xltx", _OOXML + "spreadsheetml.sheet", "xlsx", "zip", "sheet",
        "tables with merges, values as shown (dates, %, currency), cached values of formulas, comments",
        "pictures, charts, macros; hidden sheets, rows and columns are kept and not searched", "«Fares» B4:D4",
    ),
    Kind(
        "PowerPoint", ".pptx .ppsx .pptm", _OOXML + "presentationml.presentation", "pptx", "zip", "slide",
        "title, shapes in order, tables, numbers of charts, speaker notes, comments, words for pictures",
        "text inside of pictures, animations", "slide 12; slide 12, notes",
    ),
    Kind(
        "OpenDocument text", ".odt .ott", _ODF + "text", "odf", "zip", _NONE,
        "headings, lists, tables, boxes, notes, comments", "what was deleted with changes tracked", _FLOWING,
    ),
    Kind(
        "OpenDocument sheet", ".ods .ots", _ODF + "spreadsheet", "odf", "zip", "sheet",
        "like Excel", "pictures; hidden sheets and rows are kept and not searched", "«Fares» B4:D4",
    ),
    Kind(
        "OpenDocument slides", ".odp .otp", _ODF + "presentation", "odf", "zip", "slide",
        "like PowerPoint", "text inside of pictures", "slide 12",
    ),
    Kind(
        "EPUB", ".epub", "application/epub+zip", "epub", "zip", "chapter", "the spine, each item once",
        "books locked by DRM (refused)", "chapter 3",
    ),
    Kind(
        "mail", ".eml", "message/rfc822", "mail", "text", "message",
        "subject, people, date, body; attachments are documents of their own; threads by References",
        "what it quotes is kept and not searched; encrypted bodies", "message of 14 Aug 2026",
    ),
    Kind(
        "mailbox", ".mbox", "application/mbox", "mbox", "text", "entry", "every message as a document", "–",
        "mbox!/00012.eml",
    ),
    Kind(
        "notebook", ".ipynb", "application/x-ipynb+json", "notebook", "text", "cell",
        "Markdown, code, text outputs", "pictures among the outputs", "cell 7",
    ),
    Kind(
        "JSON", ".json .geojson", "application/json", "data", "text", _NONE,
        "arrays of like objects as tables, else lines of path and value", "–", "$.lines[3].fare",
    ),
    Kind(
        "JSON lines", ".jsonl .ndjson", "application/jsonl", "data", "text", _NONE, "like JSON", "–",
        "row of the table",
    ),
    Kind("TOML", ".toml", "application/toml", "data", "text", _NONE, "like JSON", "–", "$.fares.adult"),
    Kind(
        "YAML", ".yaml .yml", "application/yaml", "data", "text", _NONE, "like JSON", "files with aliases (refused)",
        "$.fares.adult", "yaml",
    ),
    Kind(
        "XML", ".xml .rss .atom .nxml .xsd", "application/xml", "data", "text", _NONE, "like JSON",
        "files with entities of their own (refused)", "$.feed.entry",
    ),
    Kind(
        "source code",
        ".py .pyi .js .mjs .jsx .ts .tsx .java .c .h .cpp .hpp .cc .cs .go .rs .rb .php .swift .kt .scala .sh .bash "
        ".ps1 .sql .r .lua .pl .css .scss .ini .cfg .conf .properties .bat .tex",
        "text/x-code", "code", "text", _NONE, "functions and classes as blocks", "files above 2 MB", "path:12–40",
    ),
    Kind(
        "subtitles", ".srt .vtt", "text/vtt", "subtitles", "text", "time", "what is said, a minute a paragraph", "–",
        "12:34–12:51",
    ),
    Kind("RTF", ".rtf", "application/rtf", "rtf", "rtf", _NONE, "paragraphs, headings, tables", "pictures", _FLOWING),
    Kind(
        "archive", ".zip .tar .gz .tgz .bz2 .tbz2 .xz .txz", "application/zip", "archive", "archive", "entry",
        "every entry as a document, three deep at most", "what is packed beyond a ratio of 100 (refused)",
        "docs.zip!/fares.md",
    ),
    Kind(
        "picture", ".png .jpg .jpeg .gif .bmp .tif .tiff .webp", "image/png", "picture", "picture", "frame",
        "the text in it, line by line with confidence; Latin, Chinese, Japanese",
        "other scripts and handwriting (told)",
        "read by OCR", "ocr",
    ),
    Kind(
        "old Excel", ".xls .xlsb", "application/vnd.ms-excel", "legacy", "ole", "sheet", "like Excel",
        "comments, formulas, number formats other than dates",
        "«Fares» B4:D4", "legacy",
    ),
    Kind(
        "old Word", ".doc", "application/msword", "legacy", "ole", _NONE, "paragraphs, rows of tables",
        "headings, notes", "title", "legacy",
    ),
    Kind(
        "old PowerPoint", ".ppt .pps", "application/vnd.ms-powerpoint", "legacy", "ole", "slide",
        "titles, texts, notes",
        "tables, charts", "slide 12", "legacy",
    ),
    Kind(
        "Outlook message", ".msg", "application/vnd.ms-outlook", "legacy", "ole", "message",
        "like mail; the body also where only compressed RTF is stored", "messages attached to messages",
        "message of 14 Aug 2026", "legacy",
    ),
)  # fmt: skip
REFUSED: tuple[RefusedKind, ...] = (
    RefusedKind("an Outlook mailbox (PST)", ".pst .ost", "export its folders as EML or MBOX"),
    RefusedKind("a 7z archive", ".7z", "unpack it, or pack it as ZIP"),
    RefusedKind("a RAR archive", ".rar", "unpack it, or pack it as ZIP"),
    RefusedKind("an Apple iWork document", ".pages .numbers .key", "export it as PDF or in an Office format"),
    RefusedKind("sound", ".mp3 .wav .m4a .ogg .flac", "add its transcript or subtitles"),
    RefusedKind("film", ".mp4 .mov .mkv .avi .webm", "add its subtitles (SRT or VTT)"),
    RefusedKind("a HEIC picture", ".heic .heif", "save it as JPEG or PNG"),
    RefusedKind("a drawing", ".svg .odg .vsdx .dwg", "export it as PDF"),
    RefusedKind("a database", ".db .sqlite .mdb .accdb", "export its tables as CSV"),
    RefusedKind("a book locked for Kindle", ".azw .azw3 .mobi", "get it as EPUB without DRM"),
)
TYPES: dict[str, str] = {suffix: kind.media_type for kind in KINDS for suffix in kind.suffixes.split()}
BY_SUFFIX: dict[str, Kind] = {suffix: kind for kind in KINDS for suffix in kind.suffixes.split()}
BY_TYPE: dict[str, Kind] = {kind.media_type: kind for kind in KINDS}
CURES: dict[str, RefusedKind] = {suffix: refused for refused in REFUSED for suffix in refused.suffixes.split()}
RENAMED = {".xls": ".xlsx", ".doc": ".docx", ".ppt": ".pptx", ".pps": ".pptx"}  # newer files under an older name
_COUNTED = frozenset({"page", "sheet", "slide", "chapter", "cell"})  # what people name by number


def kind_of(uri: str) -> Kind | None:
    """The kind that the end of an address promises; None for one that is not read."""
    return BY_SUFFIX.get(PurePosixPath(uri.split("?", 1)[0]).suffix.lower())


def place_in(uri: str, unit: int | None) -> str:
    """A unit of a document in words («slide 12»), by the kind of its file; "" where people would not count it."""
    if unit is None:
        return ""
    kind = kind_of(uri)
    word = kind.unit if kind is not None and kind.unit != _NONE else "page"
    return f"{word} {unit}" if word in _COUNTED else ""
