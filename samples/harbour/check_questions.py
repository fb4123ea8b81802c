"""Check questions.jsonl against the documents: `python check_questions.py`.

Needs pypdfium2 for the PDF documents. A picture has no text to compare with, so for a picture the typed report in
make/make_png.py is compared. Prints the number of questions of each kind; exits 1 with every fault listed.
"""

import html
import json
import re
import sys
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE / "documents"
AT_LEAST = {
    "fact": 60,
    "table": 15,
    "comparison": 10,
    "summary": 8,
    "hops": 12,
    "freshness": 12,
    "unanswerable": 30,
    "restricted": 6,
    "other-format": 8,
}
OFFICE_PARTS = re.compile(r"(word/document|xl/sharedStrings|xl/worksheets/|ppt/slides/slide|ppt/notesSlides/).*")


def plain(text: str) -> str:
    """The text in lower case with every run of blanks made one."""
    return " ".join(text.casefold().split())


def markup_text(source: str) -> str:
    """What a reader sees of HTML: without scripts, styles and tags."""
    source = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", source)
    return html.unescape(re.sub(r"<[^>]+>", " ", source))


def office_text(path: Path) -> str:
    """The text of a Word, Excel or PowerPoint file; the runs of a paragraph are joined without a blank."""
    with zipfile.ZipFile(path) as archive:
        parts = [archive.read(name).decode() for name in archive.namelist() if OFFICE_PARTS.fullmatch(name)]
    joined = re.sub(r"</(w:p|a:p|si|c)>", "\n", "\n".join(parts))
    return html.unescape(re.sub(r"<[^>]+>", "", joined))


def pdf_text(path: Path) -> str:
    """The text layer of all pages, a line for each line of the page."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


@cache
def document_text(name: str) -> str:
    """Everything that can be quoted from the document, in the form of `plain`."""
    path = DOCUMENTS / name
    if path.suffix == ".pdf":
        return plain(pdf_text(path))
    if path.suffix in {".docx", ".xlsx", ".pptx"}:
        return plain(office_text(path))
    if path.suffix == ".png":
        return plain((HERE / "make/make_png.py").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    return plain(markup_text(text) if path.suffix == ".html" else text)


def is_other(item: dict) -> bool:
    """Whether the evidence stands in a format that only other-format questions rest on."""
    return Path(item["document"]).suffix in {".xlsx", ".pptx", ".png", ".eml"}


def evidence_faults(question: dict) -> list[str]:
    """Evidence that names no document, or quotes what is not in it."""
    faults = []
    for item in question["evidence"]:
        if not (DOCUMENTS / item["document"]).is_file():
            faults.append(f"no such document: {item['document']}")
        elif plain(item["quote"]) not in document_text(item["document"]):
            faults.append(f"not in {item['document']}: {item['quote']!r}")
        elif question["kind"] != "restricted" and item["document"].startswith("hr-restricted/"):
            faults.append(f"{item['document']} is for hr only")
    return faults


def question_faults(question: dict) -> list[str]:
    """Everything wrong with one question taken alone."""
    faults = evidence_faults(question)
    kind, answers = question["kind"], question["answers"]
    if kind not in AT_LEAST:
        faults.append(f"unknown kind {kind!r}")
    if question["answerable"] != (kind != "unanswerable"):
        faults.append("answerable does not fit the kind")
    if question["answerable"] != bool(answers) or bool(answers) != bool(question["evidence"]):
        faults.append("answers and evidence stand together, and only when answerable")
    if kind in {"fact", "table"}:
        faults += [f"{kind} may not rest on {item['document']}" for item in question["evidence"] if is_other(item)]
        quotes = plain(" ".join(item["quote"] for item in question["evidence"]))
        if not any(plain(answer) in quotes for answer in answers):
            faults.append(f"no spelling of the answer {answers} is in the quotes")
    if kind == "freshness" and not question.get("wrong"):
        faults.append("a freshness question names the superseded answer in 'wrong'")
    if kind == "restricted" and question.get("who_needed") != ["hr"]:
        faults.append("a restricted question says who_needed")
    return faults


def all_faults(questions: list[dict]) -> list[str]:
    """Faults of every question and of the set as a whole."""
    faults = [f"{question['id']}: {fault}" for question in questions for fault in question_faults(question)]
    for field in ("id", "text"):
        seen = Counter(question[field] for question in questions)
        faults += [f"{field} used {n} times: {value}" for value, n in seen.items() if n > 1]
    kinds = Counter(question["kind"] for question in questions)
    short = {kind: n for kind, n in AT_LEAST.items() if kinds[kind] < n}
    faults += [f"{kind}: {kinds[kind]} questions, at least {n} wanted" for kind, n in short.items()]
    return faults


def main() -> int:
    """Print the summary; 1 if there are faults."""
    lines = (HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    faults = all_faults(questions)
    for kind, n in sorted(Counter(question["kind"] for question in questions).items()):
        print(f"{kind:14} {n:4}")
    print(f"{'together':14} {len(questions):4}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
