"""Cells with their places come in, from whatever format; the text of the table and its typed cells go out."""
