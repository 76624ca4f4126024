"""GitHub's operations as data: arguments, request, and the words for the reviewer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.connectors.base import Operation
from gateway.connectors.github import outputs
from gateway.http.messages import RetryClass

PROOF = (
    "paths, methods, body fields and enumerations against GitHub's OpenAPI description "
    "(@octokit/openapi 23.0.2), behaviour over real HTTP against `tests/doubles/github.py`; "
    "never against github.com"
)
DOCS = "https://docs.github.com/rest/"
REPOSITORY = "/repos/{owner}/{repo}"
ISSUE = REPOSITORY + "/issues/{number}"
PULL = REPOSITORY + "/pulls/{number}"
# Stands in the rendered text where the action's own id is filled in when it is sent, as the
# idempotency key is for services that take one.
MARK_PLACE = "<!-- countersign:{action} -->"
MARK_BEGINS = "<!-- countersign:"
MARKED = "A hidden mark in the text names this action, so that it can be found again."
PLACE = "{{ owner }}/{{ repo }}"
SPOT = PLACE + "#{{ number }}"
MAX_TEXT = 65_000
MAX_FILE = 200_000
PAGE = 20

OWNER = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"}
REPO = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,100}$"}
LOGIN = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?$"}
NUMBER = {"type": "integer", "minimum": 1, "maximum": 2_147_483_647}
SHA = {"type": "string", "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"}
TITLE = {"type": "string", "minLength": 1, "maxLength": 256}
TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
LABEL = {"type": "string", "minLength": 1, "maxLength": 50}
REF = {"type": "string", "minLength": 1, "maxLength": 250, "pattern": r"^[^\s~^:?*\[\\]+$"}
TIME = {"type": "string", "format": "date-time"}
STATES = ["open", "closed", "all"]


@dataclass(frozen=True)
class Call:
    """One operation and the request it makes.

    `body` is a template whose `{name}` texts stand for arguments (left out where an argument is);
    other texts are sent as they are. None where there is no body. `marked` names the body's text
    that carries the action's mark. `about` says which reading precedes it and what its answer is.
    """

    operation: Operation
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: Mapping[str, Any] | None = None
    query: tuple[str, ...] = ()
    marked: str = ""
    about: Literal["", "repository", "issue", "pull", "workflow", "file", "note"] = ""


def _schema(*required: str, any_of: tuple[str, ...] = (), **optional: Any) -> dict[str, Any]:
    """Strict: owner and repository and what else is named, nothing more."""
    known = {"owner": OWNER, "repo": REPO} | optional
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["owner", "repo", *required],
        "properties": known,
    }
    if any_of:
        schema["anyOf"] = [{"required": [name]} for name in any_of]
    return schema


def _many(item: Mapping[str, Any], *, most: int) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most, "uniqueItems": True}


def _body(*names: str) -> dict[str, str]:
    return {name: f"{{{name}}}" for name in names}


def _page(**more: Any) -> dict[str, Any]:
    return {
        "per_page": {"type": "integer", "minimum": 1, "maximum": 50, "default": PAGE},
        "page": {"type": "integer", "minimum": 1, "maximum": 10_000},
    } | more


def _affected(schema: dict[str, Any]) -> str:
    """The CEL that names what is touched, as previews name it: what stands narrowest."""
    place = "args.owner + '/' + args.repo"
    for name, kind, mark in (
        ("number", "issue", "#"), ("comment_id", "comment", "/"),
        ("workflow", "workflow", "/"), ("path", "file", "/"),
    ):  # fmt: skip
        if name in schema["required"]:
            return f"['{kind}:' + {place} + '{mark}' + string(args.{name})]"
    return f"['repository:' + {place}]"


def _read(name: str, title: str, page: str, schema: dict[str, Any]) -> Operation:
    where = SPOT if "number" in schema["required"] else PLACE
    return Operation(
        name, title, side_effect="read", retry_class=RetryClass.SAFE, risk="low", schema=schema,
        effect=f"{title}: {where}.", affected=_affected(schema), documentation=DOCS + page,
        proof=PROOF, output_schema=outputs.OF.get(name),
    )  # fmt: skip


def _write(
    name: str,
    title: str,
    *,
    page: str,
    schema: dict[str, Any],
    effect: str,
    retry: RetryClass = RetryClass.IDEMPOTENT,
    **more: Any,
) -> Operation:
    """A write that is previewed. What is repeated without harm needs no look-up."""
    return Operation(
        name, title, schema=schema, effect=effect, retry_class=retry, has_preview=True,
        affected=_affected(schema), output_schema=outputs.OF.get(name), takes_key=False,
        has_lookup=retry is RetryClass.UNSAFE, documentation=DOCS + page, proof=PROOF,
        **{"side_effect": "write"} | more,
    )  # fmt: skip


OPEN_ISSUE = ("title", "state", "locked")
PULL_STATE = ("head", "base", "state", "merged", "draft", "hindrance")

_CALLS = (
    Call(
        _read(
            "list_issues", "List issues", "issues/issues#list-repository-issues",
            _schema(**_page(
                state={"type": "string", "enum": STATES},
                labels={"type": "string", "maxLength": 300},
                since=TIME,
            )),
        ),
        "GET", REPOSITORY + "/issues", query=("state", "labels", "since", "per_page", "page"),
    ),
    Call(
        _read("read_issue", "Read an issue", "issues/issues#get-an-issue",
              _schema("number", number=NUMBER)),
        "GET", ISSUE,
    ),
    Call(
        _read("list_comments", "List an issue's comments", "issues/comments#list-issue-comments",
              _schema("number", number=NUMBER, **_page(since=TIME))),
        "GET", ISSUE + "/comments", query=("since", "per_page", "page"),
    ),
    Call(
        _read("list_pulls", "List pull requests", "pulls/pulls#list-pull-requests",
              _schema(**_page(state={"type": "string", "enum": STATES}, base=REF))),
        "GET", REPOSITORY + "/pulls", query=("state", "base", "per_page", "page"),
    ),
    Call(
        _read("read_pull", "Read a pull request", "pulls/pulls#get-a-pull-request",
              _schema("number", number=NUMBER)),
        "GET", PULL,
    ),
    Call(
        _write(
            "create_issue", "Open an issue", page="issues/issues#create-an-issue",
            retry=RetryClass.UNSAFE, undo="close_issue", material=("visibility", "archived"),
            effect=f"Open an issue in {PLACE}: “{{{{ title }}}}”. {MARKED}",
            schema=_schema(
                "title", title=TITLE, body=TEXT,
                labels=_many(LABEL, most=20), assignees=_many(LOGIN, most=10),
            ),
        ),
        "POST", REPOSITORY + "/issues", body=_body("title", "body", "labels", "assignees"),
        marked="body", about="repository",
    ),
    Call(
        _write(
            "comment", "Comment on an issue or pull request",
            page="issues/comments#create-an-issue-comment",
            retry=RetryClass.UNSAFE, undo="delete_comment", material=OPEN_ISSUE,
            effect=f"Comment on {SPOT}. {MARKED}",
            schema=_schema("number", "body", number=NUMBER, body=TEXT),
        ),
        "POST", ISSUE + "/comments", body=_body("body"), marked="body", about="issue",
    ),
    Call(
        _write(
            "delete_comment", "Delete a comment", page="issues/comments#delete-an-issue-comment",
            retry=RetryClass.UNSAFE, side_effect="destructive", material=("author", "body"),
            effect=f"Delete comment {{{{ comment_id }}}} in {PLACE} for good.",
            schema=_schema("comment_id", comment_id={"type": "integer", "minimum": 1}),
        ),
        "DELETE", REPOSITORY + "/issues/comments/{comment_id}", about="note",
    ),
    Call(
        _write(
            "add_labels", "Add labels", page="issues/labels#add-labels-to-an-issue",
            risk="low", material=("title", "labels"),
            effect=f"Add labels {{{{ labels }}}} to {SPOT}.",
            schema=_schema("number", "labels", number=NUMBER, labels=_many(LABEL, most=20)),
        ),
        "POST", ISSUE + "/labels", body=_body("labels"), about="issue",
    ),
    Call(
        _write(
            "remove_label", "Remove a label", page="issues/labels#remove-a-label-from-an-issue",
            risk="low", material=("title", "labels"),
            effect=f"Remove the label “{{{{ label }}}}” from {SPOT}.",
            schema=_schema("number", "label", number=NUMBER, label=LABEL),
        ),
        "DELETE", ISSUE + "/labels/{label}", about="issue",
    ),
    Call(
        _write(
            "assign", "Assign people", page="issues/assignees#add-assignees-to-an-issue",
            risk="low", material=("title", "state", "assignees"),
            effect=f"Assign {{{{ assignees }}}} to {SPOT}; each is notified.",
            schema=_schema("number", "assignees", number=NUMBER, assignees=_many(LOGIN, most=10)),
        ),
        "POST", ISSUE + "/assignees", body=_body("assignees"), about="issue",
    ),
    Call(
        _write(
            "update_issue", "Change an issue's title or text", page="issues/issues#update-an-issue",
            material=("title", "state", "body"),
            effect=f"Change {SPOT}: title “{{{{ title }}}}”, text “{{{{ body }}}}”; "
                   "“—” stays as it is.",
            schema=_schema(
                "number", any_of=("title", "body"), number=NUMBER, title=TITLE, body=TEXT
            ),
        ),
        "PATCH", ISSUE, body=_body("title", "body"), about="issue",
    ),
    Call(
        _write(
            "close_issue", "Close an issue", page="issues/issues#update-an-issue",
            undo="reopen_issue", material=("title", "state"),
            effect=f"Close {SPOT} (reason: {{{{ state_reason }}}}).",
            schema=_schema("number", number=NUMBER, state_reason={
                "type": "string", "enum": ["completed", "not_planned", "duplicate"],
            }),
        ),
        "PATCH", ISSUE, body={"state": "closed", "state_reason": "{state_reason}"}, about="issue",
    ),
    Call(
        _write(
            "reopen_issue", "Reopen an issue", page="issues/issues#update-an-issue",
            undo="close_issue", material=("title", "state"), effect=f"Reopen {SPOT}.",
            schema=_schema("number", number=NUMBER),
        ),
        "PATCH", ISSUE, body={"state": "open", "state_reason": "reopened"}, about="issue",
    ),
    Call(
        _write(
            "request_reviewers", "Ask people for a review",
            page="pulls/review-requests#request-reviewers-for-a-pull-request",
            risk="low", material=("state", "merged", "reviewers"),
            effect=f"Ask {{{{ reviewers }}}} and teams {{{{ team_reviewers }}}} to review {SPOT}.",
            schema=_schema(
                "number", any_of=("reviewers", "team_reviewers"), number=NUMBER,
                reviewers=_many(LOGIN, most=15), team_reviewers=_many(LOGIN, most=15),
            ),
        ),
        "POST", PULL + "/requested_reviewers", body=_body("reviewers", "team_reviewers"),
        about="pull",
    ),
    Call(
        _write(
            "review_pull", "Review a pull request",
            page="pulls/reviews#create-a-review-for-a-pull-request",
            retry=RetryClass.UNSAFE, risk="high", material=("head", "state", "merged"),
            effect=f"Review {SPOT} at {{{{ commit_id }}}}: {{{{ event }}}}. {MARKED}",
            schema=_schema(
                "number", "commit_id", "event", "body", number=NUMBER, commit_id=SHA, body=TEXT,
                event={"type": "string", "enum": ["APPROVE", "REQUEST_CHANGES", "COMMENT"]},
            ),
        ),
        "POST", PULL + "/reviews", body=_body("commit_id", "event", "body"), marked="body",
        about="pull",
    ),
    Call(
        _write(
            "merge_pull", "Merge a pull request", page="pulls/pulls#merge-a-pull-request",
            retry=RetryClass.UNSAFE, side_effect="destructive", risk="high", material=PULL_STATE,
            effect=f"Merge {SPOT} ({{{{ merge_method }}}}) exactly as it stands at {{{{ sha }}}}.",
            schema=_schema(
                "number", "sha", "merge_method", number=NUMBER, sha=SHA,
                commit_title=TITLE, commit_message=TEXT,
                merge_method={"type": "string", "enum": ["merge", "squash", "rebase"]},
            ),
        ),
        "PUT", PULL + "/merge", about="pull",
        body=_body("sha", "merge_method", "commit_title", "commit_message"),
    ),
    Call(
        # GitHub takes no key and lists runs without what started them: nothing to look up.
        Operation(
            "dispatch_workflow", "Start a workflow", side_effect="destructive", risk="high",
            retry_class=RetryClass.UNSAFE, has_preview=True, material=("name", "path", "state"),
            affected="['workflow:' + args.owner + '/' + args.repo + '/' + args.workflow]",
            effect=f"Start the workflow {{{{ workflow }}}} of {PLACE} on {{{{ ref }}}}.",
            schema=_schema(
                "workflow", "ref", ref=REF,
                workflow={"type": "string", "pattern": "^[A-Za-z0-9._-]{1,200}$"},
                inputs={
                    "type": "object", "maxProperties": 25,
                    "additionalProperties": {"type": "string", "maxLength": 10_000},
                },
            ),
            documentation=DOCS + "actions/workflows#create-a-workflow-dispatch-event", proof=PROOF,
        ),
        "POST", REPOSITORY + "/actions/workflows/{workflow}/dispatches",
        body=_body("ref", "inputs"), about="workflow",
    ),
    Call(
        _write(
            "put_file", "Create or change a file",
            page="repos/contents#create-or-update-file-contents",
            retry=RetryClass.UNSAFE, risk="high", material=("sha",),
            effect=f"Commit {{{{ path }}}} to {PLACE}, branch {{{{ branch }}}}: "
                   "“{{ message }}”.",
            schema=_schema(
                "path", "branch", "message", "text", branch=REF, sha=SHA,
                path={"type": "string", "pattern": r"^[^/\\\x00-\x1f][^\\\x00-\x1f]{0,499}$"},
                message={"type": "string", "minLength": 1, "maxLength": 5_000},
                text={"type": "string", "maxLength": MAX_FILE},
            ),
        ),
        # `content` is the text in Base64, as GitHub wants it.
        "PUT", REPOSITORY + "/contents/{path}", about="file",
        body=_body("message", "branch", "sha", "content"),
    ),
)  # fmt: skip

CALLS = {call.operation.name: call for call in _CALLS}
