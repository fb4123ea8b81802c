"""Answering over tables by program: questions and typed tables in, values with their cells and votes on them out."""
