"""Vectors of chunks come in; the nearest rows of an append-only file go out."""
