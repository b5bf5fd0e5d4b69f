"""Bodies whose masks stay text are read as any JSON is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.bodies import MalformedBodyError, RLEText, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.text('"rle:[]1, \\', max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["rle", "value", 'a"rle']), inner),
)


def plain(value):
    if isinstance(value, RLEText):
        return list(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, st.sampled_from([None, 1]))
def test_it_means_the_same_json(value, indent):
    assert plain(parse(json.dumps(value, indent=indent).encode())) == value


def test_a_mask_stays_text_until_it_is_used():
    task = parse(b'{"value": {"rle": [1, 22,\n 3], "format": "rle"}, "other": [1, 2]}')
    assert isinstance(task["value"]["rle"], RLEText)
    assert task["value"]["rle"].compact() == b"[1,22,3]"
    assert (len(task["value"]["rle"]), task["value"]["rle"][1], bool(parse(b'{"rle": []}')["rle"])) == (3, 22, False)
    assert task["other"] == [1, 2]


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": ', b"\xff\xfe\xfa", b"[" * 100_000], ids=str)
def test_what_is_no_json_is_refused(body):
    with pytest.raises(MalformedBodyError):
        parse(body)


def test_a_list_that_is_no_json_fails_when_it_is_used():
    with pytest.raises(ValueError):
        list(parse(b'{"rle": [1,,2]}')["rle"])
