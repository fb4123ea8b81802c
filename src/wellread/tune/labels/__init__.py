"""Rows with labels, tags or spans come in; a model that predicts them, and its scores, go out."""
