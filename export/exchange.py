"""A folder put in the place of another in one step, so that its name is missing for no instant."""

import ctypes
import os
import sys
from pathlib import Path

from squeezesam_core.errors import ModelFileError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)
_RENAME_SWAP = 2  # macOS, renamex_np(2)


def exchange(a: Path, b: Path) -> None:
    """Let the folders `a` and `b`, both there and on one file system, change places.

    Raises ModelFileError where the system or the file system cannot; then nothing has changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(a), os.fsencode(b)
    if sys.platform == "darwin":
        failed = libc.renamex_np(first, second, _RENAME_SWAP)
    else:
        failed = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    if failed:
        why = os.strerror(ctypes.get_errno())
        raise ModelFileError(f"{b} cannot be replaced in one step ({why}).", "Export to a new folder, and publish it.")


def replace_folder(new: Path, out: Path) -> None:
    """Put the folder `new`, whole, in the place of `out`, in one step; what was there goes where `new` was.

    Raises ModelFileError as `exchange`.
    """
    if out.exists():
        exchange(new, out)
    else:
        new.rename(out)
