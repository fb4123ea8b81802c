"""Six small parts for wellread, each in a file of its own."""
