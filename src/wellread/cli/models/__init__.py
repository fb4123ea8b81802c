"""The commands under `wellread models`."""
