"""Adapters are found by name; the fake one is a full member."""

import pytest

from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request, Sender
from gateway.providers.base import ProviderRequest, RunStatus, StartRequest, ToolAnswer, Unparsable
from gateway.providers.fake import FakeProvider
from gateway.providers.registry import ADAPTERS, Unknown, provider


class _Nowhere:
    def send(self, request: Request, **_options: object) -> Answer:
        raise AssertionError("the fake provider calls nobody")


NOWHERE: Sender = _Nowhere()
REQUEST = ProviderRequest(NOWHERE, "https://p", "key", "cor", "idem")


def test_known_adapters_are_found_and_the_fake_one_is_not_offered() -> None:
    assert provider("generic").name == "generic"
    assert provider("fake").name == "fake"
    assert ADAPTERS == ("generic", "openai", "anthropic", "stripe")


def test_an_unknown_adapter_is_named_in_the_error() -> None:
    with pytest.raises(Unknown, match="nonesuch"):
        provider("nonesuch")


def test_the_fake_provider_starts_one_run_per_key_and_remembers_answers() -> None:
    fake = FakeProvider()
    first = fake.start(REQUEST, StartRequest("run_1", "task"))
    assert fake.start(REQUEST, StartRequest("run_1", "task")) == first
    fake.submit_result(REQUEST, first.run_id, ToolAnswer("c", 1))
    assert fake.cancel(REQUEST, first.run_id).status is RunStatus.CANCELED
    assert (len(fake.started), fake.answers[0][1].result, fake.canceled) == (1, 1, [first.run_id])


def test_the_fake_provider_fails_when_told_to() -> None:
    fake = FakeProvider(fail_with=OutsideError("http_500", False, True, 500))
    with pytest.raises(OutsideError, match="http_500"):
        fake.start(REQUEST, StartRequest("run_1", "task"))


def test_the_fake_provider_reads_plain_words() -> None:
    update = FakeProvider().parse(b"r-1 tool_required lookup refund")
    assert update is not None
    assert [call.name for call in update.calls] == ["lookup", "refund"]
    assert FakeProvider().parse(b" ") is None
    with pytest.raises(Unparsable):
        FakeProvider().parse(b"r-1 dancing")
