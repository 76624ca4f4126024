"""What GitHub's answers mean: refusals in words, limits that pass, and the little that is kept."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.connectors.github.catalogue import Call
from gateway.connectors.rest import json_of, plain
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer
from gateway.http.paging import Page, links
from gateway.http.status import refused

# What GitHub asks for after a secondary limit that names no time.
SECONDARY_WAIT_S = 60.0
MOVED = frozenset({301, 302, 307, 308})
_SECONDARY = re.compile(r"secondary rate limit|abuse detection", re.IGNORECASE)
MAX_WORDS = 300


def judge(call: Call, arguments: Mapping[str, Any], answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome with GitHub's meaning: which refusals pass, and what of a success is kept."""
    if outcome.status is OutcomeStatus.SUCCEEDED:
        return _success(call, arguments, answer=answer, outcome=outcome)
    if (wait := limit_wait_s(answer)) is not None:
        return replace(
            outcome, status=OutcomeStatus.FAILED, may_have_happened=False, retryable=True,
            retry_after=wait, reason="rate_limited",
            error=f"GitHub's rate limit is reached: again in {wait:.0f} s.",
        )  # fmt: skip
    if call.operation.name == "remove_label" and _says(answer) == "Label does not exist":
        return _already(outcome, {"removed": False})
    if answer.status in MOVED:
        return replace(
            outcome, status=OutcomeStatus.FAILED, may_have_happened=False, retryable=False,
            reason="moved", error=words(answer),
        )  # fmt: skip
    return replace(outcome, error=words(answer))


def refusal(answer: Answer) -> OutsideError:
    """The error for a reading that GitHub refused; a reached limit passes."""
    if (wait := limit_wait_s(answer)) is not None:
        detail = f"GitHub's rate limit is reached: again in {wait:.0f} s."
        return OutsideError("rate_limited", False, False, answer.status, wait, detail=detail)
    error = refused(answer, service="GitHub")
    error.detail = words(answer)
    error.args = (error.detail,)
    return error


def limit_wait_s(answer: Answer) -> float | None:
    """How long GitHub's limits want us to wait; None where it is not about limits.

    A limit comes as 403 or 429: with a wait, with nothing remaining, or in words alone.
    """
    if answer.status not in (403, 429):
        return None
    if answer.retry_after is not None:
        return answer.retry_after
    if answer.headers.get("x-ratelimit-remaining") == "0":
        return _until_reset(answer)
    if answer.status == 429 or _SECONDARY.search(_says(answer)):
        return SECONDARY_WAIT_S
    return None


def next_page(answer: Answer) -> str | None:
    """The number of the page that follows, as the Link header says; None after the last."""
    query = parse_qs(urlsplit(links(answer).get("next", "")).query)
    return query.get("page", [None])[-1]


def words(answer: Answer) -> str:
    """What GitHub said, and what to do about it."""
    said = _says(answer)
    quoted = f" It says: {said}" if said else ""
    if answer.status in MOVED:
        return "The repository was renamed or moved; GitHub did nothing. Name it as it is now."
    if answer.status == 401:
        return f"GitHub does not take the credential: it expired or was revoked.{quoted}"
    if answer.status == 403:
        needs = answer.headers.get("x-accepted-github-permissions", "")
        hint = f" It asks for the permission {plain(needs)}." if needs else ""
        return f"GitHub does not let this credential do that.{hint}{quoted}"
    if answer.status == 404:
        return (
            "GitHub has no such thing, or the credential may not see it: "
            f"a missing permission is answered like this, too.{quoted}"
        )
    if answer.status == 409:
        return f"GitHub refused because something changed meanwhile.{quoted}"
    if answer.status == 422:
        fields = _fields(answer)
        return f"GitHub refused the values{': ' + fields if fields else ''}.{quoted}"
    return f"GitHub answered with status {answer.status}.{quoted}"


def _until_reset(answer: Answer) -> float:
    """Seconds by GitHub's own clock, so that ours does not matter."""
    try:
        reset = float(answer.headers.get("x-ratelimit-reset", ""))
        now = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return SECONDARY_WAIT_S
    return max(1.0, reset - now)


def _says(answer: Answer) -> str:
    value = json_of(answer)
    return plain(value.get("message")) if isinstance(value, dict) else ""


def _fields(answer: Answer) -> str:
    errors = json_of(answer)
    errors = errors.get("errors") if isinstance(errors, dict) else None
    if not isinstance(errors, list):
        return ""
    named = [
        " ".join(filter(None, (plain(e.get("field")), plain(e.get("message") or e.get("code")))))
        if isinstance(e, dict)
        else plain(e)
        for e in errors[:10]
    ]
    return ", ".join(named)[:MAX_WORDS]


def _already(outcome: Outcome, result: Any) -> Outcome:
    return replace(
        outcome, status=OutcomeStatus.SUCCEEDED, result=result, error="", reason="",
        retryable=False,
    )  # fmt: skip


def _success(
    call: Call, arguments: Mapping[str, Any], *, answer: Answer, outcome: Outcome
) -> Outcome:
    try:
        kept = _KEPT[call.operation.name](outcome.result)
    except (LookupError, TypeError, AttributeError):
        return _unreadable(call, outcome)
    if call.method == "GET" and isinstance(kept, list):
        kept = Page(tuple(kept), next_page(answer)).result()
    return _ignored(arguments, replace(outcome, result=kept))


def _unreadable(call: Call, outcome: Outcome) -> Outcome:
    """A 2xx that is not GitHub's: a change may have been made, a reading has no result."""
    reads = call.operation.side_effect == "read"
    return replace(
        outcome, status=OutcomeStatus.FAILED if reads else OutcomeStatus.UNKNOWN,
        reason="bad_answer", may_have_happened=not reads, retryable=False,
        error="The answer is not GitHub's, or too long: ask for fewer per page."
        if reads else "The answer is not GitHub's: what happened is not known.",
    )  # fmt: skip


def _ignored(arguments: Mapping[str, Any], outcome: Outcome) -> Outcome:
    """GitHub drops people and labels in silence where the credential may not set them."""
    result = outcome.result
    missing = {
        name: [item for item in wanted if item.lower() not in map(str.lower, result[name])]
        for name in ("assignees", "labels")
        if isinstance(wanted := arguments.get(name), list) and isinstance(result, dict)
        and isinstance(result.get(name), list)
    }  # fmt: skip
    missing = {name: items for name, items in missing.items() if items}
    if not missing:
        return outcome
    return replace(outcome, result=result | {"ignored_by_github": missing})


def _names(items: Any, key: str) -> list[str]:
    return sorted(str(item[key]) if isinstance(item, dict) else str(item) for item in items)


def _login(user: Any) -> str | None:
    # The account may be gone.
    return str(user["login"]) if user else None


def issue_state(issue: Any) -> dict[str, Any]:
    """The part of an issue that people decide by."""
    return {
        "number": issue["number"],
        "title": issue["title"],
        "state": issue["state"],
        "labels": _names(issue["labels"], "name"),
        "assignees": _names(issue.get("assignees") or (), "login"),
        "author": _login(issue["user"]),
        "url": issue["html_url"],
    }


def pull_state(pull: Any) -> dict[str, Any]:
    """The part of a pull request that people decide by; `head` is the commit it stands at."""
    return {
        "number": pull["number"],
        "title": pull["title"],
        "state": pull["state"],
        "draft": bool(pull.get("draft")),
        "head": pull["head"]["sha"],
        "base": pull["base"]["ref"],
        "author": _login(pull["user"]),
        "reviewers": _names(pull.get("requested_reviewers") or (), "login")
        + _names(pull.get("requested_teams") or (), "slug"),
        "url": pull["html_url"],
    }


def _comment(comment: Any) -> dict[str, Any]:
    return {
        "id": comment["id"], "author": _login(comment["user"]), "body": comment.get("body"),
        "created_at": comment["created_at"], "url": comment["html_url"],
    }  # fmt: skip


def _whole_pull(pull: Any) -> dict[str, Any]:
    return pull_state(pull) | {
        "body": pull["body"],
        "merged": pull["merged"],
        "mergeable_state": pull["mergeable_state"],
    }


def made_issue(issue: Any) -> dict[str, Any]:
    """What is told of an issue that was opened."""
    return issue_state(issue) | {"id": issue["id"]}


def made_comment(comment: Any) -> dict[str, Any]:
    """What is told of a comment that was written."""
    return {"comment_id": comment["id"], "url": comment["html_url"]}


def made_review(review: Any) -> dict[str, Any]:
    """What is told of a review that was given."""
    return {
        "review_id": review["id"], "state": review["state"], "commit_id": review["commit_id"],
        "url": review["html_url"],
    }  # fmt: skip


def made_commit(answer: Any) -> dict[str, Any]:
    """What is told of a file that was written."""
    return {"commit": answer["commit"]["sha"], "sha": answer["content"]["sha"]}


_KEPT: dict[str, Callable[[Any], Any]] = {
    "list_issues": lambda issues: [
        issue_state(issue) | {"is_pull": "pull_request" in issue} for issue in issues
    ],
    "read_issue": lambda issue: issue_state(issue) | {"body": issue.get("body")},
    "list_comments": lambda comments: [_comment(comment) for comment in comments],
    "list_pulls": lambda pulls: [pull_state(pull) for pull in pulls],
    "read_pull": _whole_pull,
    "create_issue": made_issue,
    "comment": made_comment,
    "delete_comment": lambda _: {"deleted": True},
    "add_labels": lambda labels: {"labels": _names(labels, "name")},
    "remove_label": lambda labels: {"removed": True, "labels": _names(labels, "name")},
    "assign": issue_state,
    "update_issue": issue_state,
    "close_issue": issue_state,
    "reopen_issue": issue_state,
    "request_reviewers": pull_state,
    "review_pull": made_review,
    "merge_pull": lambda merge: {"merged": merge["merged"], "sha": merge["sha"]},
    "dispatch_workflow": lambda _: {"started": True},
    "put_file": made_commit,
}
