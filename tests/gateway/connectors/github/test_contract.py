"""Every request of the connector against GitHub's own OpenAPI description."""

from typing import Any

import pytest

from gateway.connectors.github.asking import VERSION
from gateway.connectors.github.catalogue import CALLS
from tests.vendor import described

# Our short names for GitHub's parameters.
OURS = {"issue_number": "number", "pull_number": "number", "workflow_id": "workflow"}
READINGS = [
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    "/repos/{owner}/{repo}/pulls/{number}/reviews",
    "/repos/{owner}/{repo}/actions/workflows/{workflow}",
    "/repos/{owner}/{repo}/contents/{path}",
]


@pytest.fixture(scope="module")
def openapi() -> Any:
    return described.document(described.GITHUB)


class Spoken:
    """One operation as the description has it."""

    def __init__(self, openapi: Any, method: str, path: str) -> None:
        self.openapi = openapi
        wanted = path.replace("/labels/{label}", "/labels/{name}")
        (found,) = [p for p in openapi["paths"] if _ours(p) == wanted]
        self.path = found
        self.said = openapi["paths"][found][method.lower()]
        self.parameters = {p["name"]: p for p in map(self.meant, self.said.get("parameters", []))}

    def meant(self, part: Any) -> Any:
        """What a reference stands for."""
        while isinstance(part, dict) and "$ref" in part:
            found: Any = self.openapi
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = found
        return part

    @property
    def body(self) -> Any:
        """The schema of the body, the object among its alternatives."""
        content = self.meant(self.said["requestBody"])["content"]["application/json"]["schema"]
        schema = self.meant(content)
        choices = schema.get("oneOf", [schema])
        return next(c for c in map(self.meant, choices) if c.get("type") == "object")


def _ours(path: str) -> str:
    for theirs, ours in OURS.items():
        path = path.replace(f"{{{theirs}}}", f"{{{ours}}}")
    return path


def kinds(schema: Any) -> set[str]:
    """The JSON types that a schema takes."""
    choices = schema.get("oneOf") or schema.get("anyOf") or [schema]
    return {c["type"] for c in choices if "type" in c}


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.operation.name)
def test_each_request_is_one_that_github_describes(openapi, call):
    theirs = Spoken(openapi, call.method, call.path)
    assert set(call.query) <= set(theirs.parameters)
    ours = call.operation.schema["properties"]
    for name in call.query:
        if "enum" in ours[name]:
            assert set(ours[name]["enum"]) <= set(theirs.parameters[name]["schema"]["enum"])


@pytest.mark.parametrize(
    "call", [c for c in CALLS.values() if c.body], ids=lambda call: call.operation.name
)
def test_each_body_has_the_fields_that_github_names_and_needs(openapi, call):
    theirs = Spoken(openapi, call.method, call.path).body
    assert set(call.body) <= set(theirs["properties"])
    always = set(call.operation.schema["required"]) | {call.marked, "content"}
    assert set(theirs.get("required", ())) <= always & set(call.body)
    ours = call.operation.schema["properties"]
    for name, template in call.body.items():
        theirs_here = theirs["properties"][name]
        if template != f"{{{name}}}":
            assert template in theirs_here["enum"], name
        if name not in ours:
            continue
        assert ours[name]["type"] in kinds(theirs_here), name
        if "enum" in ours[name]:
            assert set(ours[name]["enum"]) <= set(theirs_here["enum"]), name
        if ours[name]["type"] == "object":
            assert ours[name]["maxProperties"] <= theirs_here["maxProperties"]


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.operation.name)
def test_each_operation_keeps_to_its_page_and_to_what_the_pinned_version_says(openapi, call):
    said = Spoken(openapi, call.method, call.path).said
    page, _, anchor = call.operation.documentation.partition("#")
    theirs = said["externalDocs"]["url"].replace("/rest/reference/", "/rest/")
    assert theirs.partition("#")[2] == anchor
    # The oldest version that GitHub serves: what it changes later is named beside the operation.
    later = [change["version"] for change in said.get("x-github-breaking-changes", [])]
    assert all(version > VERSION for version in later)


@pytest.mark.parametrize("path", READINGS)
def test_what_previews_and_lookups_read_is_described(openapi, path):
    theirs = Spoken(openapi, "GET", path)
    if path.endswith("{path}"):
        assert "ref" in theirs.parameters
    if path.endswith("/reviews"):
        assert {"per_page", "page"} <= set(theirs.parameters)


def test_lists_that_are_looked_through_can_be_asked_for_what_is_new(openapi):
    for path in ("issues", "issues/{number}/comments"):
        theirs = Spoken(openapi, "GET", f"/repos/{{owner}}/{{repo}}/{path}")
        assert {"since", "per_page", "page"} <= set(theirs.parameters)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("issue", "id number title state labels assignees user html_url locked body"),
        ("pull-request", "number title state draft head base user html_url requested_reviewers "
         "requested_teams merged mergeable_state merge_commit_sha merged_by commits changed_files "
         "additions deletions body"),
        ("issue-comment", "id user body created_at html_url issue_url"),
        ("pull-request-review", "id state commit_id html_url body"),
        ("pull-request-merge-result", "merged sha"),
        ("full-repository", "visibility archived"),
        ("content-file", "encoding content size sha"),
        ("file-commit", "content commit"),
        ("workflow", "name path state"),
        ("basic-error", "message"),
        ("validation-error", "message errors"),
    ],
)  # fmt: skip
def test_every_field_that_is_read_is_one_that_github_describes(openapi, name, fields):
    assert set(fields.split()) <= set(openapi["components"]["schemas"][name]["properties"])
