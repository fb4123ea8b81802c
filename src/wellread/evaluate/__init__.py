"""Questions and ways of answering come in; an outcome for every pair, and the differences between ways, go out."""
