"""Bytes of one format come in, a ``Parsed`` goes out; each module knows one format and none knows another.

A parser runs in a child process (``documents.worker``) and is a pure function ``parse(data, name) -> Parsed``.
"""
