"""Which row is learned, which one validates and which one tests: what says the same is never on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from wellread.tune.data.data import PARTS


def grouped(keys: Sequence[Sequence[str]]) -> list[str]:
    """A name of the group of each row: rows that share a key, directly or over others, are in one group."""
    root: dict[str, str] = {}

    def find(key: str) -> str:
        while root.setdefault(key, key) != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for names in keys:
        for other in names[1:]:
            one, two = sorted((find(names[0]), find(other)))
            root[two] = one
    return [find(names[0]) for names in keys]


def by_group(groups: Sequence[str], strata: Sequence[str], shares: Sequence[float], *, seed: int) -> list[str]:
    """The part of each row; a group is in one part, and each stratum comes near its shares.

    The same rows and seed give the same parts, in whatever order they come.

    Args:
        groups: name of the group of each row.
        strata: label of each row, "" where there are none.
        shares: of train, validation and test, together 1.
        seed: decides among equally good places.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(groups):
        members[name].append(at)
    total = Counter(strata)
    total["\0all"] = len(groups)
    filled: dict[str, Counter[str]] = {part: Counter() for part in PARTS}
    wanted = dict(zip(PARTS, shares, strict=True))
    open_parts = [part for part in PARTS if wanted[part] > 0]
    made = [""] * len(groups)
    for name in sorted(members, key=lambda one: (-len(members[one]), _draw(one, seed))):
        more = Counter(strata[at] for at in members[name])
        more["\0all"] = len(members[name])
        chosen = min(open_parts, key=lambda part: _cost(more, filled[part], total, wanted[part]))
        filled[chosen].update(more)
        for at in members[name]:
            made[at] = chosen
    return made


def _cost(more: Counter[str], have: Counter[str], total: Counter[str], share: float) -> float:
    """How much further from its shares a part is with ``more`` in it, summed over the strata."""
    cost = 0.0
    for stratum, n in more.items():
        target = max(share * total[stratum], 1e-9)
        cost += n * (2 * (have[stratum] - target) + n) / target
    return cost


def by_phrasing(facts: Sequence[str], ids: Sequence[str], shares: Sequence[float], *, seed: int) -> list[str]:
    """The part of each row when every fact is learned and some of its phrasings are held out.

    A fact with fewer than four phrasings gives none away; validation gets its first, test the next.

    Args:
        facts: name of the fact of each row.
        ids: of the rows; they decide, with the seed, which phrasings are held out.
        shares: of train, validation and test, together 1.
        seed: where chance enters.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(facts):
        members[name].append(at)
    made = ["train"] * len(facts)
    for rows in members.values():
        if len(rows) < 4:
            continue
        order = sorted(rows, key=lambda at: _draw(ids[at], seed))
        held = [max(1, round(share * len(rows))) if share > 0 else 0 for share in shares[1:]]
        for part, n in zip(PARTS[1:], held, strict=True):
            for at in order[:n]:
                made[at] = part
            order = order[n:]
    return made


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "replace")).digest()
