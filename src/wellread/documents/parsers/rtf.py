"""RTF: paragraphs, headings by outline level, tables a cell at a time; pictures, styles and fields' codes stay out."""

from __future__ import annotations

import re

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line
from wellread.documents.tables.build import GridCell
from wellread.errors import SourceError
from wellread.types import Parsed

RTF = "application/rtf"
MAX_DEPTH = 2_000
_TOKEN = re.compile(
    r"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.I
)
_SKIPPED = frozenset(
    [
        "fonttbl",
        "colortbl",
        "stylesheet",
        "pict",
        "object",
        "themedata",
        "colorschememapping",
        "datastore",
        "latentstyles",
        "listtable",
        "listoverridetable",
        "rsidtbl",
        "generator",
        "xmlnstbl",
        "mmathPr",
        "filetbl",
        "revtbl",
        "fldinst",
        "header",
        "footer",
        "headerl",
        "headerr",
        "footerl",
        "footerr",
        "headerf",
        "footerf",
        "nonshppict",
        "bkmkstart",
        "bkmkend",
        "datafield",
        "pntext",
        "pntxta",
        "pntxtb",
        "listtext",
        "wgrffmtfilter",
        "passwordhash",
        "protusertbl",
        "operator",
        "creatim",
        "revtim",
        "printim",
        "doccomm",
        "company",
        "comment",
        "keywords",
        "category",
    ]
)
_INFO = {"title": "title", "author": "author", "subject": "subject"}
_LETTERS = {
    "par": "\n", "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’",
    "ldblquote": "“", "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "~": "\u00a0", "_": "-",
}  # fmt: skip
_CHARSETS = {
    128: "cp932", 129: "cp949", 134: "gb2312", 136: "big5", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip


class _State:
    """What holds in a group and ends with it."""

    __slots__ = ("encoding", "hidden", "info", "skip", "uc")

    def __init__(self, before: _State | None, encoding: str = "cp1252") -> None:
        self.skip: bool = before.skip if before else False
        self.hidden: bool = before.hidden if before else False
        self.uc: int = before.uc if before else 1
        self.info: str = before.info if before else ""
        self.encoding: str = before.encoding if before else encoding


class _Document:
    """Paragraphs and table rows as they come."""

    def __init__(self) -> None:
        self.assembly = Assembly()
        self.words: list[str] = []
        self.raw = bytearray()
        self.level = 0
        self.in_table = False
        self.row: list[str] = []
        self.rows: list[list[str]] = []
        self.facts: dict[str, str] = {}
        self.fonts: dict[int, str] = {}

    def paragraph(self) -> None:
        """What was read so far is one."""
        text = "".join(self.words).strip()
        self.words.clear()
        if self.in_table:
            self.words.append(text + "\n" if text else "")
            return
        self.table()
        if self.level:
            self.assembly.add("heading", one_line(text), level=self.level)
        else:
            self.assembly.add("paragraph", text)

    def cell(self) -> None:
        """A cell of a table ends."""
        self.row.append("".join(self.words).strip())
        self.words.clear()

    def end_row(self) -> None:
        """A row of a table ends."""
        self.rows.append(list(self.row))
        self.row.clear()

    def table(self) -> None:
        """The rows so far are one table."""
        if self.rows:
            cells = [GridCell(r, c, text) for r, row in enumerate(self.rows) for c, text in enumerate(row)]
            self.assembly.add_table(cells)
            self.rows.clear()


def parse(data: bytes, name: str) -> Parsed:  # noqa: PLR0912  (one branch for each kind of token)
    """Raises: SourceError (unknown-type, broken)."""
    if not data.lstrip()[:5].startswith(b"{\\rtf"):
        raise SourceError(f"{name}: named as RTF, but it does not begin as one", "unknown-type")
    text = data.decode("latin-1")
    document = _Document()
    page = re.search(r"\\ansicpg(\d{3,5})", text[:2000])
    stack = [_State(None, _codec(f"cp{page[1]}") if page else "cp1252")]
    _read_fonts(text[:200_000], document)
    fallback = 0  # letters that stand in for a \u that was read
    for found in _TOKEN.finditer(text):
        word, number, coded, symbol, brace, plain = found.groups()
        state = stack[-1]
        if brace == "{":
            stack.append(_State(state))
            if len(stack) > MAX_DEPTH:
                raise SourceError(f"{name}: is nested too deep", "broken")
        elif brace == "}":
            _decoded(document, state)
            if len(stack) > 1:
                stack.pop()
            fallback = 0
        elif word is not None:
            _decoded(document, state)
            fallback = _control(document, state, word, number) if word != "u" else _unicode(document, state, number)
        elif coded is not None:
            if fallback:
                fallback -= 1
            elif not state.skip and not state.hidden:
                document.raw.append(int(coded, 16))
        elif symbol is not None:
            _decoded(document, state)
            if symbol == "*":
                state.skip = True
            elif symbol in "\\{}":
                _put(document, state, symbol)
            elif symbol in _LETTERS:
                _put(document, state, _LETTERS[symbol])
        elif plain is not None:
            _decoded(document, state)
            _put(document, state, plain[fallback:])
            fallback = max(fallback - len(plain), 0)
    document.in_table = False
    document.paragraph()
    document.table()
    title = one_line(document.facts.pop("title", ""))
    return document.assembly.parsed(
        RTF, title, {key: one_line(value) for key, value in document.facts.items() if value.strip()}
    )


def _codec(name: str) -> str:
    try:
        b"a".decode(name)
    except LookupError:
        return "cp1252"
    return name


def _read_fonts(text: str, document: _Document) -> None:
    for font, charset in re.findall(r"\\f(\d{1,5})[^;{}]{0,80}?\\fcharset(\d{1,3})", text):
        if int(charset) in _CHARSETS:
            document.fonts[int(font)] = _CHARSETS[int(charset)]


def _decoded(document: _Document, state: _State) -> None:
    if document.raw:
        _put(document, state, document.raw.decode(state.encoding, "replace"))
        document.raw.clear()


def _put(document: _Document, state: _State, text: str) -> None:
    if state.info:
        document.facts[state.info] = document.facts.get(state.info, "") + text
    elif not state.skip and not state.hidden:
        document.words.append(text)


def _unicode(document: _Document, state: _State, number: str | None) -> int:
    code = int(number or 0)
    code += 65536 if code < 0 else 0
    if 0 < code < 0x110000:
        _put(document, state, chr(code))
        words = document.words
        if 0xDC00 <= code < 0xE000 and len(words) > 1 and 0xD800 <= ord(words[-2][-1:] or " ") < 0xDC00:
            low, high = words.pop(), words.pop()
            words.append(chr(0x10000 + ((ord(high[-1]) - 0xD800) << 10) + ord(low) - 0xDC00))
    return state.uc


def _control(  # noqa: PLR0912  (one branch for each control word)
    document: _Document, state: _State, word: str, number: str | None
) -> int:
    """Does what a control word says; the letters to leave out after it."""
    if word in _SKIPPED:
        state.skip = True
    elif word in _INFO and not state.skip:
        state.info = _INFO[word]
    elif state.skip or state.info:
        return 0
    elif word == "par":
        document.paragraph()
    elif word in ("cell", "nestcell"):
        document.cell()
    elif word in ("row", "nestrow"):
        document.end_row()
    elif word == "pard":
        document.in_table, document.level = False, 0
    elif word == "intbl":
        document.in_table = True
    elif word == "outlinelevel":
        document.level = min(int(number or 0) + 1, 6)
    elif word in ("v", "deleted"):
        state.hidden = number != "0"
    elif word == "uc":
        state.uc = min(int(number or 1), 10)
    elif word == "f":
        state.encoding = document.fonts.get(int(number or 0), state.encoding)
    elif word in _LETTERS:
        _put(document, state, _LETTERS[word])
    return 0
