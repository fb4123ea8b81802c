"""The commands under `wellread index`."""
