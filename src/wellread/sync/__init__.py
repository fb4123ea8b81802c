"""Changes of documents come in; the store and everything that is derived from its chunks follow, a batch at a time.

The verbs above truth and index: bring sources in step (``sync``), take documents out (``remove``). A batch is one
transaction over the truth and every structure of ``index.structures``.
"""
