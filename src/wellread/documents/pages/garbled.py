"""Text layers without meaning: fonts that map their glyphs to the wrong letters, or to none.

Three signs, each enough: code points that no text has, letters in an order that no language of Latin script has, and
a page of signs instead of letters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wellread.documents.pages.glyphs import Characters

LEAST = 20  # printed characters that a verdict needs
LEAST_PAIRS = 60  # pairs of letters, likewise
BAD_SHARE = 0.25
SIGN_SHARE = 0.4
# Share of common pairs among a page's pairs of letters: at least 0.77 on 168 pages of text in nine languages, at most
# 0.53 on a thousand copies of them with letters exchanged or shifted (python -m bench.pdf).
COMMON_SHARE = 0.56
_PAIRS = """
th he in er an re nd on en at ou ed ha to or it is hi es ng te ar st se le of al de ti nt ve me ne io ra as ro ri li
co ch ie ei ic la di un ge ma ce ur us be ta il si el no po pr na ni ll om tr ec em da lo pe so ca ad os do ci ee ss sc
et ai eu qu ue ui ns sk rz cz sz ow wi za ia aj mo mi ko ka ki je ej ba va ja ij aa oo oe ug op ov av am ac ot ol ul um
ut su tu pa pi ho hr id ig im ir iv oc od og oi ok pl rd rt rs rm rk ly ke ks nn mm tt ff fi fo fa fe fr gr gh gi go ga
br bl bu bo bi cl cr ct cu dr du ds dt ev ew ex ey ye ys wa we wh wo ay ty ry ny
"""
_COMMON = frozenset(_PAIRS.split())


def is_garbled(page: Characters, shown: npt.NDArray[np.bool_]) -> bool:
    """Whether the text layer says nothing that a person would read on the page.

    Args:
        page: all its characters.
        shown: those that are printed and not hidden.
    """
    codes = page.codes
    controls = (codes < 32) & ~np.isin(codes, (2, 9, 10, 13))
    n = int(shown.sum()) + int(controls.sum())
    if n < LEAST:
        return False
    own = codes[shown]
    bad = (own >= 0xE000) & (own <= 0xF8FF) | (own == 0xFFFD) | (own >= 0x80) & (own <= 0x9F) | (own >= 0xF0000)
    if int(bad.sum()) + int(controls.sum()) > BAD_SHARE * n:
        return True
    signs = (own >= 0xA1) & (own <= 0xBF) | (own == 0xD7) | (own == 0xF7)
    if int(signs.sum()) > SIGN_SHARE * n:
        return True
    share = usual_share(page.text)
    return share is not None and share < COMMON_SHARE


def usual_share(text: str) -> float | None:
    """Share of common pairs among the pairs of small Latin letters; None where there are too few to tell."""
    pairs = [text[at : at + 2] for at in range(len(text) - 1)] if len(text) <= 20_000 else _sampled(text)
    letters = [pair for pair in pairs if pair.isascii() and pair.isalpha() and pair[1].islower()]
    if len(letters) < LEAST_PAIRS:
        return None
    return sum(pair.lower() in _COMMON for pair in letters) / len(letters)


def _sampled(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(0, len(text) - 1, len(text) // 10_000)]
