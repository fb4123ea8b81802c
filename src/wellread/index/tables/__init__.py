"""Tables of documents come in; rows that can be shown, exported and computed with, each value with its cell, go out."""
