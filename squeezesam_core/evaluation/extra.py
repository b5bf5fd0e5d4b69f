"""Packages that only some protocols need: the optional extra `evaluation`."""

from collections.abc import Iterator
from contextlib import contextmanager

from squeezesam_core.errors import SqueezeSAMError


@contextmanager
def needs_extra(package: str) -> Iterator[None]:
    """Around an import. Raises SqueezeSAMError, naming the extra, if the package is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SqueezeSAMError(
            f"This protocol needs {package}, which is not installed ({error}).",
            "Install it with: pip install 'squeezesam-label-studio[evaluation]'.",
        ) from error
