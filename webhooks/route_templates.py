"""Ready-made routes per provider: a start that is read, changed and previewed before it counts."""

from dataclasses import dataclass, field

from gateway.lib.tongue import gettext_noop
from webhooks.models import Effect


@dataclass(frozen=True)
class RouteTemplate:
    """A route without the agent that it starts; `sample` names the delivery that it is shown on."""

    slug: str
    title: str
    schemes: tuple[str, ...]
    when: str
    sample: str = ""
    effect: str = Effect.START_RUN
    arguments: dict[str, str] = field(default_factory=dict)


def _run(
    slug: str, title: str, schemes: str, *, when: str, task: str, sample: str
) -> RouteTemplate:
    """One that starts a run with this task."""
    return RouteTemplate(
        slug, title, tuple(schemes.split()), when, sample, arguments={"task": task}
    )


EVERYTHING_ELSE = RouteTemplate(
    "everything-else",
    gettext_noop("Everything else: only record"),
    (),
    "true",
    effect=Effect.RECORD,
)
TEMPLATES = (
    _run(
        "review-pull-request", gettext_noop("Pull request opened: review it"), "github",
        when='event.type == "pull_request" && body.action in ["opened", "ready_for_review"]'
        " && !body.pull_request.draft",
        task='"Review pull request " + string(body.number) + " of " + body.repository.full_name'
        ' + ": " + body.pull_request.title + "\\n" + body.pull_request.html_url',
        sample="pull_request.opened",
    ),
    _run(
        "triage-issue", gettext_noop("Issue opened: triage it"), "github",
        when='event.type == "issues" && body.action == "opened"',
        task='"Triage issue " + string(body.issue.number) + " of " + body.repository.full_name'
        ' + ": " + body.issue.title + "\\n" + body.issue.html_url',
        sample="issues.opened",
    ),
    _run(
        "failed-workflow", gettext_noop("Workflow failed: find out why"), "github",
        when='event.type == "workflow_run" && body.action == "completed"'
        ' && body.workflow_run.conclusion == "failure"',
        task='"Find out why workflow " + body.workflow_run.name + " failed on "'
        ' + body.workflow_run.head_branch + " of " + body.repository.full_name'
        ' + "\\n" + body.workflow_run.html_url',
        sample="workflow_run.completed",
    ),
    _run(
        "failed-check", gettext_noop("Check failed: find out why"), "github",
        when='event.type == "check_run" && body.action == "completed"'
        ' && body.check_run.conclusion == "failure"',
        task='"Find out why check " + body.check_run.name + " failed in "'
        ' + body.repository.full_name + " at " + body.check_run.head_sha'
        ' + "\\n" + body.check_run.html_url',
        sample="check_run.completed",
    ),
    _run(
        "failed-pipeline", gettext_noop("Pipeline failed: find out why"), "gitlab gitlab_token",
        when='body.object_kind == "pipeline" && body.object_attributes.status == "failed"',
        task='"Find out why the pipeline of " + body.project.path_with_namespace + " failed on "'
        ' + body.object_attributes.ref + "\\n" + body.object_attributes.url',
        sample="pipeline.failed",
    ),
    _run(
        "review-merge-request", gettext_noop("Merge request opened: review it"), "gitlab "
                                                                                 "gitlab_token",
        when='body.object_kind == "merge_request" && body.object_attributes.action == "open"',
        task='"Review merge request " + string(body.object_attributes.iid) + " of "'
        ' + body.project.path_with_namespace + ": " + body.object_attributes.title'
        ' + "\\n" + body.object_attributes.url',
        sample="merge_request.open",
    ),
    _run(
        "jira-issue", gettext_noop("Issue created: triage it"), "jira",
        when='event.type == "jira:issue_created"',
        task='"Triage " + body.issue.key + ": " + body.issue.fields.summary',
        sample="issue_created",
    ),
    _run(
        "linear-issue", gettext_noop("Issue created: triage it"), "linear",
        when='event.type == "Issue" && body.action == "create"',
        task='"Triage " + body.data.identifier + ": " + body.data.title + "\\n" + body.url',
        sample="issue.create",
    ),
    _run(
        "failed-deployment", gettext_noop("Deployment failed: find out why"), "vercel",
        when='event.type == "deployment.error"',
        task='"Find out why the deployment of " + body.payload.deployment.name + " to "'
        ' + body.payload.target + " failed"',
        sample="deployment.error",
    ),
    _run(
        "sentry-issue", gettext_noop("New issue: look into it"), "sentry",
        when='event.type == "issue" && body.action == "created"',
        task='"Look into " + body.data.issue.shortId + ": " + body.data.issue.title'
        ' + "\\n" + body.data.issue.web_url',
        sample="issue.created",
    ),
    _run(
        "pagerduty-incident", gettext_noop("Incident triggered: gather what is known"), "pagerduty",
        when='event.type == "incident.triggered"',
        task='"Gather what is known about incident " + string(body.event.data.number) + ": "'
        ' + body.event.data.title + "\\n" + body.event.data.html_url',
        sample="incident.triggered",
    ),
    _run(
        "slack-mention", gettext_noop("The app was mentioned: answer"), "slack",
        when='event.type == "app_mention"',
        task='"Answer in channel " + body.event.channel + ": " + body.event.text',
        sample="app_mention",
    ),
    _run(
        "shopify-order", gettext_noop("Order created: check it"), "shopify",
        when='event.type == "orders/create"',
        task='"Check order " + body.name + " of " + body.total_price + " " + body.currency',
        sample="orders/create",
    ),
    _run(
        "shopify-refund", gettext_noop("Refund created: check it"), "shopify",
        when='event.type == "refunds/create"',
        task='"Check the refund of order " + string(body.order_id)',
        sample="refunds/create",
    ),
    _run(
        "stripe-dispute", gettext_noop("Dispute opened: collect the evidence"), "stripe",
        when='event.type == "charge.dispute.created"',
        task='"Collect the evidence for dispute " + body.data.object.id + ", reason "'
        " + body.data.object.reason",
        sample="charge.dispute.created",
    ),
    _run(
        "stripe-payment-failed", gettext_noop("Payment failed: propose what to do"), "stripe",
        when='event.type == "invoice.payment_failed"',
        task='"Payment of invoice " + body.data.object.id + " failed: propose what to do"',
        sample="invoice.payment_failed",
    ),
    _run(
        "square-payment-failed", gettext_noop("Payment failed: propose what to do"), "square",
        when='event.type == "payment.updated" && body.data.object.payment.status == "FAILED"',
        task='"Payment " + body.data.object.payment.id + " failed: propose what to do"',
        sample="payment.updated",
    ),
    _run(
        "paddle-payment-failed", gettext_noop("Payment failed: propose what to do"), "paddle",
        when='event.type == "transaction.payment_failed"',
        task='"Payment of " + body.data.id + " failed: propose what to do"',
        sample="transaction.payment_failed",
    ),
    _run(
        "zendesk-ticket", gettext_noop("Ticket created: draft an answer"), "zendesk",
        when='event.type == "zen:event-type:ticket.created"',
        task='"Draft an answer to ticket " + body.detail.id + ": " + body.detail.subject',
        sample="ticket.created",
    ),
    _run(
        "intercom-conversation", gettext_noop("Conversation begun: draft an answer"), "intercom",
        when='event.type == "conversation.user.created"',
        task='"Draft an answer in conversation " + body.data.item.id',
        sample="conversation.user.created",
    ),
    _run(
        "typeform-answer", gettext_noop("Answer received: sum it up"), "typeform",
        when='event.type == "form_response"',
        task='"Sum up the answer to form " + body.form_response.form_id',
        sample="form_response",
    ),
    _run(
        "box-upload", gettext_noop("File uploaded: file it"), "box",
        when='event.type == "FILE.UPLOADED"',
        task='"Say where to file " + body.source.name',
        sample="FILE.UPLOADED",
    ),
    _run(
        "bounced-mail", gettext_noop("Mail bounced: find the right address"), "sendgrid resend",
        when='event.type in ["bounce", "email.bounced"]',
        task='"A mail bounced, event " + event.id + ": find the right address"',
        sample="email.bounced",
    ),
    _run(
        "order-created", gettext_noop("Order created: check it"), "generic_sha256 standard",
        when='event.type == "order.created"',
        task='"Check order " + body.data.order',
        sample="order.created",
    ),
    EVERYTHING_ELSE,
)  # fmt: skip


def templates_of(scheme: str) -> list[RouteTemplate]:
    """Those that fit the provider, and those that fit all."""
    return [one for one in TEMPLATES if not one.schemes or scheme in one.schemes]
