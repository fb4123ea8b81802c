"""Comes in: a question and its principal. Goes out: the passages that answer it best, with what each stage did."""
