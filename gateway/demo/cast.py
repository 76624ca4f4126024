"""The demo's people, rules and routes, as data."""

from dataclasses import dataclass
from typing import Any

from gateway.tenants.roles import Role

TENANT, TENANT_NAME, TIME_ZONE = "demo", "Halden Supply", "Europe/Oslo"
PROVIDER, SOURCE, OPEN_SOURCE, CONNECTION = "sandbox-agent", "sandbox-agent", "try-it", "shop"
AGENT, AGENT_NAME = "support-agent", "Support agent"
CAPS = {"max_tool_calls": 50}
TASK = "support_reply TICK-10021"
TAGS = {"project_id": "support", "run_purpose": "demo"}


@dataclass(frozen=True)
class Person:
    """Somebody who works at the demo's tenant, with the same roles in both environments."""

    email: str
    name: str
    roles: tuple[str, ...]
    says: str


ANA = Person(
    "ana@demo.example", "Ana Almeida", (Role.ADMIN.value, Role.REVIEWER.value), "admin, approves"
)
# Owns the agent, and so never approves what it asks for.
OWNER = Person("ola@demo.example", "Ola Berg", (Role.OPERATOR.value,), "operator, owns the agent")
RUI = Person("rui@demo.example", "Rui Costa", (Role.REVIEWER.value,), "reviewer")
PEOPLE = (
    ANA,
    RUI,
    OWNER,
    Person("sam@demo.example", "Sam Okoro", (Role.VIEWER.value,), "viewer, only looks"),
    Person("ida@demo.example", "Ida Lund", (Role.AUDITOR.value,), "auditor, reads the audit log"),
)

POLICY = "Support desk"
POLICY_COMMENT = "Reading and ordinary tickets are free; what reaches a customer waits."
REVIEWERS = ["role:reviewer"]
RULES: list[dict[str, Any]] = [
    {
        "name": "ordinary tickets are free",
        "when": 'tool.name == "create_support_ticket" && !(args.priority in ["high", "urgent"])',
        "verdict": "allow",
    },
    {
        "name": "urgent tickets wait",
        "when": 'tool.name == "create_support_ticket"',
        "verdict": "require_approval",
        "reviewers": REVIEWERS,
        "reason": "A ticket of high priority calls somebody away from other work.",
    },
    {
        "name": "mail to customers waits",
        "when": 'tool.name == "send_email"',
        "verdict": "require_approval",
        "reviewers": REVIEWERS,
        "reason": "The customer reads it, and it cannot be called back.",
    },
    {
        "name": "small refunds need one",
        "when": 'tool.name == "refund" && double(args.amount) <= 200.0',
        "verdict": "require_approval",
        "reviewers": REVIEWERS,
        "edit_needs_second": False,
        # Whoever pressed the demo's button may go on and approve.
        "exclude_run_starter": False,
        "reason": "Money leaves the shop.",
    },
    {
        "name": "very large refunds go through two desks",
        "when": 'tool.name == "refund" && double(args.amount) > 1000.0',
        "verdict": "require_approval",
        "stages": [
            {"name": "support", "reviewers": REVIEWERS},
            {"name": "management", "reviewers": ["role:admin"]},
        ],
        # Long enough to look at the window in which it can be undone.
        "hold_s": 600,
        "reason": "More than 1000 leaves the shop.",
    },
    {
        "name": "large refunds need two",
        "when": 'tool.name == "refund"',
        "verdict": "require_approval",
        "reviewers": REVIEWERS,
        "quorum": 2,
        "reason": "More than 200 leaves the shop.",
    },
]

# What the rules must decide, whoever changes them.
POLICY_TESTS = """\
- name: an ordinary ticket is free
  tool: {name: create_support_ticket, side_effect: write}
  args: {priority: normal}
  expect: {verdict: allow}
- name: mail to a customer waits for one reviewer
  tool: {name: send_email, side_effect: write}
  expect: {verdict: require_approval, quorum: 1, reviewers: [role:reviewer]}
- name: more than 200 needs two
  tool: {name: refund, side_effect: write}
  args: {amount: "200.01"}
  expect: {rule: large refunds need two, quorum: 2}
- name: more than 1000 goes through two desks
  tool: {name: refund, side_effect: write}
  args: {amount: "1000.01"}
  expect: {rule: very large refunds go through two desks}
"""
# Watched, and not applied: what it would mean if these ran by themselves.
TRIAL_COMMENT = "Would anybody miss it if refunds up to 20 and the newsletter ran by themselves?"
TRIAL_RULES: list[dict[str, Any]] = [
    {
        "name": "tiny refunds are free",
        "when": 'tool.name == "refund" && double(args.amount) <= 20.0',
        "verdict": "allow",
        "hold_s": 60,
    },
    {
        "name": "the newsletter is free",
        "when": 'tool.name == "send_email" && args.subject == "News from Halden Supply"',
        "verdict": "allow",
    },
    *RULES,
]

# What an event to the open source may lead to; every other one is only recorded.
TICKET_ROUTE = "a customer reports a problem"
TICKET_WHEN = 'event.type == "ticket.reported"'
TICKET_ARGUMENTS = {
    "customer_id": "body.data.customer_id",
    "subject": "body.data.subject",
    "description": "body.data.description",
    "priority": '"high"',
}

# A newsletter that a reviewer asked about, approved, and then granted for the other readers.
NEWS_TAGS = {"project_id": "newsletter"}
NEWSLETTER = {
    "subject": "News from Halden Supply",
    "body": "Hello,\n\nour winter lamps are back, and orders over 50 EUR are sent for free.\n",
}
# Whose mail stays in the house; every customer is an external recipient.
OWN_DOMAIN = "demo.example"
READERS = ("jonas@example.com", "li@example.com", "amara@example.com", "tove@example.com")
SAVED_VIEW, REFUND = "Refunds of the team", "refund"
QUESTION = "Did all four of them ask for this newsletter?"
ANSWER = "Yes: each confirmed it by mail in October."
APPROVAL = "Fine, the list is confirmed."
GRANT_CONDITION = f'args.subject == "{NEWSLETTER["subject"]}" && args.to.endsWith("@example.com")'
GRANT_REASON = "The same text to readers who confirmed."
GRANT_DAYS, GRANT_USES = 7, 10

# What the agent may spend: the first is counted in calls, the second in money that leaves.
BUDGETS: tuple[dict[str, Any], ...] = (
    {
        "name": "calls_a_day",
        "scope": f"agent:{AGENT}",
        "kind": "calls",
        "limit": 200,
        "period": "day",
    },
    {
        "name": "refunds_a_day",
        "scope": "environment",
        "kind": "money",
        "currency": "EUR",
        "amount": (
            'tool.name == "refund" ? {"amount": args.amount, "currency": args.currency}'
            ' : {"amount": 0, "currency": "EUR"}'
        ),
        "limit": 200_000,
        "period": "day",
    },
    {
        "name": "newsletters_a_month",
        "scope": f"project_id:{NEWS_TAGS['project_id']}",
        "kind": "calls",
        "limit": 5,
        "period": "month",
    },
)
