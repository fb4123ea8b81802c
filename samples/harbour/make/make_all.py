"""Make every binary document of the sample: `python make_all.py` (needs the packages named in the README)."""

import make_docx
import make_pdf
import make_png
import make_pptx
import make_xlsx


def main() -> None:
    """Run the five makers; a second run gives the same bytes."""
    for maker in (make_pdf, make_docx, make_xlsx, make_pptx, make_png):
        maker.main()


if __name__ == "__main__":
    main()
