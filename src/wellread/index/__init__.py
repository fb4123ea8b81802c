"""Comes in: changes of documents, and a question's words or vector. Goes out: what can be found, ranked, as chunk keys.

Everything here is derived from the store and can be built again without reading a source file.
"""
