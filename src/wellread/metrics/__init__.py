"""Answers, rankings and outcomes come in; figures with their intervals, and the words for them, go out."""
