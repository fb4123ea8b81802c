"""The open store (``api``) and the words of its engine (``words``), which is SQLite (``sqlite``)."""
