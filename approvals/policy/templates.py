"""Ready-made rules: a start that is read, changed and simulated before it counts (pure, data).

Each comes with the cases that show what it does; names, hours and limits are there to be changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.lib.tongue import gettext_noop


@dataclass(frozen=True, slots=True)
class RuleTemplate:
    """One rule as it is stored, and its cases as a policy's tests hold them."""

    slug: str
    title: str
    says: str
    rule: Mapping[str, Any]
    cases: str


TEMPLATES = (
    RuleTemplate(
        "outside-hours",
        gettext_noop("Outside working hours"),
        gettext_noop(
            "Whatever writes waits for a person at night and on weekends, by the tenant's clock."
        ),
        {
            "name": "outside working hours",
            "when": 'tool.side_effect != "read"'
            " && (time.is_weekend || time.hour < 8 || time.hour >= 18)",
            "verdict": "require_approval",
            "reviewers": ["role:reviewer"],
            "reason": "Nobody would notice a mistake before morning.",
        },
        """\
- name: a write at night waits
  tool: {name: refund, side_effect: write}
  at: 2026-01-14T23:30
  expect: {verdict: require_approval, rule: outside working hours}
- name: a write on a Saturday waits
  tool: {name: refund, side_effect: write}
  at: 2026-01-17T12:00
  expect: {rule: outside working hours}
- name: reading at night stays free
  tool: {name: look, side_effect: read}
  at: 2026-01-14T23:30
  expect: {verdict: allow}
""",
    ),
    RuleTemplate(
        "outside-region",
        gettext_noop("Outside the region"),
        gettext_noop(
            "Denies what would be carried out where neither environment nor connection is "
            "in the list."
        ),
        {
            "name": "outside the region",
            "when": '!(has(env.region) && env.region in ["eu"])'
            ' || (has(tool.region) && tool.region != "" && !(tool.region in ["eu"]))',
            "verdict": "deny",
            "reason": "This data stays in the EU.",
        },
        """\
- name: inside the region other rules decide
  tool: {name: look, side_effect: read, region: eu}
  env: {region: eu}
  expect: {verdict: allow, rule: default}
- name: a connection elsewhere is denied
  tool: {name: look, side_effect: read, region: us}
  env: {region: eu}
  expect: {verdict: deny, rule: outside the region}
- name: an environment without a region is denied
  tool: {name: look, side_effect: read}
  expect: {verdict: deny}
""",
    ),
    RuleTemplate(
        "restricted-content",
        gettext_noop("Restricted content"),
        gettext_noop(
            "A person looks at what carries card numbers, accounts, keys or the tenant's own words."
        ),
        {
            "name": "restricted content",
            "when": 'tool.side_effect != "read" && sensitive.count > 0',
            "verdict": "require_approval",
            "reviewers": ["role:reviewer"],
            "reason": "It carries something that should not travel unseen.",
        },
        """\
- name: a card number waits
  tool: {name: send_email, side_effect: write}
  sensitive: {count: 1, kinds: [card_number]}
  expect: {verdict: require_approval, rule: restricted content}
- name: without findings other rules decide
  tool: {name: send_email, side_effect: write}
  sensitive: {count: 0, kinds: []}
  expect: {rule: default}
- name: where nobody looked, it waits as well
  tool: {name: send_email, side_effect: write}
  expect: {rule: restricted content}
""",
    ),
    RuleTemplate(
        "external-recipient",
        gettext_noop("External recipient"),
        gettext_noop(
            "Mail to anybody outside the named domain waits; `to` may be one address or a list."
        ),
        {
            "name": "external recipient",
            "when": "has(args.to) && !(type(args.to) == list ? args.to : [args.to])"
            '.all(address, address.matches("(?i)^[^@<>, ]+@example[.]com$"))',
            "verdict": "require_approval",
            "reviewers": ["role:reviewer"],
            "reason": "Somebody outside reads it, and it cannot be called back.",
        },
        """\
- name: a colleague needs nobody more than usual
  tool: {name: send_email, side_effect: write}
  args: {to: Ana@Example.com}
  expect: {rule: default}
- name: one stranger among colleagues is enough
  tool: {name: send_email, side_effect: write}
  args: {to: [ana@example.com, eve@other.example]}
  expect: {verdict: require_approval, rule: external recipient}
- name: a domain that only ends alike is outside
  tool: {name: send_email, side_effect: write}
  args: {to: eve@notexample.com}
  expect: {rule: external recipient}
""",
    ),
    RuleTemplate(
        "amount-above",
        gettext_noop("Amount above N"),
        gettext_noop(
            "Two people agree to amounts above the limit; an amount that is no number waits "
            "as well."
        ),
        {
            "name": "amount above 1000",
            "when": "has(args.amount) && double(args.amount) > 1000.0",
            "verdict": "require_approval",
            "reviewers": ["role:reviewer"],
            "quorum": 2,
            "reason": "More than 1000 is at stake.",
        },
        """\
- name: two agree above the limit
  tool: {name: refund, side_effect: write}
  args: {amount: "1000.01"}
  expect: {verdict: require_approval, rule: amount above 1000, quorum: 2}
- name: up to the limit other rules decide
  tool: {name: refund, side_effect: write}
  args: {amount: 1000}
  expect: {rule: default}
- name: an amount that is no number waits
  tool: {name: refund, side_effect: write}
  args: {amount: a lot}
  expect: {rule: amount above 1000}
""",
    ),
    RuleTemplate(
        "outside-run",
        gettext_noop("Outside of a run"),
        gettext_noop(
            "Denies writes that an agent asks for outside of any run: no run's limits and "
            "budgets hold for those."
        ),
        {
            "name": "outside of a run",
            "when": "!has(run.id) && !has(event.id) && tool.side_effect != 'read'",
            "verdict": "deny",
            "reason": "Name the run that this call belongs to.",
        },
        """\
- name: a write outside of a run is denied
  tool: {name: refund, side_effect: write}
  expect: {verdict: deny, rule: outside of a run}
- name: in a run other rules decide
  tool: {name: refund, side_effect: write}
  run: {id: run_1}
  expect: {rule: default}
- name: what an event led to has no run and is no call of an agent
  tool: {name: refund, side_effect: write}
  event: {id: evt_1}
  expect: {rule: default}
- name: reading stays free
  tool: {name: look, side_effect: read}
  expect: {verdict: allow, rule: default}
""",
    ),
)
BY_SLUG = {template.slug: template for template in TEMPLATES}
