"""A store that speaks S3's REST interface: it checks signatures and keeps conditions."""

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from tests.doubles.serving import Asked, Said, Service

KEY_ID, SECRET, REGION, BUCKET = "AKIDEXAMPLE", "wJalrXUtnFEMI-for-tests", "eu-central-1", "acme"
XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True)
class Stored:
    """One object; the ETag is the content's MD5, as for objects written in one piece."""

    raw: bytes
    kind: str = "binary/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.raw, usedforsecurity=False).hexdigest()}"'


@dataclass
class S3(Service):
    """One bucket; `fails_late` makes copies answer with an error under status 200."""

    objects: dict[str, Stored] = field(default_factory=dict)
    fails_late: str = ""

    def answer(self, asked: Asked) -> Said:
        if (wrong := _wrong_signature(asked)) is not None:
            return _error(403, wrong)
        bucket, _, key = unquote(asked.path).lstrip("/").partition("/")
        if bucket != BUCKET:
            return _error(404, "NoSuchBucket")
        if asked.method == "HEAD":
            return self._head(key)
        if (failed := self._unmet(asked, key)) is not None:
            return failed
        if asked.method == "DELETE":
            self.objects.pop(key, None)
            self.effects.append(("delete", key))
            return Said(204)
        return (
            self._copy(asked, key)
            if "x-amz-copy-source" in asked.headers
            else self._put(asked, key)
        )

    def _head(self, key: str) -> Said:
        found = self.objects.get(key)
        if found is None:
            return Said(404)
        headers = {"ETag": found.etag, "Content-Type": found.kind, **found.metadata}
        return Said(200, found.raw, headers)

    def _unmet(self, asked: Asked, key: str) -> Said | None:
        found = self.objects.get(key)
        if asked.headers.get("if-none-match") == "*" and found is not None:
            return _error(412, "PreconditionFailed")
        wanted = asked.headers.get("if-match")
        if wanted is not None and (found is None or found.etag != wanted):
            return _error(404, "NoSuchKey") if found is None else _error(412, "PreconditionFailed")
        return None

    def _put(self, asked: Asked, key: str) -> Said:
        kept = {k: v for k, v in asked.headers.items() if k.startswith("x-amz-meta-")}
        self.objects[key] = Stored(asked.body, asked.headers["content-type"], kept)
        self.effects.append(("put", key))
        return Said(200, None, {"ETag": self.objects[key].etag})

    def _copy(self, asked: Asked, key: str) -> Said:
        if self.fails_late:
            return _error(200, self.fails_late)
        bucket, _, source = unquote(asked.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        found = self.objects.get(source) if bucket == BUCKET else None
        if found is None:
            return _error(404, "NoSuchKey")
        self.objects[key] = found
        self.effects.append(("copy", key))
        etag = found.etag.replace('"', "&quot;")
        return Said(200, f"<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>".encode(), XML)


def _error(status: int, code: str) -> Said:
    body = f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>m</Message></Error>"
    return Said(status, body.encode(), XML)


def _wrong_signature(asked: Asked) -> str | None:
    """Signature Version 4 as the receiver checks it, computed from what arrived."""
    said = asked.headers.get("authorization", "")
    if not said.startswith("AWS4-HMAC-SHA256 "):
        return "AccessDenied"
    parts = dict(p.strip().split("=", 1) for p in said.partition(" ")[2].split(","))
    id, day, region, service, end = parts["Credential"].split("/")
    if id != KEY_ID:
        return "InvalidAccessKeyId"
    payload = hashlib.sha256(asked.body).hexdigest()
    if asked.headers.get("x-amz-content-sha256") != payload:
        return "XAmzContentSHA256Mismatch"
    names = parts["SignedHeaders"].split(";")
    must = {n for n in asked.headers if n.startswith("x-amz-") or n in ("host", "content-type")}
    if not must <= set(names):
        return "AccessDenied"
    lines = [f"{name}:{' '.join(asked.headers[name].split())}" for name in names]
    path = quote(unquote(asked.path), safe="/-_.~")
    canonical = "\n".join([asked.method, path, "", *lines, "", parts["SignedHeaders"], payload])
    scope = f"{day}/{region}/{service}/{end}"
    text = "\n".join([
        "AWS4-HMAC-SHA256", asked.headers["x-amz-date"], scope,
        hashlib.sha256(canonical.encode()).hexdigest(),
    ])  # fmt: skip
    key = f"AWS4{SECRET}".encode()
    for step in (day, REGION, "s3", "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return None if signature == parts["Signature"] else "SignatureDoesNotMatch"
