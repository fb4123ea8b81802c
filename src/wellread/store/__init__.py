"""The truth on disk: documents with versions and chunks, sources, access, lineage, jobs, the question log, feedback.

In: an open ``Store`` and, on every read, ``who`` asks. Out: the values of ``wellread.types``. SQL leaves this room only
into ``index``, which keeps its full-text table and its slots in the same file so that all change in one transaction.
"""
