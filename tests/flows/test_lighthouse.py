"""What Google's Lighthouse says of the two pages where people decide, on desktop and phone."""

from collections.abc import Iterator

import pytest

from tests.flows.browser import sign_in
from tests.flows.demo import REVIEWER, Demo
from tests.lighthouse import judging
from tests.lighthouse.judging import Judge
from tests.vendor import install

pytestmark = [pytest.mark.flow, pytest.mark.browser, pytest.mark.long]
LEAST = 95
PAGES = {
    "inbox": "/demo/sandbox/inbox/",
    "action": "/demo/sandbox/actions/{action}/",
}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install.main(judging.HERE)
    if not install.is_ready(judging.HERE):
        pytest.skip(install.ABSENT)


@pytest.fixture(scope="module")
def judge(here: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Lighthouse in a browser in which a reviewer is signed in."""
    with judging.judging(tmp_path_factory.mktemp("profile")) as ready:
        sign_in(ready.context, here, REVIEWER)
        yield ready


@pytest.mark.parametrize("device", judging.DEVICES)
@pytest.mark.parametrize("name", PAGES)
def test_lighthouse_finds_the_pages_of_deciding_accessible_and_well_made(
    here: Demo, judge: Judge, name: str, device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = here.tree.url + PAGES[name].format(action=here.known["action"])
    found = judge.judge(url, device=device)
    with capsys.disabled():
        said = ", ".join(f"{category} {score}" for category, score in found.scores.items())
        print(f"\nLighthouse: {name}, {device}: {said}", end="")  # noqa: T201 - docs/assurance.md
    assert all(score >= LEAST for score in found.scores.values()), "\n".join(found.faults)
