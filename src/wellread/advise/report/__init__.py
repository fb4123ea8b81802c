"""A comparison and its advice come in; pages and files that people and programs read go out."""
