"""Request bodies whose masks stay text until one is asked for.

With every click Label Studio sends all masks of the photo, those of drafts and predictions again, as lists of numbers:
megabytes on a photo of many objects, of which a click reads one. To make Python's numbers of all of them takes longer
than to answer the click.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from squeezesam_core.errors import SqueezeSAMError

# A quote within a JSON string has a backslash before it: this finds keys alone, and all lists of digits under them.
_RLE = re.compile(rb'(?<!\\)"rle"\s*:\s*\[([0-9,\s]*)\]')


class MalformedBodyError(SqueezeSAMError):
    """A request whose body is no JSON."""


@dataclass(frozen=True)
class RLEText(Sequence[int]):
    """A run-length code as it came: numbers separated by commas. Every use but `compact` parses it; ValueError if it
    holds anything else."""

    text: bytes

    def compact(self) -> bytes:
        """As Python writes the list, without blanks: the same for the same numbers."""
        return b"[" + b"".join(self.text.split()) + b"]"

    def numbers(self) -> list[int]:
        """The numbers."""
        parsed: list[int] = json.loads(self.compact())
        return parsed

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers())

    def __len__(self) -> int:
        return self.text.count(b",") + 1 if self.text.strip() else 0

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self.numbers()[index]


def parse(body: bytes) -> Any:
    """JSON, where each "rle" that is a list of whole numbers is an RLEText. Raises MalformedBodyError."""
    texts: list[bytes] = []

    def keep(match: re.Match[bytes]) -> bytes:
        texts.append(match[1])
        return b'"rle":[%d]' % (len(texts) - 1)

    def restore(entry: dict[str, Any]) -> dict[str, Any]:
        match entry.get("rle"):
            case [index] if type(index) is int and 0 <= index < len(texts):  # ours: all lists like it were replaced
                entry["rle"] = RLEText(texts[index])
        return entry

    try:
        return json.loads(_RLE.sub(keep, body), object_hook=restore)
    except (ValueError, RecursionError) as error:
        cause = f"The request's body is no JSON ({type(error).__name__})."
        raise MalformedBodyError(cause, "Send what Label Studio sends; see docs/backend.md.") from error
