"""Messages that Amazon signed are accepted; what nobody there signed is refused."""

import json
from datetime import datetime

import pytest

from tests.webhooks.schemes.amazon import (
    CERTIFICATE,
    RECORDED,
    SUBSCRIBE,
    TEXT,
    TOPIC,
    certificate,
    changed,
    delivery,
    message,
)
from tests.webhooks.schemes.deliveries import NOW, Given
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason
from webhooks.schemes.secrets import BadSecret, key_of, new_secret
from webhooks.schemes.sns import allows, confirm, is_usable

SNS = SCHEMES["sns"]
PLACE = "https://sns.us-west-2.amazonaws.com"


def recorded(name: str) -> Given:
    """A message that Amazon really signed, received five seconds later."""
    body = (RECORDED / f"{name}.json").read_bytes()
    fields = json.loads(body)
    pem = next(RECORDED.glob("*.pem")).read_bytes()
    now = datetime.fromisoformat(fields["Timestamp"]).timestamp() + 5
    return Given("sns", (fields["TopicArn"],), body, TEXT, now=now,
                 documents={fields["SigningCertURL"]: pem})  # fmt: skip


NAMES = ["notification_v2", "notification_with_subject", "subscription_confirmation",
         "unsubscribe_confirmation"]  # fmt: skip


@pytest.mark.proves("messages in the tests of the AWS SDK for Java 2", "sns")
@pytest.mark.parametrize("name", NAMES)
def test_message_that_amazon_signed_is_accepted(name):
    given = recorded(name)
    fields = json.loads(given.body)

    found = given.verified()

    assert found.event_id == fields["MessageId"]
    assert found.sent_at == given.now - 5


@pytest.mark.parametrize("name", NAMES)
def test_no_signed_field_of_it_can_be_changed(name):
    given = recorded(name)
    fields = json.loads(given.body)

    for field in {"Message", "MessageId", "Timestamp", "Subject", "Token"} & set(fields):
        old = fields[field]
        new = old[:-2] + ("9Z" if old.endswith("Z") else "xx")
        forged = given.with_(body=changed(given.body, **{field: new}))
        assert forged.reason is Reason.WRONG_SIGNATURE, field


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation"])
def test_both_versions_of_the_signature_are_accepted(version, kind):
    more = {"Token": "t", "SubscribeURL": SUBSCRIBE} if kind != "Notification" else {}

    assert delivery(version=version, Type=kind, **more).verified().secret_index == 0


def test_subject_may_be_missing_and_second_topic_counts():
    given = delivery(Subject=None).with_(secrets=(TOPIC + "-other", TOPIC))

    assert given.verified().secret_index == 1


def test_certificate_that_is_not_at_hand_is_asked_for():
    refused = delivery().with_(documents={}).refusal()

    assert (refused.reason, refused.wanted) == (Reason.NO_DOCUMENT, CERTIFICATE)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-west-2.amazonaws.com/a.pem",
        "https://sns.us-west-2.amazonaws.com:443/a.pem",
        "https://u@sns.us-west-2.amazonaws.com/a.pem",
        "https://u:p@sns.us-west-2.amazonaws.com/a.pem",
        "https://sns.us-west-2.amazonaws.com.evil.test/a.pem",
        "https://evil.test/sns.us-west-2.amazonaws.com/a.pem",
        "https://evil.test\\@sns.us-west-2.amazonaws.com/a.pem",
        "https://evil.test#@sns.us-west-2.amazonaws.com/a.pem",
        "https://sns.us-west-2.amazonaws.com@evil.test/a.pem",
        "https://snsxus-west-2.amazonaws.com/a.pem",
        "https://sns.us-west-2xamazonaws.com/a.pem",
        "https://sns.us-west-2.amazonaws.co/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "https://sns.a.us-west-2.amazonaws.com/a.pem",
        "https://s3.us-west-2.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://SNS.us-west-2.amazonaws.com/a.pem",
        PLACE + "/a.pem?x=1",
        PLACE + "/a.pem#x",
        PLACE + "/a.pem\n",
        PLACE + "/a/b.pem",
        PLACE + "/../a.pem",
        PLACE + "/%2e%2e.pem",
        PLACE + "/.pem",
        PLACE + "/a.exe",
        PLACE + "/" + "a" * 101 + ".pem",
        "https://169.254.169.254/a.pem",
        "//sns.us-west-2.amazonaws.com/a.pem",
        "file:///etc/a.pem",
        "",
    ],
)
def test_certificate_from_any_other_place_is_refused_and_never_asked_for(url):
    refused = delivery(body=changed(message(), SigningCertURL=url)).refusal()

    assert not allows(url, [TOPIC.encode()])
    assert refused.reason in {Reason.MALFORMED_SIGNATURE, Reason.MALFORMED_BODY}
    assert refused.wanted == ""


@pytest.mark.parametrize("host", ["us-west-2.amazonaws.com", "us-west-2.amazonaws.com.cn"])
def test_certificate_of_the_topics_region_may_be_asked_for(host):
    assert allows(f"https://sns.{host}/SimpleNotificationService-1.pem", [TOPIC.encode()])
    assert not allows(f"https://sns.{host}/SimpleNotificationService-1.pem", [])


@pytest.mark.parametrize(
    ("pem", "is_good"),
    [
        (certificate(), True),
        (certificate(name="sns-signing.af-south-1.amazonaws.com"), True),
        (certificate(name="sns-cn-north-1.amazonaws.com.cn"), True),
        (certificate(name="evil.test"), False),
        (certificate(name="sns.amazonaws.com.evil.test"), False),
        (certificate(name="*.amazonaws.com"), False),
        (certificate(bits=1024), False),
        (b"", False),
        (b"<html></html>", False),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", False),
    ],
)
def test_only_a_certificate_of_amazons_signing_service_is_kept(pem, is_good):
    assert is_usable(pem) is is_good


GENUINE = message()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (delivery(b""), Reason.MALFORMED_BODY),
        (delivery(b"\xff\xfe"), Reason.MALFORMED_BODY),
        (delivery(b"[" * 100_000), Reason.MALFORMED_BODY),
        (delivery(b"[]"), Reason.MALFORMED_BODY),
        (delivery(b"{}"), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, TopicArn=7)), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, TopicArn=TOPIC + "x")), Reason.WRONG_SIGNATURE),
        (delivery(changed(GENUINE, TopicArn="\ud800")), Reason.WRONG_SIGNATURE),
        (delivery(changed(GENUINE, Type="Other")), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, Message=None)), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, Message=["a"])), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, MessageId="a\nb")), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, Subject="a\nb")), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, Subject=7)), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, Subject=None)), Reason.WRONG_SIGNATURE),
        (delivery(changed(GENUINE, Message="\ud800")), Reason.WRONG_SIGNATURE),
        (delivery(changed(GENUINE, Timestamp="yesterday")), Reason.MALFORMED_TIMESTAMP),
        (delivery(changed(GENUINE, Timestamp="2026-03-06T20:00:26")), Reason.MALFORMED_TIMESTAMP),
        (delivery(changed(GENUINE, Signature=None)), Reason.MALFORMED_BODY),
        (delivery(changed(GENUINE, Signature="%%%")), Reason.MALFORMED_SIGNATURE),
        (delivery(changed(GENUINE, Signature="AAAA")), Reason.WRONG_SIGNATURE),
        (delivery(changed(GENUINE, Signature="A" * 4000)), Reason.MALFORMED_SIGNATURE),
        (delivery(changed(GENUINE, SignatureVersion="1")), Reason.WRONG_SIGNATURE),
        (delivery(changed(GENUINE, SignatureVersion="3")), Reason.MALFORMED_SIGNATURE),
        (delivery(changed(GENUINE, SignatureVersion=2)), Reason.MALFORMED_BODY),
        (delivery(bits=3072), Reason.WRONG_SIGNATURE),
        (delivery(sent_at=NOW - 3601), Reason.STALE),
        (delivery(sent_at=NOW + 301), Reason.FUTURE),
        (delivery().with_(secrets=()), Reason.NO_SECRET),
        (delivery().with_(documents={CERTIFICATE: b"x"}), Reason.WRONG_SIGNATURE),
        (delivery().with_(documents={CERTIFICATE: certificate(name="evil.test")}),
         Reason.WRONG_SIGNATURE),
        (delivery().with_(documents={CERTIFICATE: certificate(begins=NOW - 86_400 * 40)}),
         Reason.WRONG_SIGNATURE),
        (delivery().with_(documents={CERTIFICATE: certificate(begins=NOW + 60)}),
         Reason.WRONG_SIGNATURE),
    ],
)  # fmt: skip
def test_all_else_is_refused(given, reason):
    assert given.reason is reason


def test_fields_cannot_be_shifted_by_line_breaks():
    """One signed text has one reading: no other message has the bytes of this one."""
    crafted = message(Message="a\nMessageId\nforged\nSubject\nb", Subject=None)
    forged = changed(crafted, Message="a", MessageId="forged",
                     Subject="b\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324")  # fmt: skip

    assert delivery(crafted).verified().event_id != "forged"
    assert delivery(forged).reason is Reason.MALFORMED_BODY


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, SUBSCRIBE),
        ({"Type": "Notification"}, ""),
        ({"Type": "UnsubscribeConfirmation"}, ""),
        ({"SubscribeURL": None}, ""),
        ({"SubscribeURL": SUBSCRIBE.replace("https", "http")}, ""),
        ({"SubscribeURL": SUBSCRIBE.replace("amazonaws.com", "evil.test")}, ""),
        ({"SubscribeURL": SUBSCRIBE.replace("Confirm", "Delete")}, ""),
        ({"SubscribeURL": SUBSCRIBE + "#@evil.test"}, ""),
        ({"SubscribeURL": SUBSCRIBE + " x"}, ""),
    ],
)
def test_only_a_request_to_subscribe_names_an_address_to_visit(changes, url):
    fields = {"Type": "SubscriptionConfirmation", "SubscribeURL": SUBSCRIBE} | changes

    assert confirm(json.dumps(fields).encode()) == url


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_body_that_says_nothing_asks_for_nothing(body):
    assert confirm(body) == ""


def test_recorded_request_to_subscribe_names_its_address():
    body = recorded("subscription_confirmation").body

    assert confirm(body) == json.loads(body)["SubscribeURL"]
    assert confirm(recorded("unsubscribe_confirmation").body) == ""


@pytest.mark.parametrize(
    "text", ["orders-topic", TOPIC + "\n", "arn:aws:sqs:us-west-2:1:x", TOPIC + "#"]
)
def test_secret_has_to_be_a_topic(text):
    with pytest.raises(BadSecret, match="topic's ARN"):
        key_of(SNS, text)


def test_secret_is_never_made_here():
    with pytest.raises(BadSecret):
        new_secret(SNS)
