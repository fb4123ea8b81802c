"""The open store and the words of its engine."""
