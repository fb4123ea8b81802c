"""``python -m wellread``: the same as the command ``wellread``."""

from wellread.cli.main import run

if __name__ == "__main__":
    run()
