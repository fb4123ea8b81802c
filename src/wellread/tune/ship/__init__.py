"""A finished run comes in; checked files that other programs serve, and the registry of models, go out."""
