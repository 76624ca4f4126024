"""Ready-made rules do what their own cases say, and say nothing that an adviser minds."""

import pytest

from approvals.policy.advice import advice
from approvals.policy.cases import load_cases, run_cases
from approvals.policy.engine import load_rules
from approvals.policy.templates import BY_SLUG, TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)
def test_a_template_passes_its_own_cases(template):
    outcomes = run_cases(load_rules("pol_1", [template.rule]), load_cases(template.cases))
    assert len(outcomes) >= 2
    assert [one for one in outcomes if not one.passed] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)
def test_the_cases_of_a_template_can_fail(template):
    other = {"name": "other", "when": "false", "verdict": "deny"}
    outcomes = run_cases(load_rules("pol_1", [other]), load_cases(template.cases))
    assert [one for one in outcomes if not one.passed] != []


def test_all_of_them_together_are_one_sound_policy():
    rules = load_rules("pol_1", [template.rule for template in TEMPLATES])
    assert advice(rules) == []
    assert set(BY_SLUG) == {
        "outside-hours", "outside-region", "restricted-content", "external-recipient",
        "amount-above", "outside-run",
    }  # fmt: skip
