"""A comparison, or documents and a task alone, come in; a recommendation with reasons goes out."""
