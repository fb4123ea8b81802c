"""The commands under `wellread questions`."""
