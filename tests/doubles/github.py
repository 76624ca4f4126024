"""GitHub as far as the connector knows it: one repository whose issues and pulls keep their state.

Shapes and refusals follow GitHub's documentation; `test_contract.py` holds the connector's half
against GitHub's own description.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.serving import Asked, Said, Service, moment

TOKEN = "ghp_test0123456789"
REPO = "acme/shop"
HEAD = "a" * 40
BEFORE = "2026-11-26T03:00:00Z"
NOT_FOUND = Said(404, {"message": "Not Found", "status": "404"})
# More than the connector asks for at once would be cut by GitHub itself.
MOST_PER_PAGE = 100


def user(login: str) -> dict[str, Any]:
    return {"login": login, "id": len(login), "type": "User"}


def label(name: str) -> dict[str, Any]:
    return {"id": len(name), "name": name, "color": "ededed", "default": False, "description": None}


@dataclass
class Github(Service):
    """`members` may be assigned."""

    members: tuple[str, ...] = ("ana", "bo")
    comments: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=lambda: {"README.md": "# Shop\n"})

    def __post_init__(self) -> None:
        self.issues[7] = self._issue(7, "Checkout fails", body="It does.", labels=["bug"])
        self.pulls[8] = self._pull(8, "Mend checkout")
        self.issues[8] = self._issue(8, "Mend checkout", body="See #7.", labels=[])
        self.issues[8]["pull_request"] = {"url": f"/repos/{REPO}/pulls/8"}

    def answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Said(401, {"message": "Bad credentials", "status": "401"})
        if asked.headers.get("x-github-api-version") != "2022-11-28":
            return Said(400, {"message": "The API version is not supported."})
        if asked.steps[:3] != ["repos", *REPO.split("/")]:
            return NOT_FOUND
        match asked.method, asked.steps[3:]:
            case "GET", []:
                return Said(200, {"full_name": REPO, "visibility": "private", "archived": False})
            case method, ["issues", *rest]:
                return self._issues(asked, method, rest)
            case method, ["pulls", *rest]:
                return self._pulls(asked, method, rest)
            case "GET", ["actions", "workflows", "deploy.yml"]:
                return Said(200, {"id": 1, "name": "Deploy", "path": "w/deploy.yml",
                                  "state": "active"})  # fmt: skip
            case "POST", ["actions", "workflows", "deploy.yml", "dispatches"]:
                self.effects.append(("dispatch", asked.json))
                return Said(204)
            case method, ["contents", path]:
                return self._contents(asked, method, path)
        return NOT_FOUND

    def _issues(self, asked: Asked, method: str, rest: list[str]) -> Said:
        match method, rest:
            case "GET", []:
                return self._page(asked, list(reversed(self.issues.values())))
            case "POST", []:
                return self._open(asked.json)
            case "GET" | "DELETE", ["comments", comment_id]:
                return self._comment(method, int(comment_id))
            case _, [number, *_] if not number.isdigit() or int(number) not in self.issues:
                return NOT_FOUND
        issue = self.issues[int(rest[0])]
        match method, rest[1:]:
            case "GET", []:
                return Said(200, issue)
            case "PATCH", []:
                issue |= asked.json
                self.effects.append(("update", asked.json))
                return Said(200, issue)
            case "GET", ["comments"]:
                number = rest[0]
                mine = [c for c in self.comments if c["issue_url"].endswith(f"/{number}")]
                return self._page(asked, mine)
            case "POST", ["comments"]:
                return self._write(issue, asked.json)
            case "POST", ["labels"]:
                present = {item["name"].lower() for item in issue["labels"]}
                new = [n for n in asked.json["labels"] if n.lower() not in present]
                issue["labels"] += [label(name) for name in new]
                self.effects += [("label", name) for name in new]
                return Said(200, issue["labels"])
            case "DELETE", ["labels", name]:
                return self._unlabel(issue, name)
            case "POST", ["assignees"]:
                wanted = [n for n in asked.json["assignees"] if n in self.members]
                issue["assignees"] += [user(name) for name in wanted]
                self.effects.append(("assign", wanted))
                return Said(201, issue)
        return NOT_FOUND

    def _open(self, wanted: dict[str, Any]) -> Said:
        if not wanted.get("title", "").strip():
            error = {"resource": "Issue", "field": "title", "code": "missing_field"}
            return Said(422, {"message": "Validation Failed", "errors": [error]})
        number = max(self.issues) + 1
        issue = self._issue(number, wanted["title"], body=wanted.get("body"),
                            labels=wanted.get("labels", []))  # fmt: skip
        # People without push access are left out in silence.
        issue["assignees"] = [user(n) for n in wanted.get("assignees", []) if n in self.members]
        issue["updated_at"] = issue["created_at"] = moment()
        self.issues[number] = issue
        self.effects.append(("issue", number))
        return Said(201, issue)

    def _write(self, issue: dict[str, Any], wanted: dict[str, Any]) -> Said:
        if issue["locked"]:
            return Said(403, {"message": "Unable to create comment because issue is locked."})
        comment = {
            "id": 1000 + len(self.comments), "body": wanted["body"], "user": user("countersign"),
            "created_at": moment(), "updated_at": moment(),
            "html_url": f"https://github.example/{REPO}/issues/{issue['number']}#c",
            "issue_url": f"https://api.github.example/repos/{REPO}/issues/{issue['number']}",
        }  # fmt: skip
        self.comments.append(comment)
        self.effects.append(("comment", comment["id"]))
        return Said(201, comment)

    def _comment(self, method: str, comment_id: int) -> Said:
        found = [c for c in self.comments if c["id"] == comment_id]
        if not found:
            return NOT_FOUND
        if method == "GET":
            return Said(200, found[0])
        self.comments.remove(found[0])
        self.effects.append(("delete", comment_id))
        return Said(204)

    def _unlabel(self, issue: dict[str, Any], name: str) -> Said:
        kept = [item for item in issue["labels"] if item["name"].lower() != name.lower()]
        if len(kept) == len(issue["labels"]):
            return Said(404, {"message": "Label does not exist", "status": "404"})
        issue["labels"] = kept
        self.effects.append(("unlabel", name))
        return Said(200, kept)

    def _pulls(self, asked: Asked, method: str, rest: list[str]) -> Said:
        if method == "GET" and not rest:
            return self._page(asked, list(self.pulls.values()))
        pull = self.pulls.get(int(rest[0])) if rest[0].isdigit() else None
        if pull is None:
            return NOT_FOUND
        match method, rest[1:]:
            case "GET", []:
                return Said(200, pull)
            case "GET", ["reviews"]:
                return self._page(asked, self.reviews)
            case "POST", ["reviews"]:
                return self._review(pull, asked.json)
            case "POST", ["requested_reviewers"]:
                pull["requested_reviewers"] += [user(n) for n in asked.json.get("reviewers", [])]
                self.effects.append(("ask", asked.json))
                return Said(201, pull)
            case "PUT", ["merge"]:
                return self._merge(pull, asked.json)
        return NOT_FOUND

    def _review(self, pull: dict[str, Any], wanted: dict[str, Any]) -> Said:
        if pull["user"]["login"] == "countersign" and wanted["event"] == "APPROVE":
            return Said(422, {"message": "Unprocessable Entity",
                              "errors": ["Can not approve your own pull request"]})  # fmt: skip
        states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED",
                  "COMMENT": "COMMENTED"}  # fmt: skip
        review = {
            "id": 2000 + len(self.reviews), "user": user("countersign"), "body": wanted["body"],
            "state": states[wanted["event"]], "commit_id": wanted["commit_id"],
            "html_url": f"https://github.example/{REPO}/pull/{pull['number']}#r",
        }  # fmt: skip
        self.reviews.append(review)
        self.effects.append(("review", review["state"]))
        return Said(200, review)

    def _merge(self, pull: dict[str, Any], wanted: dict[str, Any]) -> Said:
        if pull["merged"] or pull["mergeable_state"] in ("dirty", "blocked"):
            return Said(405, {"message": "Pull Request is not mergeable"})
        if wanted.get("sha") != pull["head"]["sha"]:
            return Said(
                409, {"message": "Head branch was modified. Review and try the merge again."}
            )
        pull |= {"merged": True, "state": "closed", "merge_commit_sha": "c" * 40,
                 "merged_by": user("countersign")}  # fmt: skip
        self.effects.append(("merge", pull["number"]))
        return Said(200, {"sha": "c" * 40, "merged": True, "message": "Merged"})

    def _contents(self, asked: Asked, method: str, path: str) -> Said:
        present = self.files.get(path)
        if method == "GET":
            if present is None:
                return NOT_FOUND
            coded = base64.encodebytes(present.encode()).decode()
            return Said(200, {"type": "file", "encoding": "base64", "content": coded,
                              "size": len(present), "sha": _sha(present)})  # fmt: skip
        wanted = asked.json
        if present is not None and "sha" not in wanted:
            return Said(422, {"message": 'Invalid request.\n\n"sha" wasn\'t supplied.'})
        if present is not None and wanted["sha"] != _sha(present):
            return Said(409, {"message": f"{path} does not match {wanted['sha']}"})
        self.files[path] = base64.b64decode(wanted["content"]).decode()
        self.effects.append(("file", path))
        return Said(201, {"content": {"sha": _sha(self.files[path])}, "commit": {"sha": "d" * 40}})

    def _page(self, asked: Asked, items: list[dict[str, Any]]) -> Said:
        since = asked.query.get("since", "")
        items = [item for item in items if item.get("updated_at", "9") >= since]
        size = min(int(asked.query.get("per_page", 30)), MOST_PER_PAGE)
        page = int(asked.query.get("page", 1))
        more = len(items) > page * size
        link = f'<{self.url}{asked.path}?per_page={size}&page={page + 1}>; rel="next"'
        headers = {"Link": link} if more else {}
        return Said(200, items[(page - 1) * size : page * size], headers)

    def _issue(
        self, number: int, title: str, *, body: str | None, labels: list[str]
    ) -> dict[str, Any]:
        return {
            "id": 70 + number, "number": number, "title": title, "body": body, "state": "open",
            "locked": False, "labels": [label(name) for name in labels], "assignees": [],
            "user": user("mara"), "created_at": BEFORE, "updated_at": BEFORE,
            "html_url": f"https://github.example/{REPO}/issues/{number}",
        }  # fmt: skip

    def _pull(self, number: int, title: str) -> dict[str, Any]:
        return {
            "number": number, "title": title, "body": "See #7.", "state": "open", "draft": False,
            "merged": False, "mergeable": True, "mergeable_state": "clean", "merged_by": None,
            "merge_commit_sha": None, "head": {"sha": HEAD, "ref": "mend"}, "base": {"ref": "main"},
            "user": user("mara"), "requested_reviewers": [], "requested_teams": [],
            "commits": 2, "changed_files": 3, "additions": 40, "deletions": 4,
            "html_url": f"https://github.example/{REPO}/pull/{number}",
        }  # fmt: skip


def _sha(text: str) -> str:
    raw = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
