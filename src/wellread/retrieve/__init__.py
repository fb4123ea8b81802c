"""Comes in: a question, and whose eyes ask it. Goes out: the passages that answer it best, with what each stage did."""
