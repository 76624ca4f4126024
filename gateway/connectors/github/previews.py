"""What an operation would change on GitHub, read without changing anything."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.connectors.base import Affected, ConnectorRequest, Preview
from gateway.connectors.github.answers import issue_state, pull_state
from gateway.connectors.github.asking import bad_answer, get
from gateway.connectors.github.catalogue import CALLS, ISSUE, PULL, REPOSITORY

# In code, mail addresses and paths an `@` mentions nobody.
_MENTION = re.compile(r"(?<![\w`/.@-])@([A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9._-]{1,100})?)")
MAX_MENTIONS = 20
SIZES = ("commits", "changed_files", "additions", "deletions")
# What keeps a pull request from being merged. Other states pass by themselves, and `unknown` only
# says that GitHub has not worked it out yet: that is no change.
HINDRANCES = {"dirty": "conflicts", "blocked": "blocked"}


def preview(request: ConnectorRequest) -> Preview | None:
    """The state before and after, and whom it touches; None for a read. Raises OutsideError."""
    about = CALLS[request.operation].about
    if not about:
        return None
    try:
        return _PREVIEWS[about](request)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise bad_answer() from error


def _repository(request: ConnectorRequest) -> Preview:
    found = get(request, REPOSITORY)
    affected = [_place(request), *_people(request.arguments)]
    if found is None:
        return _seen(None, None, affected)
    before = {"visibility": found["visibility"], "archived": found["archived"], "issue": None}
    wanted = {name: request.arguments.get(name) for name in ("title", "body")}
    wanted |= {name: request.arguments.get(name, []) for name in ("labels", "assignees")}
    return _seen(before, before | {"issue": wanted}, affected)


def _issue(request: ConnectorRequest) -> Preview:
    issue = get(request, ISSUE)
    if issue is None:
        return _seen(None, None, [_place(request)])
    before = issue_state(issue) | {"locked": issue["locked"]}
    before = {name: before[name] for name in before if name not in ("number", "url", "author")}
    after = before | _AFTER[request.operation](before, request.arguments)
    if request.operation == "comment":
        before["comment"] = None
    if request.operation == "update_issue":
        before["body"] = issue.get("body")
        after = before | after
    return _seen(before, after, _touched(request, issue))


def _pull(request: ConnectorRequest) -> Preview:
    pull = get(request, PULL)
    if pull is None:
        return _seen(None, None, [_place(request)])
    before = pull_state(pull) | {
        "merged": pull["merged"],
        "hindrance": HINDRANCES.get(str(pull["mergeable_state"]), ""),
        "changes": {name: pull[name] for name in SIZES},
    }  # fmt: skip
    before = {name: before[name] for name in before if name not in ("number", "url", "author")}
    after = before | _AFTER[request.operation](before, request.arguments)
    if request.operation == "review_pull":
        before["review"] = None
    return _seen(before, after, _touched(request, pull))


def _workflow(request: ConnectorRequest) -> Preview:
    workflow = get(request, REPOSITORY + "/actions/workflows/{workflow}")
    name = f"{_name(request)}/{request.arguments['workflow']}"
    affected = [_place(request), Affected("workflow", name)]
    if workflow is None:
        return _seen(None, None, affected)
    before = {name: workflow[name] for name in ("name", "path", "state")} | {"run": None}
    run = {"ref": request.arguments["ref"], "inputs": request.arguments.get("inputs", {})}
    return _seen(before, before | {"run": run}, affected)


def _file(request: ConnectorRequest) -> Preview:
    found = get(request, REPOSITORY + "/contents/{path}", ref=str(request.arguments["branch"]))
    before: dict[str, Any] = {"sha": None, "text": None}
    if found is not None:
        before = {"sha": found["sha"], "text": file_text(found)}
    after = {"sha": "(new)", "text": request.arguments["text"]}
    path = f"{_name(request)}/{request.arguments['path']}"
    return _seen(before, after, [_place(request), Affected("file", path)])


def _note(request: ConnectorRequest) -> Preview:
    comment = get(request, REPOSITORY + "/issues/comments/{comment_id}")
    name = f"{_name(request)}/{request.arguments['comment_id']}"
    affected = [_place(request), Affected("comment", name)]
    if comment is None:
        return _seen(None, None, affected)
    author = comment["user"]["login"] if comment["user"] else None
    if author:
        affected.append(Affected("user", author))
    number = str(comment["issue_url"]).rpartition("/")[2]
    affected.append(Affected("issue", f"{_name(request)}#{number}"))
    return _seen({"author": author, "body": comment.get("body")}, None, affected)


def file_text(found: Mapping[str, Any]) -> str:
    """A file as text; of another kind of file only what it is."""
    try:
        if found["encoding"] == "base64":
            return base64.b64decode(found["content"]).decode()
    except (binascii.Error, UnicodeDecodeError):
        pass
    return f"({found['size']} bytes that are not shown)"


def _review(before: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    names = ("event", "commit_id", "body")
    return {"review": {name: arguments[name] for name in names}}


def _reviewers(before: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    asked = [*arguments.get("reviewers", ()), *arguments.get("team_reviewers", ())]
    return {"reviewers": _with(before["reviewers"], asked)}


def _merged(before: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    if before["head"] != arguments["sha"]:
        # GitHub will refuse it: what was to be merged is no longer what stands there.
        return {}
    return {"merged": True, "state": "closed"}


def _with(present: list[str], more: Any) -> list[str]:
    return sorted({*present, *map(str, more)})


_AFTER: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    "comment": lambda before, args: {"comment": args["body"]},
    "add_labels": lambda before, args: {"labels": _with(before["labels"], args["labels"])},
    "remove_label": lambda before, args: {
        "labels": [name for name in before["labels"] if name.lower() != str(args["label"]).lower()]
    },
    "assign": lambda before, args: {"assignees": _with(before["assignees"], args["assignees"])},
    "update_issue": lambda before, args: {
        name: args[name] for name in ("title", "body") if name in args
    },
    "close_issue": lambda before, args: {"state": "closed"},
    "reopen_issue": lambda before, args: {"state": "open"},
    "request_reviewers": _reviewers,
    "review_pull": _review,
    "merge_pull": _merged,
}
_PREVIEWS: dict[str, Callable[[ConnectorRequest], Preview]] = {
    "repository": _repository,
    "issue": _issue,
    "pull": _pull,
    "workflow": _workflow,
    "file": _file,
    "note": _note,
}


def _touched(request: ConnectorRequest, thing: Mapping[str, Any]) -> list[Affected]:
    # To GitHub a pull request is an issue, too: under one name both wait for each other.
    is_pull = "head" in thing or "pull_request" in thing
    label = f"{'Pull request: ' if is_pull else ''}{thing['title']}"[:200]
    spot = Affected("issue", f"{_name(request)}#{thing['number']}", label)
    author = thing["user"]["login"] if thing["user"] else None
    people = _people(request.arguments, *([author] if author else ()))
    return [_place(request), spot, *people]


def _place(request: ConnectorRequest) -> Affected:
    return Affected("repository", _name(request))


def _name(request: ConnectorRequest) -> str:
    return f"{request.arguments['owner']}/{request.arguments['repo']}"


def _people(arguments: Mapping[str, Any], *others: str) -> list[Affected]:
    """Who is named: assigned, asked, or mentioned in a text, which notifies them."""
    teams = [f"{arguments['owner']}/{slug}" for slug in arguments.get("team_reviewers", ())]
    texts = (str(arguments.get(name) or "") for name in ("title", "body", "commit_message"))
    mentioned = [name for text in texts for name in _MENTION.findall(text)][:MAX_MENTIONS]
    named = [*others, *arguments.get("assignees", ()), *arguments.get("reviewers", ())]
    found = dict.fromkeys([*named, *teams, *mentioned])
    return [Affected("team" if "/" in name else "user", name) for name in found]


def _seen(before: Any, after: Any, affected: list[Affected]) -> Preview:
    return Preview(before, after, tuple(affected), datetime.now(UTC))
