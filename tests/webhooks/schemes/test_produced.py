"""What vendors' own programs sent or signed in a run of theirs, kept to the byte.

None can be installed beside this project: two are scripts in a repository, two are whole servers.
So each was run once, elsewhere, and what it printed or sent stands here.
"""

import json
from pathlib import Path

import pytest

from tests.webhooks.schemes.vectors import Vector, given, must_be_taken_and_none_but_that

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "webhooks"

# `dropbox_hook.py notify --secret … --account … --account …` of Dropbox's repository
# dropbox/dropbox_hook, commit 689236a6ec6b8cbc55a0f6326c1c9e490f8a52c0, sent this to a listener of
# ours. It is there to test receivers: it signs and sends as Dropbox does.
DROPBOX = Vector(
    "dropbox",
    b"app-secret-of-a-test",
    b'{"list_folder": {"accounts": ["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc",'
    b' "dbid:AAAAAAAAAAAAAAAA"]}}',
    {
        "content-type": "application/json",
        "x-dropbox-signature": "a24c1611d276394106ed85433d484029b095fb421ede222b510e4c07d26c2bdf",
    },
)
# Intercom's sample of a notification, and what its own example of a receiver calculated for it with
# the secret that stands in that example: the fixture's README names files and commit.
INTERCOM = Vector(
    "intercom",
    b"secret",
    (FIXTURES / "intercom" / "user.deleted.json").read_bytes(),
    {
        "content-type": "application/json",
        "x-hub-signature": "sha1=81534386ec0c13324a82c5481742d2c835acce2e",
    },
    event_id="notif_d0a7a8b0-07c1-11e6-9e32-0f82669a8b0a",
)
# Sentry 23.7.1, the last on PyPI: `AppPlatformEvent` (sentry/api/serializers/models/
# app_platform_event.py) wrote the body and the headers, and `SentryApp.build_signature`
# (sentry/models/integrations/sentry_app.py) signed. Both ran without the rest of the server, that
# method out of its class; the secret, the installation and the issue are ours.
SENTRY = Vector(
    "sentry",
    b"client-secret-of-a-test-integration",
    rb'{"action":"resolved","installation":{"uuid":"a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},'
    rb'"data":{"issue":{"id":"1170820242","title":"caf\u00e9 <&>"}},'
    rb'"actor":{"type":"application","id":"sentry","name":"Sentry"}}',
    {
        "content-type": "application/json",
        "request-id": "32b8ab93dd8648dfb67fce3fb9845c23",
        "sentry-hook-resource": "issue",
        "sentry-hook-timestamp": "1795722528",
        "sentry-hook-signature": "64c51296ff3e4e61f9a3b3e4ce11cc1e012ccb644353147bfba7c5772228a479",
    },
    event_id="32b8ab93dd8648dfb67fce3fb9845c23",
    event_type="issue",
)
# How the server was started and asked, the fixture's README says.
LANGGRAPH = Vector(
    "langgraph",
    b"langgraph-token-of-a-test",
    (FIXTURES / "langgraph" / "run.json").read_bytes(),
    json.loads((FIXTURES / "langgraph" / "run.headers.json").read_bytes()),
    event_id="01a21967-7fb5-75b7-a8d9-d568bd4b9e8a:success",
)


@pytest.mark.parametrize(
    "vector",
    [
        given("a notification that Dropbox's dropbox_hook sent", DROPBOX),
        given("what Intercom's example in intercom-webhooks calculated", INTERCOM),
        given("an event that sentry 23.7.1 (PyPI) signed", SENTRY),
        given("a delivery of langgraph-api 0.16.7 (PyPI)", LANGGRAPH),
    ],
)
def test_what_a_vendors_program_made_is_taken_and_nothing_else(vector):
    must_be_taken_and_none_but_that(vector)
