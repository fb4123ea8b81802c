"""The commands under `wellread tune`."""
