"""Long work that a server hands on: one worker a base, one job at a time, each in a process of its own."""
