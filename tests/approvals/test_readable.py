"""How long a call may be that a person has to read."""

import pytest

from approvals.findings import Ruling
from approvals.readable import TOO_LARGE, too_large


@pytest.mark.parametrize(("size", "most"), [(0, 10), (10, 10), (10**9, 0)])
def test_what_is_short_enough_or_unlimited_is_read(size: int, most: int) -> None:
    assert too_large(size, most=most) is None


def test_one_byte_more_is_refused_with_both_numbers() -> None:
    found = too_large(65_537, most=65_536)
    assert found is not None
    assert (found.verdict, found.code) == (Ruling.DENY, TOO_LARGE)
    assert "65,537" in found.detail
    assert "65,536" in found.detail
    assert found.data == {"bytes": 65_537, "limit": 65_536}
