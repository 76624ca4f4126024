"""Credentials on requests. The signatures are those that Amazon published with its description."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.connectors.base import Secret
from gateway.connectors.credentials import with_credential
from gateway.http.errors import OutsideError
from gateway.http.messages import Request

SUITE = Secret(
    "aws_sigv4", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", username="AKIDEXAMPLE",
    region="us-east-1", service="service",
)  # fmt: skip
IAM = Secret("aws_sigv4", SUITE.value, username="AKIDEXAMPLE", region="us-east-1", service="iam")
S3 = Secret(
    "aws_sigv4", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", username="AKIA" + "IOSFODNN7EXAMPLE",
    region="us-east-1", service="s3",
)  # fmt: skip
THEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
DAY = datetime(2013, 5, 24, tzinfo=UTC)
BUCKET = "https://examplebucket.s3.amazonaws.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
PUBLISHED = {
    "get-vanilla": (
        SUITE, THEN, Request("GET", "https://example.amazonaws.com/"),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "post-vanilla": (
        SUITE, THEN, Request("POST", "https://example.amazonaws.com/"),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "get-vanilla-query-order-key-case": (
        SUITE, THEN, Request("GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1"),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "iam list users": (
        IAM, THEN,
        Request("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", FORM),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ),
    "s3 get object": (
        S3, DAY, Request("GET", f"{BUCKET}/test.txt", {"Range": "bytes=0-9"}),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "s3 put object": (
        S3, DAY,
        Request(
            "PUT", f"{BUCKET}/test%24file.text",
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
        ),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    "s3 lifecycle": (
        S3, DAY, Request("GET", f"{BUCKET}/?lifecycle"),
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "s3 list": (
        S3, DAY, Request("GET", f"{BUCKET}/?max-keys=2&prefix=J"),
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_signature_is_the_published_one(name):
    secret, at, request, signature = PUBLISHED[name]
    signed = with_credential(request, secret, at=at)
    assert signed.headers["Authorization"].endswith(f"Signature={signature}")
    assert (signed.method, signed.url, signed.body) == (request.method, request.url, request.body)


def test_a_signature_covers_exactly_the_bytes_headers_and_port():
    def signature(**change):
        given = {"method": "PUT", "url": f"{BUCKET}/a", "headers": {"X-Tag": "1"}, "body": b"x"}
        return with_credential(Request(**given | change), S3, at=DAY).headers["Authorization"]

    changes = [
        {"body": b"y"}, {"headers": {"X-Tag": "2"}}, {"url": f"{BUCKET}/b"}, {"method": "POST"},
        {"url": f"{BUCKET}:8443/a"}, {"url": f"{BUCKET}/a?b"},
    ]  # fmt: skip
    assert len({signature(), *(signature(**change) for change in changes)}) == len(changes) + 1
    # What the door adds on the way is not covered, so it breaks nothing.
    assert signature(headers={"X-Tag": "1", "User-Agent": "x"}) == signature()
    assert S3.value not in signature()


def test_a_rendered_authorization_never_stands_beside_the_credentials():
    sent = with_credential(
        Request("GET", "https://x.example/", {"authorization": "Bearer theirs"}),
        Secret("bearer", "ours"), at=DAY,
    )  # fmt: skip
    assert sent.headers == {"Authorization": "Bearer ours"}


def test_a_pinned_version_goes_along_unless_the_request_says_one():
    secret = Secret("bearer", "x", pinned={"Api-Version": "1"})
    plain = Request("GET", "https://x.example/")
    assert with_credential(plain, secret, at=DAY).headers["Api-Version"] == "1"
    said = Request("GET", "https://x.example/", {"api-version": "2"})
    assert with_credential(said, secret, at=DAY).headers == {
        "api-version": "2", "Authorization": "Bearer x",
    }  # fmt: skip


@pytest.mark.parametrize(
    "secret",
    [Secret("bearer", "x"), Secret("basic", "x", "u"), Secret("header", "x", "", "Key"), S3],
)
def test_a_credential_goes_to_its_own_hosts_only(secret):
    bound = replace(secret, hosts=("api.example.com",))
    assert with_credential(Request("GET", "https://api.example.com/"), bound, at=DAY).headers
    with pytest.raises(OutsideError, match=r"evil.example .* its hosts do not name it") as refused:
        with_credential(Request("GET", "https://evil.example/"), bound, at=DAY)
    assert (refused.value.reason, refused.value.may_have_happened) == ("host_refused", False)


def test_a_database_password_is_never_sent_over_http():
    with pytest.raises(ValueError, match="cannot be sent over HTTP"):
        with_credential(Request("GET", "https://x.example/"), Secret("dsn", "x"), at=DAY)
