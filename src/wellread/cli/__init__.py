"""The terminal: words typed by a person or a script in; text, or one JSON object, and an exit code out.

``main`` holds the program and its entry point, ``call`` what every command is given, ``show`` and ``cited`` how things
look; every other file is one command. Commands import what they use when they run, so that ``--help`` is instant.
"""
