"""Request bodies whose masks stay text until one is asked for.

With every click Label Studio sends all masks of the photo, those of drafts and predictions again, as lists of numbers:
megabytes on a photo of many objects, of which a click reads one. To make Python's numbers of all of them takes longer
than to answer the click.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, overload

from squeezesam_core.errors import SqueezeSAMError

# A quote within a JSON string has a backslash before it: this finds keys alone. It is looked for after the key: what
# begins with plain text is found 30 times as fast, and no other thread runs meanwhile. What a list holds is looked at
# afterwards: to pass over "anything but ]" is three times as fast as to pass over digits.
_RLE = re.compile(rb'"rle"(?<!\\"rle")\s*:\s*\[([^]]*)\]')
_BLANKS = b" \t\r\n"
_NUMBERS = b"0123456789," + _BLANKS


class MalformedBodyError(SqueezeSAMError):
    """A request whose body is no JSON."""


@dataclass(frozen=True)
class RLEText(Sequence[int]):
    """A run-length code as it came: numbers separated by commas. Every use but `compact` parses it; ValueError if it
    holds anything else."""

    text: bytes

    def compact(self) -> bytes:
        """As Python writes the list, without blanks: the same for the same numbers."""
        return b"[" + self.text.translate(None, _BLANKS) + b"]"

    def numbers(self) -> list[int]:
        """The numbers."""
        parsed: list[int] = json.loads(self.compact())
        return parsed

    def __bool__(self) -> bool:
        return not self.text.isspace() and self.text != b""

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers())

    def __len__(self) -> int:
        return self.text.count(b",") + 1 if self else 0

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self.numbers()[index]


def parse(body: bytes) -> Any:
    """JSON, where each "rle" that is a list of whole numbers is an RLEText. Raises MalformedBodyError."""
    texts: dict[str, bytes] = {}
    ours = token_hex(16)  # what no sender can know, so that only this function's stand-ins are taken for them

    def keep(match: re.Match[bytes]) -> bytes:
        if match[1].translate(None, _NUMBERS):
            return match[0]
        stand_in = f"{ours}{len(texts)}"
        texts[stand_in] = match[1]
        return b'"rle":"%s"' % stand_in.encode()

    def restore(entry: dict[str, Any]) -> dict[str, Any]:
        stand_in = entry.get("rle")
        if isinstance(stand_in, str) and stand_in in texts:
            entry["rle"] = RLEText(texts[stand_in])
        return entry

    try:
        return json.loads(_RLE.sub(keep, body), object_hook=restore)
    except (ValueError, RecursionError) as error:
        cause = f"The request's body is no JSON ({type(error).__name__})."
        raise MalformedBodyError(cause, "Send what Label Studio sends; see docs/backend.md.") from error
