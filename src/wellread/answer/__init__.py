"""Question and hits in, a cited and checked Answer out.

``ask`` is the verb. Whether to answer at all is decided outside the model (``gate``), what is cited is found by
comparing spans (``quote``, ``evidence``), and a sentence that nothing supports is struck (``verify``): small models
neither refuse nor cite reliably, so neither is left to them.
"""
