"""Every payload that GitHub's community recorded goes through a really started intake."""

from collections import Counter

import pytest

from tests.webhooks.ingest.serving import Sender, send_all
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
# Of @octokit/webhooks-examples 7.6.1; five of its bodies are there twice.
PAYLOADS, DIFFERENT = 329, 324


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        pytest.param({"quarantine": False}, {"accepted": PAYLOADS}, id="as they are"),
        pytest.param(
            {}, {"accepted": DIFFERENT, "quarantined": PAYLOADS - DIFFERENT}, id="replays set apart"
        ),
    ],
)
def test_all_payloads_signed_by_octokit_are_taken_once_and_are_duplicates_then(
    node, uvicorn, make_source, settings, first
):
    source, secret = make_source("github", settings=settings)
    examples = node.ask("github_examples")
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        requests = [
            sender.request(
                example["body"].encode(),
                event_id=f"delivery-{number}",
                headers={
                    "x-github-event": example["name"],
                    **node.ask("github_signs", secret=secret, body=example["body"]),
                },
            )
            for number, example in enumerate(examples)
        ]
        passes = [
            Counter(answer.json()["status"] for answer in send_all(requests)) for _ in range(2)
        ]

    bodies = {f"delivery-{n}": example["body"].encode() for n, example in enumerate(examples)}
    assert (len(examples), len(set(bodies.values()))) == (PAYLOADS, DIFFERENT)
    assert passes == [Counter(first), Counter(duplicate=PAYLOADS)]
    # What is set apart keeps the id it came with behind the mark.
    ids = {event.event_id.rpartition(":")[2]: event.raw for event in Event.objects.all()}
    assert ids == bodies
