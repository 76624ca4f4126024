"""Whether an attempt whose answer was lost took effect: GitHub is asked before anybody decides.

What was written carries the action's mark; a merge, a deletion and a file show by their state.
"""

from datetime import UTC, datetime
from typing import Any

from gateway.connectors.base import ConnectorRequest, Outcome
from gateway.connectors.github.answers import made_comment, made_issue, made_review
from gateway.connectors.github.asking import bad_answer, find, get
from gateway.connectors.github.catalogue import ISSUE, MARK_PLACE, PULL, REPOSITORY
from gateway.connectors.github.previews import file_text
from gateway.connectors.rest import Search, proposed_at, searched


def mark(key: str) -> str:
    """The mark of the action with this key, as it stands in what was written."""
    return MARK_PLACE.format(action=key)


def lookup(request: ConnectorRequest) -> Outcome | None:
    """What came of it; None where GitHub shows that nothing did. Raises OutsideError."""
    return searched(_SEARCHES, request, bad_answer=bad_answer)


def _issue(request: ConnectorRequest) -> Any:
    found = find(
        request, REPOSITORY + "/issues", mark=mark(request.idempotency_key),
        state="all", sort="created", direction="desc", **_since(request),
    )  # fmt: skip
    return made_issue(found) if found else None


def _comment(request: ConnectorRequest) -> Any:
    path = ISSUE + "/comments"
    found = find(request, path, mark=mark(request.idempotency_key), **_since(request))
    return made_comment(found) if found else None


def _review(request: ConnectorRequest) -> Any:
    found = find(request, PULL + "/reviews", mark=mark(request.idempotency_key))
    return made_review(found) if found else None


def _merge(request: ConnectorRequest) -> Any:
    """Merged at the commit that was approved, by whomever: the state is the one wanted."""
    pull = get(request, PULL)
    if pull is None:
        raise bad_answer()
    if not pull["merged"] or pull["head"]["sha"] != request.arguments["sha"]:
        return None
    merged_by = pull["merged_by"]["login"] if pull.get("merged_by") else None
    return {"merged": True, "sha": pull["merge_commit_sha"], "merged_by": merged_by}


def _file(request: ConnectorRequest) -> Any:
    path = REPOSITORY + "/contents/{path}"
    found = get(request, path, ref=str(request.arguments["branch"]))
    if found is None or file_text(found) != request.arguments["text"]:
        return None
    return {"sha": found["sha"]}


def _deletion(request: ConnectorRequest) -> Any:
    """Gone, where the repository itself can still be seen: else 404 may mean no permission."""
    if get(request, REPOSITORY + "/issues/comments/{comment_id}") is not None:
        return None
    if get(request, REPOSITORY) is None:
        raise bad_answer()
    return {"deleted": True}


def _since(request: ConnectorRequest) -> dict[str, str]:
    """Only what changed since the action was proposed."""
    moment = proposed_at(request.idempotency_key)
    if moment is None:
        return {}
    return {"since": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


_SEARCHES: dict[str, Search] = {
    "create_issue": _issue,
    "comment": _comment,
    "review_pull": _review,
    "merge_pull": _merge,
    "put_file": _file,
    "delete_comment": _deletion,
}
