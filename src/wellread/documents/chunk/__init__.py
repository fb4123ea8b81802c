"""A document comes in; passages with exact spans go out, one file a strategy."""
