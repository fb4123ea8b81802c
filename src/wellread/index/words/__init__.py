"""Chunks come in; what can be found by word, abbreviation and spelling goes out (BM25, glossary)."""
