"""Looking up a lost answer: found, not there, or not known; the three are never mixed up."""

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus
from gateway.connectors.rest import searched
from gateway.http.client import client
from gateway.http.errors import OutsideError

REQUEST = ConnectorRequest(client(), None, {}, "write", {}, {}, "act_1", 5, "cor_1")


def bad_answer() -> OutsideError:
    return OutsideError("bad_answer", True, False, detail="The answer is not the service's.")


def test_what_a_search_finds_has_happened_and_nothing_found_has_not():
    found = searched({"write": lambda _: {"id": 7}}, REQUEST, bad_answer=bad_answer)
    assert found is not None
    assert (found.status, found.result) == (OutcomeStatus.SUCCEEDED, {"id": 7})
    assert searched({"write": lambda _: None}, REQUEST, bad_answer=bad_answer) is None


def test_an_operation_without_a_search_is_not_said_to_have_done_nothing():
    with pytest.raises(OutsideError, match="cannot be looked up"):
        searched({}, REQUEST, bad_answer=bad_answer)


def test_an_answer_of_another_shape_is_the_services_fault():
    with pytest.raises(OutsideError, match="not the service's"):
        searched({"write": lambda _: {}["id"]}, REQUEST, bad_answer=bad_answer)
