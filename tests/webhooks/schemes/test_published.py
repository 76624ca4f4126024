"""What vendors and RFCs published: whole deliveries, and signatures to the byte."""

from pathlib import Path

import pytest

from tests.webhooks.schemes.vectors import Vector, given, must_be_taken_and_none_but_that
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import key_of

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "webhooks"


GITHUB = Vector(
    "github",
    b"It's a Secret to Everybody",
    b"Hello, World!",
    {
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": "sha256="
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    },
    event_id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
)
JIRA = Vector(
    "jira",
    b"It's a Secret to Everybody",
    b"Hello World!",
    {
        "x-atlassian-webhook-identifier": "w1",
        "x-hub-signature": "sha256="
        "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
    },
    event_id="w1",
)
PAGERDUTY = Vector(
    "pagerduty",
    b"lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
    (FIXTURES / "pagerduty" / "incident.priority_updated.json").read_bytes(),
    {
        "x-pagerduty-signature": "v1="
        "0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
    },
    event_id="01BWDWL3NYY7LUFPZCC28QUCMK",
)
SENDGRID = Vector(
    "sendgrid",
    key_of(
        SCHEMES["sendgrid"],
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe6"
        "2gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
    ),
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",'
    b'"timestamp":1600112492}]\r\n',
    {
        "x-twilio-email-event-webhook-signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6"
        "ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        "x-twilio-email-event-webhook-timestamp": "1600112502",
    },
    now=1_600_112_502,
)
RFC_4231 = [
    Vector("generic_sha256", key, body, {"x-event-id": "e", "x-signature-sha256": signature})
    for key, body, signature in (
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    )
]
RFC_6750 = Vector(
    "static_token", b"mF_9.B5f-4.1JqM", b"{}", {"authorization": "Bearer mF_9.B5f-4.1JqM"}
)


# The example of "Notifications for resource changes" in the documentation of the Drive API, for a
# resource of the kind `files`; its body is empty.
GOOGLE_DRIVE = Vector(
    "google_drive",
    b"398348u3tu83ut8uu38",
    b"",
    {
        "content-type": "application/json; utf-8",
        "content-length": "0",
        "x-goog-channel-id": "4ba78bf0-6a47-11e2-bcfd-0800200c9a66",
        "x-goog-channel-token": "398348u3tu83ut8uu38",
        "x-goog-channel-expiration": "Tue, 19 Nov 2013 01:13:52 GMT",
        "x-goog-resource-id": "ret08u3rv24htgh289g",
        "x-goog-resource-uri": "https://www.googleapis.com/drive/v3/files/ret08u3rv24htgh289g",
        "x-goog-resource-state": "update",
        "x-goog-changed": "content,properties",
        "x-goog-message-number": "10",
    },
    event_id="4ba78bf0-6a47-11e2-bcfd-0800200c9a66:10",
    event_type="update",
)
# The example in concepts/change-notifications-delivery-webhooks.md of Microsoft's repository
# microsoft-graph-docs-contrib, commit 01c641aced9437aea8a5c1f17fd65078bff7391e, with its
# placeholders.
MSGRAPH = Vector(
    "msgraph",
    b"secretClientValue",
    rb"""{
  "value": [
    {
      "id": "lsgTZMr9KwAAA",
      "subscriptionId":"{subscription_guid}",
      "subscriptionExpirationDateTime":"2016-03-19T22:11:09.952Z",
      "clientState":"secretClientValue",
      "changeType":"created",
      "resource":"users/{user_guid}@{tenant_guid}/messages/{long_id_string}",
      "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
      "resourceData":
      {
        "@odata.type":"#Microsoft.Graph.Message",
        "@odata.id":"Users/{user_guid}@{tenant_guid}/Messages/{long_id_string}",
        "@odata.etag":"W/\"CQAAABYAAADkrWGo7bouTKlsgTZMr9KwAAAUWRHf\"",
        "id":"{long_id_string}"
      }
    }
  ]
}
""",
    {"content-type": "application/json"},
)


@pytest.mark.parametrize(
    "vector",
    [
        given("GitHub's published vector", GITHUB),
        given("Atlassian's published vector", JIRA),
        given("the vector of PagerDuty's go-pagerduty", PAGERDUTY),
        given("the vector of its repository", SENDGRID),
        given("the notification in Google's documentation", GOOGLE_DRIVE),
        given("the notification in Microsoft's documentation", MSGRAPH),
        *(given("RFC 4231 test vectors", each, f"rfc4231-{n}") for n, each in enumerate(RFC_4231)),
        given("RFC 6750, section 2.1", RFC_6750),
    ],
)
def test_published_delivery_is_taken_and_none_but_that(vector):
    must_be_taken_and_none_but_that(vector)
