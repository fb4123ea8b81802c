"""Documents that say the same: exactly, by a digest, or nearly, by MinHash over shingles of five words."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from wellread.types import Document

N_HASHES = 64
BAND = 4  # hashes per band: 16 bands find a pair of Jaccard 0.9 with 1 - (1 - 0.9**4)**16 > 0.9999
SHINGLE = 5
MAX_SHINGLES = 1 << 20

# Constants are fixed for ever: hashes of different runs are compared.
_BINS: NDArray[np.uint64] = np.arange(N_HASHES, dtype=np.uint64) << np.uint64(58)
_AWAY = np.uint64(0x85EBCA6B)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_IS_WORD = np.zeros(256, bool)
_IS_WORD[[*range(48, 58), *range(65, 91), *range(97, 123), *range(128, 256)]] = True
_LOWER = np.arange(256, dtype=np.uint64)
_LOWER[65:91] += np.uint64(32)


def content_key(document: Document) -> str:
    """What two documents share when one can stand for the other: text, labels and validity."""
    days: list[date | None] = [document.valid_from, document.valid_until]
    rest = repr((sorted(document.labels), days, document.superseded_by))
    return hashlib.sha256(document.text.encode("utf-8", "replace") + b"\0" + rest.encode()).hexdigest()


def _words(text: str) -> NDArray[np.uint64]:
    """(n_words,) a hash of each word, case of ASCII letters apart."""
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    word = _IS_WORD[data]
    if not word.any():
        return np.zeros(0, np.uint64)
    starts = np.flatnonzero(word & ~np.concatenate(([False], word[:-1])))
    position = np.arange(len(data), dtype=np.int64)
    lengths = np.diff(np.concatenate((starts, [len(data)])))
    begin = np.concatenate((np.zeros(starts[0], np.int64), np.repeat(starts, lengths)))
    place = (position - begin).astype(np.uint64) & np.uint64(31)
    mixed = (_LOWER[data] + np.uint64(1)) * (_PRIME * (np.uint64(2) * place + np.uint64(1)))
    mixed = (mixed ^ (mixed >> np.uint64(29))) * word
    sums: NDArray[np.uint64] = np.add.reduceat(mixed, starts)
    return sums * _PRIME


def minhash(text: str) -> bytes:
    """64 little-endian uint32: the MinHash of the set of five-word shingles; b"" for text without words.

    Texts of fewer than five words are one shingle. One hash of every shingle; its upper bits choose one of 64 bins, and
    the least of each bin counts. An empty bin takes the next filled one's value, marked with the distance.

    Source: Broder, SEQUENCES 1997; one permutation: Li et al., NIPS 2012; empty bins: Shrivastava and Li, ICML 2014.
    """
    words = _words(text)
    if len(words) == 0:
        return b""
    width = min(SHINGLE, len(words))
    n = min(len(words) - width + 1, MAX_SHINGLES)
    shingles = np.zeros(n, np.uint64)
    for at in range(width):
        shingles = (shingles ^ words[at : at + n]) * _PRIME
        shingles ^= shingles >> np.uint64(31)
    ordered = np.sort(shingles * _PRIME)
    first = np.searchsorted(ordered, _BINS)  # the least of a bin, or of a later one where it is empty
    source = (ordered[first % n] >> np.uint64(58)).astype(np.int64)  # the bin that it is from
    distance = ((source - np.arange(N_HASHES)) % N_HASHES).astype(np.uint64)
    least = (ordered[first % n] >> np.uint64(26)) + distance * _AWAY
    return (least & np.uint64(0xFFFFFFFF)).astype("<u4").tobytes()


def similarity(one: bytes, two: bytes) -> float:
    """Estimated Jaccard similarity of two MinHashes, standard error at most 1/16; 0 where one is empty."""
    if not one or not two:
        return 0.0
    return float(np.mean(np.frombuffer(one, "<u4") == np.frombuffer(two, "<u4")))


class NearDuplicates:
    """MinHashes by bands, for finding the nearest known document. One thread at a time may use it."""

    def __init__(self, known: Mapping[str, bytes], at: float) -> None:
        self._at = at
        self._hashes: dict[str, bytes] = {}
        self._bands: dict[bytes, list[str]] = defaultdict(list)
        if at <= 1:
            for document_id, value in known.items():
                self.add(document_id, value)

    def add(self, document_id: str, value: bytes) -> None:
        """The document can be found from now on."""
        if not value or document_id in self._hashes:
            return
        self._hashes[document_id] = value
        for band in _bands(value):
            self._bands[band].append(document_id)

    def nearest(self, document_id: str, value: bytes) -> str | None:
        """Another document that is as similar as ``at`` asks, the most similar one; None without one."""
        if self._at > 1 or not value:
            return None
        others = {other for band in _bands(value) for other in self._bands.get(band, ())[:64]} - {document_id}
        scored = sorted((-similarity(value, self._hashes[other]), other) for other in others)
        return scored[0][1] if scored and -scored[0][0] >= self._at else None


def _bands(value: bytes) -> list[bytes]:
    width = BAND * 4
    return [bytes([at // width]) + value[at : at + width] for at in range(0, len(value), width)]
