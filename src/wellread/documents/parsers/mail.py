"""EML: subject, who wrote to whom and when, the body; what it quotes is kept apart, attachments are documents.

A reply's thread is the first message that it refers to. What somebody else wrote and this mail repeats stands in hidden
notes, so that nobody is credited with the words of another.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line, visible
from wellread.documents.containers.inner import add_parsed, read
from wellread.errors import SourceError
from wellread.types import Parsed, Part

EML = "message/rfc822"
MAX_PARTS, MAX_DEPTH = 1_000, 10
_HEADER = re.compile(rb"^[!-9;-~]{1,80}:[ \t]?.*$", re.MULTILINE)
_ENCRYPTED = ("application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_ENVELOPE = re.compile(rb"\AFrom [^\n]*\n")  # of a mailbox, left over
_QUOTED = re.compile(r"[ \t]*>")
_INTRODUCED = re.compile(
    r"[ \t]*(?:On\b.{4,300}\bwrote|Am\b.{4,300}\bschrieb.{0,100}|Le\b.{4,300}\ba écrit|El\b.{4,300}\bescribió|"
    r"Den\b.{4,300}\bskrev.{0,100}|Op\b.{4,300}\bschreef.{0,100}|Il\b.{4,300}\bha scritto)[ \t\xa0]*:[ \t]*$",
    re.I,
)
_ORIGINAL = re.compile(
    r"[ \t]*-{2,}[ \t]*(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine|"
    r"Original-Nachricht|Oprindelig meddelelse)[ \t]*-{2,}|[ \t]*_{20,}[ \t]*$",
    re.I,
)
_FROM = re.compile(r"[ \t]*\*?(?:From|Von|De|Fra|Från|Da|Van)\*?:[ \t]*\S.*")
_SENT = re.compile(r"[ \t]*\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Sendt|Skickat|To|An)\*?:.*")


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError (broken, too-large)."""
    message = _message(data, name)
    assembly = Assembly()
    subject = one_line(_header(message, "subject"))
    assembly.begin("message", subject)
    if subject:
        assembly.add("heading", subject, level=1)
    assembly.add("paragraph", _people(message))
    parts: list[Part] = []
    encrypted = _bodies(message, assembly, parts, name)
    facts = _facts(message)
    if encrypted:
        facts["not_read"] = "the message is encrypted; open it in a mail program and save it without encryption"
    if parts:
        facts["attachments"] = ", ".join(part.name for part in parts)[:1000]
    return assembly.parsed(EML, subject, facts, parts)


def _message(data: bytes, name: str) -> EmailMessage:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode()
    elif data[1:40:2].count(0) > 15 or data[:40:2].count(0) > 15:  # UTF-16 without a mark
        data = data.decode("utf-16-le" if data[1:40:2].count(0) > 15 else "utf-16-be", "replace").encode()
    data = _ENVELOPE.sub(b"", data.removeprefix(codecs.BOM_UTF8).lstrip(), count=1)
    if data.count(b"\n--") > 2 * MAX_PARTS or data.lower().count(b"message/rfc822") > MAX_PARTS:
        raise SourceError(f"{name}: more than {MAX_PARTS:,} parts", "too-large")
    if not _HEADER.match(data.lstrip()[:2000]):
        raise SourceError(f"{name}: not a mail: it does not begin with headers such as «From: …»", "unknown-type")
    try:
        message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(data.lstrip())
        _depth(message, name)
    except (MessageError, ValueError, LookupError, IndexError, AttributeError, TypeError) as error:
        raise SourceError(f"{name}: the mail is broken: {error}", "broken") from error
    return message


def _depth(message: EmailMessage, name: str) -> None:
    """Raises: SourceError (too-large) for messages within messages beyond all use."""
    level = [message]
    for _ in range(MAX_DEPTH * 3):
        level = [
            part
            for whole in level
            if whole.is_multipart()
            for part in whole.iter_parts()
            if isinstance(part, EmailMessage)
        ]
        if not level:
            return
    raise SourceError(f"{name}: parts within parts beyond {MAX_DEPTH * 3} deep", "too-large")


def _header(message: EmailMessage, key: str) -> str:
    try:
        return visible(str(message.get(key, "") or ""))
    except (ValueError, LookupError, IndexError, AttributeError, TypeError):  # what the standard library trips over
        return visible(next((str(value) for found, value in message.raw_items() if found.lower() == key), ""))


def _people(message: EmailMessage) -> str:
    lines = []
    for key in ("From", "To", "Cc", "Date"):
        value = one_line(_header(message, key))
        if value:
            lines.append(f"{key}: {value}")
    return "\n".join(lines)


def _facts(message: EmailMessage) -> dict[str, str]:
    keys = {"from": "from", "to": "to", "cc": "cc", "message-id": "message_id", "in-reply-to": "reply_to"}
    facts = {key: one_line(_header(message, header))[:1000] for header, key in keys.items()}
    references = _header(message, "references").split()
    facts["thread"] = references[0] if references else facts["reply_to"] or facts["message_id"]
    try:
        facts["date"] = parsedate_to_datetime(_header(message, "date")).isoformat()
    except (ValueError, TypeError, IndexError):
        facts["date"] = one_line(_header(message, "date"))
    facts["language"] = one_line(_header(message, "content-language"))
    return {key: value for key, value in facts.items() if value}


def _bodies(message: EmailMessage, assembly: Assembly, parts: list[Part], name: str) -> bool:
    """Adds the text of the message, and what is attached to ``parts``; whether it is encrypted."""
    plain: list[str] = []
    pages: list[bytes] = []
    taken: set[str] = set()
    encrypted = False
    for leaf in _leaves(message):
        kind = leaf.get_content_type()
        encrypted = encrypted or kind in (
            "application/pgp-encrypted",
            "application/pkcs7-mime",
            "application/x-pkcs7-mime",
        )
        attached = leaf.get_content_disposition() == "attachment" or bool(_file_name(leaf))
        if kind == "text/plain" and not attached:
            plain.append(_decoded(leaf))
        elif kind == "text/html" and not attached:
            pages.append(leaf.get_payload(decode=True) if not leaf.is_multipart() else b"")  # type: ignore[arg-type]  # bytes once decoded
        elif kind not in ("application/pgp-encrypted", "application/pgp-signature", "application/pkcs7-signature"):
            parts.append(_part(leaf, taken))
    if any(text.strip() for text in plain):
        for text in plain:
            _add_text(assembly, text)
    else:
        for page in pages:
            try:
                add_parsed(assembly, read(page, "text/html", name))
            except SourceError as error:
                assembly.add("note", f"A part of this mail could not be read: {error}")
    return encrypted


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Parts that hold something; a mail inside the mail is one of them."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    for part in message.iter_parts():
        if isinstance(part, EmailMessage):
            if part.is_multipart() and part.get_content_type() != "message/rfc822":
                yield from _leaves(part)
            else:
                yield part


def _file_name(leaf: EmailMessage) -> str:
    try:
        return one_line(visible(leaf.get_filename("") or ""))
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return ""


def _decoded(leaf: EmailMessage) -> str:
    data = leaf.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = leaf.get_content_charset("utf-8")
    for encoding in (charset, "utf-8"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")


def _part(leaf: EmailMessage, taken: set[str]) -> Part:
    kind = leaf.get_content_type()
    name = _file_name(leaf).replace("/", "_")
    if kind == "message/rfc822":
        inner = leaf.get_payload(0) if leaf.is_multipart() else None
        data = inner.as_bytes() if isinstance(inner, EmailMessage) else b""
        name = name or (
            one_line(_header(inner, "subject")).replace("/", "_")[:80] if isinstance(inner, EmailMessage) else ""
        )
        name = (name or "message").removesuffix(".eml") + ".eml"
    else:
        payload = leaf.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
    unique, n = name or f"part.{kind.rpartition('/')[2]}", 1
    while unique in taken:
        n += 1
        stem, dot, suffix = (name or f"part.{kind.rpartition('/')[2]}").rpartition(".")
        unique = f"{stem} ({n}){dot}{suffix}" if stem else f"{suffix} ({n})"
    taken.add(unique)
    return Part(unique, kind, data)


def _add_text(assembly: Assembly, text: str) -> None:
    """Paragraphs of a body; what it quotes as hidden notes, the signature as a note."""
    lines = visible(text).split("\n")
    mode, held = "paragraph", list[str]()
    for at, line in enumerate(lines):
        now = _mode(lines, at, mode)
        if now != mode or (mode in ("quoted", "rest") and _introduction(lines, at)):
            _flush(assembly, mode, held)
            mode = now
        held.append(line)
    _flush(assembly, mode, held)


def _mode(lines: list[str], at: int, mode: str) -> str:
    """What a line belongs to: paragraph, quoted (marked line by line), rest (all that follows), signature."""
    line = lines[at]
    if mode == "rest":
        return mode
    if line in ("-- ", "--"):
        return "signature"
    headed = _FROM.match(line) and any(_SENT.match(other) for other in lines[at + 1 : at + 4])
    if headed or _ORIGINAL.match(line):
        return "rest"
    n = _introduction(lines, at)
    if n:
        after = [other for other in lines[at + n :] if other.strip()]
        return "quoted" if after and _QUOTED.match(after[0]) else "rest"
    if mode == "quoted" and (not line.strip() or _is_introduction(lines, at)):
        return mode
    return "quoted" if _QUOTED.match(line) else mode if mode == "signature" else "paragraph"


def _is_introduction(lines: list[str], at: int) -> bool:
    """Whether a line is the second or third of «On … wrote:»."""
    return any(at >= back and _introduction(lines, at - back) > back for back in (1, 2))


def _introduction(lines: list[str], at: int) -> int:
    """How many lines say «On … wrote:», 0 where none do; mail programs break that line."""
    for n in (1, 2, 3):
        if _INTRODUCED.match(" ".join(line.strip() for line in lines[at : at + n])) and lines[at].strip():
            return n
    return 0


def _flush(assembly: Assembly, mode: str, held: list[str]) -> None:
    text = "\n".join(held).strip("\n")
    held.clear()
    if mode == "paragraph":
        for piece in re.split(r"\n[ \t\xa0]*\n", text):
            assembly.add("paragraph", piece)
    else:
        assembly.add("note", text, hidden=mode != "signature")
