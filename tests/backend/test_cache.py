import numpy as np
import pytest

from backend.cache import ByteCache


def test_the_least_recently_used_value_goes_first():
    cache = ByteCache(limit=300)
    made = []

    def get(key):
        def make():
            made.append(key)
            return np.zeros(100, np.uint8)

        return cache.get(key, make)

    for key in "abcadb":
        get(key)
    assert made == ["a", "b", "c", "d", "b"]
    assert cache.nbytes == 300
    assert (cache.hits, cache.misses) == (1, 5)


def test_a_value_beyond_the_limit_is_given_but_not_kept():
    cache = ByteCache(limit=10)
    assert cache.get("a", lambda: np.zeros(11, np.uint8)).nbytes == 11
    assert cache.nbytes == 0


def test_a_failure_is_not_kept():
    cache = ByteCache(limit=10)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 / 0)
    assert cache.get("a", lambda: np.zeros(1, np.uint8)).nbytes == 1
