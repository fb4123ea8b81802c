"""Files, folders, pages and streams come in; documents with their chunks go out, one change at a time.

``ingest`` is the verb. Nothing here writes the store: ``index.build`` consumes the changes and commits them.
"""
