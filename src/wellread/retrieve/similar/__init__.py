"""A document comes in; others like it in topic and tone go out."""
