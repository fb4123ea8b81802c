"""PDF: bytes come in, text in reading order with headings, tables, boxes and pages goes out.

Letters come from pdfium's text of a page; their boxes say where columns, lines and cells are.
"""

from wellread.documents.parsers.pdf.read import parse

__all__ = ["parse"]
