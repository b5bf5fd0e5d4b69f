import threading
from concurrent.futures import ThreadPoolExecutor

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


def test_a_value_is_under_way_while_it_is_made():
    cache = ByteCache(limit=10)
    assert cache.get("a", lambda: np.full(1, cache.under_way)) == 1
    with pytest.raises(ZeroDivisionError):
        cache.get("b", lambda: 1 / 0)
    assert cache.under_way == 0


def test_a_failure_is_not_kept():
    cache = ByteCache(limit=10)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 / 0)
    assert cache.get("a", lambda: np.zeros(1, np.uint8)).nbytes == 1


def test_who_asks_for_the_same_key_at_once_waits_for_one_value():
    cache, release, made = ByteCache(limit=100), threading.Event(), []

    def make():
        made.append(release.wait(10))
        return np.zeros(1, np.uint8)

    with ThreadPoolExecutor(4) as pool:
        same = [pool.submit(cache.get, "a", make) for _ in range(3)]
        assert pool.submit(cache.get, "b", lambda: np.ones(1, np.uint8)).result(10) == 1  # not held up
        release.set()
        values = [future.result(10) for future in same]
    assert made == [True]
    assert all(value is values[0] for value in values)
    assert (cache.hits, cache.misses) == (2, 2)


def test_a_failure_reaches_all_who_wait_and_the_next_one_tries_again():
    cache, release = ByteCache(limit=100), threading.Event()

    def fail():
        release.wait(10)
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(cache.get, "a", fail) for _ in range(2)]
        release.set()
        assert all(isinstance(future.exception(10), ZeroDivisionError) for future in both)
    assert cache.get("a", lambda: np.zeros(1, np.uint8)).nbytes == 1


def test_a_value_put_takes_the_place_of_another():
    cache = ByteCache(limit=100)
    cache.put("a", np.zeros(60, np.uint8))
    cache.put("a", np.ones(50, np.uint8))
    assert cache.nbytes == 50
    assert cache.get("a", lambda: np.zeros(1, np.uint8))[0] == 1
