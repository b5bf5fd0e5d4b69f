"""A package of the extra that is not installed is named."""

import pytest

from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation.extra import needs_extra


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(SqueezeSAMError, match=r"a-package.*\[evaluation\]"), needs_extra("a-package"):
        import no_such_module_anywhere  # noqa: F401


def test_an_installed_one_is_not() -> None:
    with needs_extra("json"):
        import json  # noqa: F401
