"""Connectors are found by name; the fake one is a full member."""

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus
from gateway.connectors.fake import FakeConnector
from gateway.connectors.registry import Unknown, connector, offered
from gateway.http.client import client


def request_for(operation: str, **config: object) -> ConnectorRequest:
    return ConnectorRequest(client(), None, config, operation, {"n": 1}, {}, "act_1", 5, "cor_1")


def test_known_connectors_are_found_and_the_fake_one_is_not_offered() -> None:
    assert [connector(name).name for name in ("http", "sandbox", "fake")] == [
        "http",
        "sandbox",
        "fake",
    ]
    assert offered()[0] == "http"
    assert "fake" not in offered()


def test_an_unknown_connector_is_named_in_the_error() -> None:
    with pytest.raises(Unknown, match="nonesuch"):
        connector("nonesuch")


def test_the_fake_connector_has_one_effect_per_key() -> None:
    fake = FakeConnector()
    assert fake.lookup(request_for("echo")) is None
    outcomes = [fake.execute(request_for("echo")) for _ in range(3)]
    assert [outcome.result for outcome in outcomes] == [{"n": 1}] * 3
    assert (len(fake.calls), len(fake.effects)) == (3, 1)


def test_the_fake_connector_fails_and_loses_on_request() -> None:
    fake = FakeConnector()
    assert fake.execute(request_for("fail")).status is OutcomeStatus.FAILED
    lost = fake.execute(request_for("lose"))
    assert (lost.status, lost.may_have_happened) == (OutcomeStatus.UNKNOWN, True)
    found = fake.lookup(request_for("lose"))
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED


def test_the_fake_connector_previews_what_it_is_told() -> None:
    fake = FakeConnector()
    assert fake.preview(request_for("echo")) is None
    seen = fake.preview(request_for("echo", before={"n": 0}))
    assert seen is not None
    assert (seen.before, seen.after) == ({"n": 0}, {"n": 1})
