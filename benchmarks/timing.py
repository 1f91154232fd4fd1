"""How benchmarks take time: many calls in one go, and the tail of many single ones."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Sequence

from benchmarks.claim import Measure


def per_call(work: Callable[[], object], calls: int) -> Measure:
    """Mean seconds of one call out of `calls`, garbage collection off."""

    def measure() -> float:
        return timeit.timeit(work, number=calls) / calls

    return measure


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie; with fewer than 100 the p99 is the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
