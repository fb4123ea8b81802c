"""Folders, globs, files, pages and texts come in; what there is to read, and whose it is, goes out."""
