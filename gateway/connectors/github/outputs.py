"""What is told of GitHub's answers, as JSON Schema. Pure."""

from typing import Any

TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
NUMBER = {"type": "integer"}
YES = {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}


def told(**members: Any) -> dict[str, Any]:
    """An object with all of these members."""
    return {"type": "object", "required": list(members), "properties": members}


def paged(item: dict[str, Any]) -> dict[str, Any]:
    """One page of a list."""
    return told(items={"type": "array", "items": item}, has_more=YES, next_cursor=MAYBE)


ISSUE = told(
    number=NUMBER, title=TEXT, state=TEXT, labels=TEXTS, assignees=TEXTS, author=MAYBE, url=TEXT
)
PULL = told(
    number=NUMBER, title=TEXT, state=TEXT, draft=YES, head=TEXT, base=TEXT, author=MAYBE,
    reviewers=TEXTS, url=TEXT,
)  # fmt: skip
COMMENT = told(id=NUMBER, author=MAYBE, body=MAYBE, created_at=TEXT, url=TEXT)
OF: dict[str, dict[str, Any]] = {
    "list_issues": paged(ISSUE),
    "read_issue": ISSUE,
    "list_comments": paged(COMMENT),
    "list_pulls": paged(PULL),
    "read_pull": PULL,
    "create_issue": ISSUE,
    "comment": told(comment_id=NUMBER, url=TEXT),
    "add_labels": told(labels=TEXTS),
    "remove_label": told(removed=YES),
    "assign": ISSUE,
    "update_issue": ISSUE,
    "close_issue": ISSUE,
    "reopen_issue": ISSUE,
    "request_reviewers": PULL,
    "review_pull": told(review_id=NUMBER, state=TEXT, commit_id=MAYBE, url=TEXT),
    "merge_pull": told(merged=YES, sha=MAYBE),
    "put_file": told(sha=TEXT),
}
