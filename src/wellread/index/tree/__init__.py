"""Comes in: chunks with their vectors. Goes out: a tree of summaries over them (RAPTOR), kept in step by branches."""
