"""Chunks come in; weighted words of a learned vocabulary, in inverted lists, go out."""
