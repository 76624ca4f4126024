"""The report on planted faults counts what mutmut says."""

from collections import Counter

import pytest

from tests.mutants import counted, is_enough

TOLD = """
    webhooks.schemes.verifier.x_verify__mutmut_1: killed
    webhooks.schemes.verifier.x_verify__mutmut_2: survived
    webhooks.schemes.verifier.xǁReaderǁread__mutmut_1: timeout
    approvals.digest.x__sign__mutmut_12: no tests
"""


def test_faults_are_counted_by_module_and_those_not_found_are_named():
    counts, left = counted(TOLD)

    assert counts == {
        "webhooks.schemes.verifier": {"killed": 1, "survived": 1, "timeout": 1},
        "approvals.digest": {"no tests": 1},
    }
    assert [line.partition(":")[0].rpartition(".")[2] for line in left] == [
        "x_verify__mutmut_2", "x__sign__mutmut_12",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "is_fine"),
    [
        ({"killed": 9, "survived": 1}, True),
        ({"killed": 8, "survived": 2}, False),
        ({"killed": 9, "no tests": 2}, False),
        ({"killed": 8, "timeout": 1, "survived": 1}, True),
        ({"killed": 99, "not checked": 1}, False),
    ],
)
def test_nine_of_ten_are_enough_once_all_were_tried(statuses, is_fine):
    assert is_enough(Counter(statuses)) is is_fine
