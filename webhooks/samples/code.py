"""Code hosting, builds and issue trackers."""

from webhooks.samples.base import Sample

REPOSITORY = {
    "id": 4711, "name": "lighthouse", "full_name": "acme/lighthouse", "private": True,
    "html_url": "https://github.example/acme/lighthouse", "default_branch": "main",
}  # fmt: skip
SENDER = {"id": 77, "login": "mara-l", "type": "User"}

GITHUB = (
    Sample(
        "pull_request.opened",
        "Pull request opened",
        {
            "action": "opened",
            "number": 58,
            "pull_request": {
                "id": "$n", "number": 58, "state": "open", "draft": False,
                "title": "Keep the lamp on during a restart",
                "body": "The lamp went dark for two seconds. This keeps it lit.",
                "html_url": "https://github.example/acme/lighthouse/pull/58",
                "user": SENDER, "created_at": "$iso",
                "head": {"ref": "keep-lamp-on", "sha": "5f1e0c6d0b0f4a3fb8a3c9d2e7f60718293a4b5c"},
                "base": {"ref": "main", "sha": "0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f"},
                "additions": 42, "deletions": 7, "changed_files": 3,
            },
            "repository": REPOSITORY,
            "sender": SENDER,
        },
        "pull_request",
    ),
    Sample(
        "issues.opened",
        "Issue opened",
        {
            "action": "opened",
            "issue": {
                "id": "$n", "number": 59, "state": "open",
                "title": "The horn sounds twice",
                "body": "In fog it sounds two times instead of once.",
                "html_url": "https://github.example/acme/lighthouse/issues/59",
                "user": SENDER, "labels": [{"name": "bug"}], "created_at": "$iso",
            },
            "repository": REPOSITORY,
            "sender": SENDER,
        },
        "issues",
    ),
    Sample(
        "workflow_run.completed",
        "Workflow failed",
        {
            "action": "completed",
            "workflow_run": {
                "id": "$n", "name": "Test", "head_branch": "main", "event": "push",
                "head_sha": "5f1e0c6d0b0f4a3fb8a3c9d2e7f60718293a4b5c", "run_number": 812,
                "status": "completed", "conclusion": "failure",
                "html_url": "https://github.example/acme/lighthouse/actions/runs/812",
            },
            "repository": REPOSITORY,
            "sender": SENDER,
        },
        "workflow_run",
    ),
    Sample(
        "check_run.completed",
        "Check failed",
        {
            "action": "completed",
            "check_run": {
                "id": "$n", "name": "lint", "status": "completed", "conclusion": "failure",
                "head_sha": "5f1e0c6d0b0f4a3fb8a3c9d2e7f60718293a4b5c",
                "html_url": "https://github.example/acme/lighthouse/runs/9001",
                "output": {"title": "2 problems", "summary": "lamp.py: line too long"},
            },
            "repository": REPOSITORY,
            "sender": SENDER,
        },
        "check_run",
    ),
)  # fmt: skip

PROJECT = {
    "id": 15, "name": "Lighthouse", "path_with_namespace": "acme/lighthouse",
    "web_url": "https://gitlab.example/acme/lighthouse", "default_branch": "main",
}  # fmt: skip
GITLAB = (
    Sample(
        "pipeline.failed",
        "Pipeline failed",
        {
            "object_kind": "pipeline",
            "object_attributes": {
                "id": "$n", "ref": "main", "status": "failed", "source": "push",
                "sha": "5f1e0c6d0b0f4a3fb8a3c9d2e7f60718293a4b5c", "duration": 63,
                "url": "https://gitlab.example/acme/lighthouse/-/pipelines/31",
            },
            "user": {"id": 5, "username": "mara-l"},
            "project": PROJECT,
        },
        "Pipeline Hook",
    ),
    Sample(
        "merge_request.open",
        "Merge request opened",
        {
            "object_kind": "merge_request",
            "object_attributes": {
                "id": "$n", "iid": 12, "title": "Keep the lamp on", "action": "open",
                "state": "opened", "source_branch": "keep-lamp-on", "target_branch": "main",
                "description": "It went dark for two seconds.",
                "url": "https://gitlab.example/acme/lighthouse/-/merge_requests/12",
            },
            "user": {"id": 5, "username": "mara-l"},
            "project": PROJECT,
        },
        "Merge Request Hook",
    ),
)  # fmt: skip

JIRA = (
    Sample(
        "issue_created",
        "Issue created",
        {
            "timestamp": "$ms",
            "webhookEvent": "jira:issue_created",
            "issue": {
                "id": "10021", "key": "LAMP-21", "self": "https://jira.example/rest/issue/10021",
                "fields": {
                    "summary": "The horn sounds twice", "issuetype": {"name": "Bug"},
                    "priority": {"name": "High"}, "status": {"name": "To do"},
                    "description": "In fog it sounds two times.",
                },
            },
            "user": {"accountId": "5b10-mara", "displayName": "Mara L."},
        },
    ),
)  # fmt: skip

LINEAR = (
    Sample(
        "issue.create",
        "Issue created",
        {
            "action": "create",
            "type": "Issue",
            "createdAt": "$iso",
            "data": {
                "id": "0f3a7d1c-22aa-4d6e-9a57-3c1b7e5d0a11", "identifier": "LAMP-21",
                "title": "The horn sounds twice", "priority": 2,
                "description": "In fog it sounds two times.",
                "state": {"name": "Triage"}, "team": {"key": "LAMP", "name": "Lamps"},
            },
            "url": "https://linear.example/acme/issue/LAMP-21",
            "organizationId": "b1d0c7aa-5b3e-4f0d-8f55-7d3a0a4c9e01",
        },
        "Issue",
    ),
)  # fmt: skip

VERCEL = (
    Sample(
        "deployment.error",
        "Deployment failed",
        {
            "id": "$id",
            "type": "deployment.error",
            "createdAt": "$ms",
            "payload": {
                "deployment": {"id": "dpl_lamp", "name": "lighthouse", "url": "lamp.example"},
                "target": "production",
                "project": {"id": "prj_lamp"},
            },
        },
    ),
)

SENTRY = (
    Sample(
        "issue.created",
        "New issue",
        {
            "action": "created",
            "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},
            "data": {
                "issue": {
                    "id": "$n", "shortId": "LAMP-2", "level": "error",
                    "title": "ZeroDivisionError: division by zero", "culprit": "lamp.turn",
                    "web_url": "https://sentry.example/issues/1170820242/", "status": "unresolved",
                    "project": {"slug": "lighthouse", "name": "Lighthouse"}, "count": "1",
                }
            },
            "actor": {"type": "application", "name": "Sentry"},
        },
        "issue",
    ),
)  # fmt: skip

SAMPLES = {
    "github": GITHUB, "gitlab": GITLAB, "gitlab_token": GITLAB, "jira": JIRA, "linear": LINEAR,
    "vercel": VERCEL, "sentry": SENTRY,
}  # fmt: skip
