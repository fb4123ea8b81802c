"""Office files are zip archives that carry the time of writing; this takes the clock out of them."""

import re
import zipfile
from pathlib import Path

STAMP = (2026, 11, 21, 9, 0, 0)
STAMP_XML = b"2026-11-21T09:00:00Z"
DOCUMENTS = Path(__file__).resolve().parent.parent / "documents"


def freeze(path: Path) -> None:
    """Rewrite the archive at `path` so that the same content always gives the same bytes."""
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _without_clock(name, content))


def _without_clock(name: str, content: bytes) -> bytes:
    """The member's content, with the times in the core properties replaced by the fixed one."""
    if name != "docProps/core.xml":
        return content
    return re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + STAMP_XML, content)


def sidecar(path: Path, text: str) -> None:
    """Write the metadata file that stands beside a document without front matter."""
    path.with_name(path.name + ".meta.toml").write_text(text, encoding="utf-8")
