"""Chunks in, a knowledge graph out: names with the places where they stand, relations between them, communities."""
