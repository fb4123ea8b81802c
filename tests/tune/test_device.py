"""Free memory is what the kernel would give: files that it keeps in memory count, limits of groups too."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from wellread.tune.base.device import free_memory_gb

MEMINFO = "MemTotal: 16000000 kB\nMemFree: 1000000 kB\nMemAvailable: 8000000 kB\nCached: 7000000 kB\n"  # 8.192 GB
STAT_V2 = "anon 1000000000\nfile 2500000000\ninactive_file 1500000000\nactive_file 500000000\nshmem 500000000\n"
STAT_V1 = "cache 9\ninactive_file 7\nactive_file 7\ntotal_inactive_file 1500000000\ntotal_active_file 500000000\n"
V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"


def v2(folder: str, limit: str, used: int) -> dict[str, str]:
    named = {"memory.max": limit, "memory.current": str(used), "memory.stat": STAT_V2}
    return {f"{V2}/{folder}{name}": f"{text}\n" for name, text in named.items()}


def v1(folder: str, limit: int, used: int) -> dict[str, str]:
    named = {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used, "memory.stat": STAT_V1}
    return {f"{V1}/{folder}{name}": f"{text}\n" for name, text in named.items()}


NO_LIMIT_V1 = 9223372036854771712
CASES: Mapping[str, tuple[str, Mapping[str, str], float]] = {
    "no groups": ("", {}, 8.192),
    "no limit": ("0::/user\n", v2("user/", "max", 3_000_000_000), 8.192),
    "a limit of its own": ("0::/user\n", v2("user/", "4000000000", 3_000_000_000), 3.0),
    "the limit of a group around it": (
        "0::/a/b\n",
        {**v2("a/b/", "max", 1_000_000_000), **v2("a/", "5000000000", 4_000_000_000)},
        3.0,
    ),
    "a limit above what there is": ("0::/user\n", v2("user/", "64000000000", 0), 8.192),
    "a container whose path is not to be seen": ("0::/docker/1\n", v2("", "4000000000", 3_500_000_000), 2.5),
    "used up": ("0::/\n", v2("", "4000000000", 7_000_000_000), 0.0),
    "the first version": (
        "5:cpu:/x\n4:cpuset,memory:/a\n0::/\n",
        {**v1("a/", 6_000_000_000, 3_000_000_000), **v1("", NO_LIMIT_V1, 9_000_000_000)},
        5.0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_free_memory_is_the_least_of_what_machine_and_groups_have_left(name: str, tmp_path: Path) -> None:
    groups, files, wanted = CASES[name]
    for path, text in {"proc/meminfo": MEMINFO, "proc/self/cgroup": groups, **files}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert free_memory_gb(tmp_path) == pytest.approx(wanted)


def test_a_system_without_those_files_is_asked_otherwise(tmp_path: Path) -> None:
    assert free_memory_gb(tmp_path) > 0


def test_this_machine_has_less_free_than_it_has() -> None:
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert 0 < free_memory_gb() <= int(total.split()[1]) * 1024 / 1e9
