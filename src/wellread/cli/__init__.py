"""The terminal: words typed by a person or a script in; text, or one JSON object, and an exit code out.

``table`` lists all commands; it imports the module of one when that is named, so that ``--help`` is instant. ``main``
holds the program and its entry point, ``call`` what every command is given, ``base`` which base is meant, ``show`` and
``cited`` how things look; every other file is one command or a few of a kind.
"""
