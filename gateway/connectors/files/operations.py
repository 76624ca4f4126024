"""What the files connector can do, as data (pure)."""

from typing import Any

from gateway.connectors.base import Operation
from gateway.connectors.files.content import SCHEMA as CONTENT
from gateway.connectors.files.names import MAX_KEY_BYTES, MAX_NAME
from gateway.connectors.operations import by_name
from gateway.http.messages import RetryClass

PUT, COPY, DELETE, INFO = "put_object", "copy_object", "delete_object", "read_object_info"
UPLOAD, IMPORT = "upload_file", "import_url"
OBJECTS = frozenset({PUT, COPY, DELETE, INFO})
S3_PROOF = (
    "headers and conditions: Amazon's own model of S3 in botocore 1.44.8, read by hand; behaviour: "
    "`tests/gateway/connectors/test_files.py` over real HTTP, with checked signatures"
)
WORKSPACE_PROOF = (
    "paths and fields: Fast.io's own command line client, read by hand; behaviour: "
    "`tests/gateway/connectors/test_files.py` over real HTTP"
)
_KEY = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES}
_ETAG = {
    "type": "string",
    "pattern": '^"?[0-9A-Za-z-]{1,100}"?$',
    "description": "The ETag of the object that is replaced; without it nothing is.",
}
_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_AFFECTED = "['object:' + args.key]"


def _schema(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


OPERATIONS = by_name(
    Operation(
        PUT,
        "Write an object",
        side_effect="write",
        # Every write names what it replaces, so a repeat changes nothing and is recognised.
        retry_class=RetryClass.IDEMPOTENT,
        schema=_schema("key", key=_KEY, **CONTENT, replaces=_ETAG),
        effect="Write the object {{ key }} (type {{ content_type }}, SHA-256 {{ sha256 }}), "
        "replacing {{ replaces }}",
        affected=_AFFECTED,
        material=("etag",),
        has_preview=True,
        has_lookup=True,
        documentation="https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
        proof=S3_PROOF,
    ),
    Operation(
        COPY,
        "Copy an object within its bucket",
        side_effect="write",
        retry_class=RetryClass.IDEMPOTENT,
        schema=_schema("source", "key", source=_KEY, key=_KEY, replaces=_ETAG),
        effect="Copy the object {{ source }} to {{ key }}, replacing {{ replaces }}",
        affected=_AFFECTED,
        material=("etag", "source"),
        has_preview=True,
        has_lookup=True,
        documentation="https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html",
        proof=S3_PROOF,
    ),
    Operation(
        DELETE,
        "Delete an object",
        side_effect="destructive",
        risk="high",
        # Repeated late, it could delete what somebody else has written meanwhile.
        retry_class=RetryClass.UNSAFE,
        schema=_schema("key", key=_KEY, etag={**_ETAG, "description": "Only if it is this one."}),
        effect="Delete the object {{ key }} (version {{ etag }})",
        affected=_AFFECTED,
        material=("etag",),
        has_preview=True,
        has_lookup=True,
        documentation="https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html",
        proof=S3_PROOF,
    ),
    Operation(
        INFO,
        "Read what an object is: size, type, ETag",
        side_effect="read",
        retry_class=RetryClass.SAFE,
        risk="low",
        schema=_schema("key", key=_KEY),
        effect="Read the size and version of the object {{ key }}",
        affected=_AFFECTED,
        has_lookup=False,
        documentation="https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html",
        proof=S3_PROOF,
    ),
    Operation(
        UPLOAD,
        "Upload a file to a workspace",
        side_effect="write",
        # The service takes no key, and shows none in its folders.
        retry_class=RetryClass.UNSAFE,
        schema=_schema("name", name=_NAME, **CONTENT),
        effect="Upload {{ name }} to the workspace (type {{ content_type }}, SHA-256 {{ sha256 }})",
        affected="['file:' + args.name]",
        has_preview=True,
        documentation="https://docs.fast.io/upload.html",
        proof=WORKSPACE_PROOF,
    ),
    Operation(
        IMPORT,
        "Import a file into a workspace from an address",
        side_effect="write",
        retry_class=RetryClass.UNSAFE,
        schema=_schema(
            "name", "source_url", name=_NAME, source_url={"type": "string", "maxLength": 2000}
        ),
        effect="Import {{ source_url }} into the workspace as {{ name }}",
        affected="['file:' + args.name]",
        has_preview=True,
        documentation="https://docs.fast.io/upload.html",
        proof=WORKSPACE_PROOF,
    ),
)
