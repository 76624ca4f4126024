"""A refused credential: one refresh, one more try, never more."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.connectors.base import Outcome, OutcomeStatus, Secret
from gateway.connectors.calls import perform, read
from gateway.http.errors import OutsideError
from tests.doubles.oauth import Authority
from tests.doubles.serving import Said, serving


@pytest.fixture
def authority():
    with serving(Authority()) as double:
        yield double


@pytest.fixture
def asking(authority, attempt):
    """Makes a request to the guarded API; counts how often a credential was renewed."""

    def make(method: str = "POST", *, fresh: Any = "good", kind: str = "bearer"):
        config = {"method": method, "url": f"{authority.url}/api/orders"}
        request = attempt(
            "http", "request", config, {}, allow=authority.host_port, secret=Secret(kind, "spent")
        )
        renewed: list[str] = []

        def renew() -> Secret | None:
            renewed.append("once")
            return Secret("bearer", fresh) if fresh else None

        authority.access["good"] = "all"
        return replace(request, renew=renew), renewed

    return make


def test_a_401_is_followed_by_one_refresh_and_one_more_try(authority, asking):
    request, renewed = asking()
    outcome = perform(request)
    assert (outcome.status, len(renewed), len(authority.asked)) == (OutcomeStatus.SUCCEEDED, 1, 2)
    assert authority.effects == [("done", "act_1")]


def test_a_second_401_is_the_end(authority, asking):
    request, renewed = asking(fresh="also-spent")
    outcome = perform(request)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "http_401")
    assert (len(renewed), len(authority.asked), authority.effects) == (1, 2, [])
    assert "also-spent" not in str(outcome)


@pytest.mark.parametrize("fresh", ["spent", ""])
def test_without_another_credential_nothing_is_sent_again(authority, asking, fresh):
    request, renewed = asking(fresh=fresh)
    assert perform(request).reason == "http_401"
    assert (len(renewed), len(authority.asked)) == (1, 1)


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_no_other_answer_renews_anything(authority, asking, status):
    authority.before = [Said(status)]
    request, renewed = asking()
    perform(request)
    assert (renewed, len(authority.asked)) == ([], 1)


def test_a_judge_may_say_that_a_200_refused_the_credential(authority, asking):
    authority.before = [Said(200, {"ok": False, "error": "token_expired"})]

    def judge(answer, outcome):
        if isinstance(outcome.result, dict) and outcome.result["ok"]:
            return outcome
        return Outcome(OutcomeStatus.FAILED, reason="http_401")

    request, renewed = asking()
    assert perform(request, judge=judge).status == OutcomeStatus.SUCCEEDED
    assert len(renewed) == 1


def test_reading_renews_once_as_well(authority, asking):
    request, renewed = asking("GET")
    assert read(request, request.rendered) == {"ok": True, "scopes": "all"}
    assert len(renewed) == 1


def test_a_credential_of_another_protocol_sends_nothing(authority, asking):
    request, _ = asking(kind="dsn")
    outcome = perform(request)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "credential_unfit")
    with pytest.raises(OutsideError):
        read(request, request.rendered)
    assert authority.asked == []
