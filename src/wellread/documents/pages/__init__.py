"""Pages of a PDF: characters and drawings come in, paragraphs, headings and tables in reading order go out.

Letters come from pdfium's text of the page; their boxes only say where pieces, lines, columns and cells are.
"""
