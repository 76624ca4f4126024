"""Files: nothing is overwritten unseen, nothing climbs out of its folder, nothing happens twice."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus, Secret
from gateway.connectors.files.connector import FilesConnector
from gateway.connectors.files.content import MAX_BYTES
from gateway.http.client import client
from gateway.http.errors import OutsideError
from gateway.tools.render import RenderError
from tests.doubles.s3 import BUCKET, KEY_ID, REGION, S3, SECRET, Stored
from tests.doubles.serving import Asked, Said, Service, serving
from tests.doubles.workspace import TOKEN, WORKSPACE, Workspace

FILES = FilesConnector()
REPORT = {"key": "reports/Q3 2026/ä+b.csv", "text": "a,b\n1,2\n", "content_type": "text/csv"}
PLACE = f"in/{REPORT['key']}"
SIGNED = Secret("aws_sigv4", SECRET, username=KEY_ID, region=REGION, service="s3")
Make = Callable[..., ConnectorRequest]


@pytest.fixture
def store() -> Iterator[S3]:
    with serving(S3()) as double:
        yield double


@pytest.fixture
def ask(store: S3, attempt: Make) -> Make:
    def make(operation: str, arguments: dict[str, Any], **more: Any) -> ConnectorRequest:
        config = {"base_url": store.url, "bucket": BUCKET, "prefix": "in/"} | more.pop("config", {})
        secret = more.pop("secret", SIGNED)
        return attempt(
            "files", operation, config, arguments, allow=store.host_port, secret=secret, **more
        )

    return make


def test_an_object_is_written_with_hash_and_key_under_its_prefix(store: S3, ask: Make) -> None:
    request = ask("put_object", REPORT, key="act_7")
    outcome = FILES.execute(request)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.error
    stored = store.objects[PLACE]
    assert outcome.result == {"key": REPORT["key"], "etag": stored.etag}
    assert (stored.raw, stored.kind) == (b"a,b\n1,2\n", "text/csv")
    assert stored.metadata["x-amz-meta-countersign-key"] == "act_7"
    assert stored.metadata["x-amz-meta-sha256"] == hashlib.sha256(stored.raw).hexdigest()
    assert SECRET not in json.dumps(request.rendered)
    assert request.rendered["key_in"] == "x-amz-meta-countersign-key"
    assert request.rendered["headers"]["x-amz-meta-sha256"] in json.dumps(request.rendered)


def test_bytes_travel_in_base64(store: S3, ask: Make) -> None:
    raw = bytes(range(256))
    encoded = base64.b64encode(raw).decode()
    request = ask("put_object", {"key": "x.bin", "base64": encoded})
    assert FILES.execute(request).status is OutcomeStatus.SUCCEEDED
    assert store.objects["in/x.bin"].raw == raw
    assert (request.rendered["body"], request.rendered["body_base64"]) == (None, encoded)


def test_nothing_is_overwritten_unseen(store: S3, ask: Make) -> None:
    store.objects[PLACE] = Stored(b"theirs")
    outcome = FILES.execute(ask("put_object", REPORT))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "PreconditionFailed")
    wrong = FILES.execute(ask("put_object", {**REPORT, "replaces": "0" * 32}))
    assert wrong.reason == "PreconditionFailed"
    assert store.objects[PLACE].raw == b"theirs"
    right = {**REPORT, "replaces": store.objects[PLACE].etag.strip('"')}
    assert FILES.execute(ask("put_object", right)).status is OutcomeStatus.SUCCEEDED
    assert store.objects[PLACE].raw == b"a,b\n1,2\n"


def test_a_preview_shows_what_is_replaced_and_the_contents_hash(store: S3, ask: Make) -> None:
    new = FILES.preview(ask("put_object", REPORT))
    assert new is not None
    assert (new.before["etag"], new.affected[0].label) == (None, "new")
    store.objects[PLACE] = Stored(b"theirs", "text/plain")
    seen = FILES.preview(ask("put_object", REPORT))
    assert seen is not None
    assert (seen.before["etag"], seen.before["size"]) == (store.objects[PLACE].etag, 6)
    assert seen.after["size"] == 8
    assert seen.after["sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert "6 bytes" in seen.affected[0].label
    assert store.effects == []


@pytest.mark.parametrize("spoiled", [None, Said(500, b"oops"), Said(503, b"<html>")])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_lost_answer_is_found_by_its_key_and_a_repeat_changes_nothing(
    store: S3, ask: Make, spoiled: Said | None, replaces: bool
) -> None:
    arguments = dict(REPORT)
    if replaces:
        store.objects[PLACE] = Stored(b"theirs")
        arguments["replaces"] = store.objects[PLACE].etag
    request = ask("put_object", arguments, key="act_7")
    assert FILES.lookup(request) is None
    store.after = [spoiled]
    assert FILES.execute(request).status is OutcomeStatus.UNKNOWN
    found = FILES.lookup(request)
    assert found is not None
    assert (found.status, found.result["etag"]) == (
        OutcomeStatus.SUCCEEDED,
        store.objects[PLACE].etag,
    )
    again = FILES.execute(request)
    assert (again.status, len(store.effects)) == (OutcomeStatus.SUCCEEDED, 1)


def test_another_object_in_its_place_proves_nothing(store: S3, ask: Make) -> None:
    store.objects[PLACE] = Stored(b"theirs")
    found = FILES.lookup(ask("put_object", REPORT))
    assert found is not None
    assert (found.status, found.reason) == (OutcomeStatus.UNKNOWN, "another_object")


def test_an_object_is_copied_and_the_source_is_part_of_what_was_seen(store: S3, ask: Make) -> None:
    store.objects["in/a b"] = Stored(b"one", "text/plain")
    request = ask("copy_object", {"source": "a b", "key": "c"})
    seen = FILES.preview(request)
    assert seen is not None
    assert (seen.before["etag"], seen.before["source"]) == (None, store.objects["in/a b"].etag)
    store.after = [None]
    assert FILES.execute(request).status is OutcomeStatus.UNKNOWN
    found = FILES.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    again = FILES.execute(request)
    assert (again.status, again.result["etag"]) == (
        OutcomeStatus.SUCCEEDED,
        store.objects["in/c"].etag,
    )
    assert store.effects == [("copy", "in/c")]
    fresh = FILES.execute(ask("copy_object", {"source": "a b", "key": "d"}))
    assert fresh.result == {"key": "d", "etag": store.objects["in/d"].etag}


@pytest.mark.parametrize(
    ("code", "end"),
    [("SlowDown", OutcomeStatus.FAILED), ("InternalError", OutcomeStatus.UNKNOWN)],
)
def test_a_copy_that_fails_under_status_200_is_no_success(
    store: S3, ask: Make, code: str, end: OutcomeStatus
) -> None:
    store.objects["in/a"] = Stored(b"one")
    store.fails_late = code
    outcome = FILES.execute(ask("copy_object", {"source": "a", "key": "c"}))
    assert (outcome.status, outcome.reason, outcome.retryable) == (end, code, True)


def test_an_object_is_deleted_once_and_only_the_one_that_was_meant(store: S3, ask: Make) -> None:
    store.objects["in/a"] = Stored(b"one")
    moved = FILES.execute(ask("delete_object", {"key": "a", "etag": "0" * 32}))
    assert moved.reason == "PreconditionFailed"
    request = ask("delete_object", {"key": "a", "etag": store.objects["in/a"].etag})
    seen = FILES.preview(request)
    assert seen is not None
    assert (seen.before["size"], seen.after) == (3, None)
    assert FILES.lookup(request) is None
    store.after = [None]
    assert FILES.execute(request).status is OutcomeStatus.UNKNOWN
    found = FILES.lookup(request)
    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    assert store.effects == [("delete", "in/a")]


def test_what_an_object_is_can_be_read(store: S3, ask: Make) -> None:
    request = ask("read_object_info", {"key": "a"})
    assert FILES.execute(request).reason == "NoSuchKey"
    store.objects["in/a"] = Stored(b"one", "text/plain")
    assert FILES.execute(request).result["size"] == 3
    assert (FILES.preview(request), FILES.lookup(request)) == (None, None)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (None, "AccessDenied"),
        (Secret("aws_sigv4", "w" * 20, username=KEY_ID, region=REGION, service="s3"),
         "SignatureDoesNotMatch"),
        (Secret("aws_sigv4", SECRET, username="AKIDOTHER", region=REGION, service="s3"),
         "InvalidAccessKeyId"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named(store: S3, ask: Make, secret: Secret | None, reason: str) -> None:
    outcome = FILES.execute(ask("put_object", REPORT, secret=secret))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, reason)
    with pytest.raises(OutsideError, match="403"):
        FILES.preview(ask("put_object", REPORT, secret=secret))
    assert store.objects == {}


def test_a_store_that_asks_to_wait_did_nothing(store: S3, ask: Make) -> None:
    body = b"<Error><Code>SlowDown</Code></Error>"
    store.before = [Said(503, body, {"Retry-After": "7"})]
    outcome = FILES.execute(ask("put_object", REPORT))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "SlowDown")
    assert (outcome.retryable, outcome.retry_after, outcome.may_have_happened) == (True, 7, False)


CLIMBING = [
    "../x", "a/../x", "a/..", "..", ".", "a/./b", "/etc/passwd", "//host/x", "a//b", "a/", "",
    "..\\x", "a\\b", "%2e%2e/x", "a/%2E%2E/x", "a%2fb", "%5cx", "a/ ../x", " a", "a/.. /b",
    "a\x00b", "a\nb", "a\u202eb", "a\u200bb", "a\ufeff", "x" * 1000, 5, None, ["a"],
]  # fmt: skip


@pytest.mark.parametrize("name", CLIMBING, ids=repr)
def test_a_name_that_climbs_out_of_its_folder_is_refused(name: Any) -> None:
    store = {"region": "eu-central-1", "bucket": BUCKET, "prefix": "in"}
    for operation, arguments in (
        ("put_object", {**REPORT, "key": name}),
        ("copy_object", {"source": name, "key": "c"}),
        ("copy_object", {"source": "c", "key": name}),
        ("delete_object", {"key": name}),
        ("read_object_info", {"key": name}),
    ):
        with pytest.raises(RenderError):
            FILES.render(store, operation, arguments)
    with pytest.raises(RenderError):
        FILES.render({"workspace": WORKSPACE}, "upload_file", {"name": name, "text": "x"})


def test_names_of_people_are_kept_as_they_are() -> None:
    store = {"region": "eu-central-1", "bucket": BUCKET}
    rendered = FILES.render(store, "delete_object", {"key": "Müller & Söhne/100% 日本…~.txt"})
    assert rendered["url"] == (
        "https://s3.eu-central-1.amazonaws.com/acme/M%C3%BCller%20%26%20S%C3%B6hne/"
        "100%25%20%E6%97%A5%E6%9C%AC%E2%80%A6~.txt"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"base64": "eA=="},
        {"text": None, "base64": "not base64!"},
        {"text": "x" * (MAX_BYTES + 1)},
        {"content_type": "text/html\r\nX: y"},
        {"content_type": "html"},
        {"sha256": "0" * 64},
        {"replaces": 'a"b'},
        {"replaces": "*"},
    ],
)
def test_content_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RenderError):
        FILES.render({"region": "eu-central-1", "bucket": BUCKET}, "put_object", REPORT | change)


@pytest.mark.parametrize(
    ("operation", "config"),
    [
        ("put_object", {"bucket": BUCKET}),
        ("put_object", {"region": "eu-central-1"}),
        ("put_object", {"region": "eu-central-1", "bucket": "../x"}),
        ("put_object", {"region": "x.evil.example/", "bucket": BUCKET}),
        ("put_object", {"region": "eu-central-1", "bucket": BUCKET, "prefix": "../in"}),
        ("put_object", {"region": "eu-central-1", "bucket": BUCKET, "workspace": "1"}),
        ("upload_file", {}),
        ("upload_file", {"workspace": "../1"}),
        ("import_url", {"workspace": "1", "import_hosts": "a.example"}),
    ],
)
def test_settings_that_name_no_place_are_refused_when_a_tool_is_saved(
    operation: str, config: dict[str, Any]
) -> None:
    with pytest.raises(RenderError):
        FILES.check(operation, config, FILES.operations[operation].schema or {})


@pytest.fixture
def space() -> Iterator[Workspace]:
    with serving(Workspace()) as double:
        yield double


@pytest.fixture
def send(space: Workspace, attempt: Make) -> Make:
    def make(operation: str, arguments: dict[str, Any], **more: Any) -> ConnectorRequest:
        config = {"base_url": f"{space.url}/current", "workspace": WORKSPACE}
        config |= more.pop("config", {})
        secret = more.pop("secret", Secret("bearer", TOKEN))
        return attempt(
            "files", operation, config, arguments, allow=space.host_port, secret=secret, **more
        )

    return make


@pytest.mark.parametrize("raw", [b"plain\r\ntext\n", bytes(range(256)), b""])
def test_a_file_is_uploaded_byte_for_byte(space: Workspace, send: Make, raw: bytes) -> None:
    content = {"base64": base64.b64encode(raw).decode()}
    request = send("upload_file", {"name": "Bericht ä.bin", **content})
    outcome = FILES.execute(request)
    assert (outcome.status, outcome.result) == (
        OutcomeStatus.SUCCEEDED,
        {"new_file_id": "f3jm5-zqzfx"},
    )
    assert list(space.files.values()) == [raw]
    assert request.rendered == send("upload_file", {"name": "Bericht ä.bin", **content}).rendered
    seen = FILES.preview(request)
    assert seen is not None
    assert seen.after["sha256"] == hashlib.sha256(raw).hexdigest()


def test_a_text_is_uploaded_readable(space: Workspace, send: Make) -> None:
    request = send("upload_file", {"name": "a.txt", "text": "Grüße"})
    assert "Grüße" in request.rendered["body"]
    FILES.execute(request)
    assert space.files["a.txt"] == "Grüße".encode()


@pytest.mark.parametrize(
    ("spoiled", "end", "reason"),
    [
        (None, OutcomeStatus.UNKNOWN, "network"),
        (Said(502, b"x"), OutcomeStatus.UNKNOWN, "http_502"),
        (Said(200, b"<html>"), OutcomeStatus.UNKNOWN, "bad_answer"),
        (Said(200, {"result": "no", "error": {"text": "Full."}}), OutcomeStatus.FAILED, "refused"),
    ],
)
def test_an_upload_ends_as_what_is_known(
    space: Workspace, send: Make, spoiled: Said | None, end: OutcomeStatus, reason: str
) -> None:
    space.after = [spoiled]
    request = send("upload_file", {"name": "a.txt", "text": "x"})
    outcome = FILES.execute(request)
    assert (outcome.status, outcome.reason) == (end, reason)
    assert FILES.lookup(request) is None
    assert len(space.effects) == 1


def test_refusals_of_a_workspace_are_failures(space: Workspace, send: Make) -> None:
    other = send("upload_file", {"name": "a", "text": "x"}, config={"workspace": "1"})
    outcome = FILES.execute(other)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "refused")
    assert "no such workspace" in outcome.error
    wrong = send("upload_file", {"name": "a", "text": "x"}, secret=Secret("bearer", "expired"))
    assert FILES.execute(wrong).reason == "http_401"
    space.before = [Said(429, None, {"Retry-After": "3"})]
    limited = FILES.execute(send("upload_file", {"name": "a", "text": "x"}))
    assert (limited.reason, limited.retryable, limited.retry_after) == ("http_429", True, 3)
    assert space.effects == []


class Source(Service):
    """A web server with one file."""

    def answer(self, asked: Asked) -> Said:
        if asked.path != "/file.pdf":
            return Said(404)
        return Said(200, b"x" * 7, {"Content-Type": "application/pdf", "ETag": '"v1"'})


def test_an_address_is_looked_at_without_the_token_before_it_is_imported(
    space: Workspace, send: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Source()) as source:
        # Loopback has no https here; the rule itself is tried below.
        monkeypatch.setattr(
            "gateway.connectors.files.workspace._source", lambda _config, value: value
        )

        def request(path: str) -> ConnectorRequest:
            arguments = {"name": "file.pdf", "source_url": source.url + path}
            made = send("import_url", arguments, config={"import_hosts": ["127.0.0.1"]})
            both = [space.host_port, source.host_port]
            return replace(made, client=client(allow=both))

        seen = FILES.preview(request("/file.pdf"))
        assert seen is not None
        assert (seen.after["source"]["size"], seen.after["source"]["etag"]) == ("7", '"v1"')
        outcome = FILES.execute(request("/file.pdf"))
        assert outcome.status is OutcomeStatus.SUCCEEDED
        assert outcome.result["web_upload"]["id"] == "w1"
        assert space.imports[0]["source_url"] == f"{source.url}/file.pdf"
        assert FILES.execute(request("/gone.pdf")).reason == "source_missing"
        assert all("authorization" not in asked.headers for asked in source.asked)
    assert len(space.effects) == 1


def test_an_agents_address_gets_nothing_of_what_the_operator_allowed(
    space: Workspace, send: Make
) -> None:
    with serving(Source()) as source:
        port = source.host_port.partition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            arguments = {"name": "x", "source_url": f"https://{host}:{port}/file.pdf"}
            allowed = client(allow=[space.host_port, f"{host}:{port}"])
            request = replace(send("import_url", arguments), client=allowed)
            with pytest.raises(OutsideError) as refused:
                FILES.preview(request)
            assert refused.value.reason == "port_refused"
            outcome = FILES.execute(request)
            assert (outcome.reason, outcome.may_have_happened) == ("port_refused", False)
    assert (source.asked, space.asked) == ([], [])


def test_an_agents_address_at_the_usual_port_is_public_whatever_the_operator_allowed(
    space: Workspace, send: Make
) -> None:
    arguments = {"name": "x", "source_url": "https://localhost/file.pdf"}
    allowed = client(allow=[space.host_port, "localhost:443"])
    request = replace(send("import_url", arguments), client=allowed)
    with pytest.raises(OutsideError) as refused:
        FILES.preview(request)
    assert refused.value.reason == "address_refused"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/x", "https://10.0.0.8/x", "https://169.254.169.254/latest/meta-data"]
)
def test_an_address_that_the_guard_refuses_is_not_handed_on(
    space: Workspace, send: Make, url: str
) -> None:
    request = send("import_url", {"name": "x", "source_url": url})
    outcome = FILES.execute(request)
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.FAILED, False)
    assert outcome.reason == "address_refused"
    with pytest.raises(OutsideError):
        FILES.preview(request)
    assert (space.asked, space.effects) == ([], [])


@pytest.mark.parametrize(
    "url",
    ["http://files.example/x", "ftp://files.example/x", "https://user:pw@files.example/x",
     "https://evil.example/x", "https://files.example.evil.example/x", "https://files.example/{x}",
     "https://files.example/x#y", "file:///etc/passwd", "", 5],
)  # fmt: skip
def test_only_addresses_of_allowed_hosts_are_imported(url: Any) -> None:
    config = {"workspace": WORKSPACE, "import_hosts": ["files.example"]}
    FILES.render(config, "import_url", {"name": "x", "source_url": "https://files.example/x?y=1"})
    with pytest.raises(RenderError, match="source_url"):
        FILES.render(config, "import_url", {"name": "x", "source_url": url})
