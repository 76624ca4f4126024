"""6,000 forged deliveries of six schemes are refused, 600 genuine ones are taken."""

from random import Random

import pytest

from tests.webhooks.schemes.forging import MUTATIONS, deliver
from tests.webhooks.schemes.keys import key_bytes, verify
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Unverified

NOW = 1_790_000_000
NAMES = ("standard", "github", "slack", "stripe", "discord", "sendgrid")
SEEDS = 50
VALID = 100


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_forged_deliveries_are_refused(name, mutation):
    scheme = SCHEMES[name]
    key = key_bytes(scheme)
    taken = []
    for seed in range(SEEDS):
        random = Random(f"{name}/{mutation}/{seed}")
        forged = MUTATIONS[mutation](deliver(scheme, random, now=NOW), random)
        try:
            taken.append(verify(scheme, [key], forged.pairs(), forged.body, now=NOW))
        except Unverified:
            continue
    assert not taken


@pytest.mark.parametrize("name", NAMES)
def test_genuine_deliveries_are_taken(name):
    scheme = SCHEMES[name]
    key = key_bytes(scheme)
    random = Random(name)
    for _ in range(VALID):
        genuine = deliver(scheme, random, now=NOW)
        assert verify(scheme, [key], genuine.pairs(), genuine.body, now=NOW).secret_index == 0


def test_counts_are_those_that_are_promised():
    assert (len(NAMES) * len(MUTATIONS) * SEEDS, len(NAMES) * VALID) == (6000, 600)
