"""Keys follow each other by announcements; a key that nobody announced signs nothing."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit import checkpoints, exporting, keys, published, sequencer
from audit.checkpoints import BadNote
from audit.context import Scope
from audit.models import AuditRecord, Checkpoint
from audit.sequencer import Sequencer
from tests.client.verifier import load
from tests.factories.audit import AuditRecordFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
LOG = "ten_acme"
ONE, TWO, THREE = "01" * 32, "02" * 32, "03" * 32
offline = load()


def grow():
    """One more leaf of the log, and a signed head where this process may sign."""
    AuditRecordFactory(scope=Scope(LOG))
    Sequencer().tick()
    size = sequencer.tree.size(LOG)
    newest = sequencer.tree.newest_checkpoint(LOG)
    if (newest is None or newest.size < size) and published.public_keys()[-1:] == [
        sequencer._public_key()
    ]:
        sequencer.sign(LOG, size)


@pytest.fixture
def rotated(settings, tmp_path):
    """A log that was signed by one key, then by the next."""

    def rotate(*options):
        settings.AUDIT_SIGNING_KEY = ONE
        grow()
        call_command("audit_rotate_key", str(tmp_path / "key"), *options, stdout=StringIO())
        settings.AUDIT_SIGNING_KEY = (tmp_path / "key").read_text().strip()
        grow()
        exporting.write(exporting.span_of_leaves(LOG, 0, 2), tmp_path / "export")
        return tmp_path / "export"

    return rotate


def verified(*options):
    """What `audit_verify` printed, and its exit code."""
    out = StringIO()
    try:
        call_command("audit_verify", *options, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), ended.code
    return out.getvalue(), 0


def test_whoever_trusts_the_first_key_follows_the_chain(rotated, tmp_path):
    export = rotated()
    first = keys.public(ONE)
    assert Checkpoint.objects.filter(log=LOG).count() == 2
    assert verified("--public-key", first, "--log", LOG)[1] == 0
    report = offline.verify(export, keys=[first], kept=[])
    assert (report.found, report.checkpoints, len(report.keys)) == (0, 2, 2)
    record = AuditRecord.objects.get(action="audit.key.announced")
    assert keys.parse(record.body_json["meta"]["note"]).old == first
    assert record.log == "system"
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_without_its_announcement_the_next_key_is_not_believed(rotated):
    export = rotated()
    (export / "key-rotations.txt").unlink()
    report = offline.verify(export, keys=[keys.public(ONE)], kept=[])
    assert "entry 2 is not signed by a key that is trusted" in report.findings[0].text


def test_an_announcement_that_the_old_key_did_not_sign_is_not_followed(rotated):
    export = rotated()
    forged = keys.announce(THREE, TWO, at="2026-11-26T00:00:00Z")
    forged = forged.replace(keys.public(THREE), keys.public(ONE))
    with pytest.raises(BadNote):
        keys.parse(forged)
    assert keys.follow([keys.public(ONE)], [forged]).keys == [keys.public(ONE)]
    (export / "key-rotations.txt").write_text(f"{forged}\n")
    assert offline.verify(export, keys=[keys.public(ONE)], kept=[]).found


def test_after_a_lost_key_the_new_one_must_be_told(rotated):
    export = rotated("--lost")
    old, new = published.public_keys()
    text, code = verified("--log", LOG)
    assert code == 0
    assert f"key {new} took the place of a lost one" in text
    assert verified("--public-key", old, "--log", LOG)[1] == 1
    assert verified("--public-key", old, "--public-key", new, "--log", LOG)[1] == 0
    assert offline.verify(export, keys=[old], kept=[]).found
    assert offline.verify(export, keys=[old, new], kept=[]).found == 0


@pytest.mark.parametrize("seed", [TWO, ONE])
def test_a_key_that_nobody_announced_or_that_was_replaced_signs_nothing(rotated, settings, seed):
    rotated()
    settings.AUDIT_SIGNING_KEY = seed
    grow()
    assert sequencer.tree.size(LOG) == 3
    assert sequencer.tree.newest_checkpoint(LOG).size == 2
    with pytest.raises(published.UnknownKey, match="audit_rotate_key"):
        published.announce_key(keys.public(seed))


def test_only_the_key_that_signs_here_announces_the_next(settings, tmp_path):
    settings.AUDIT_SIGNING_KEY = ONE
    grow()
    settings.AUDIT_SIGNING_KEY = TWO
    with pytest.raises(CommandError, match="not the key that signs here"):
        call_command("audit_rotate_key", str(tmp_path / "key"))
    assert not (tmp_path / "key").exists()
    assert published.public_keys() == [keys.public(ONE)]
    assert checkpoints.verify(Checkpoint.objects.get(log=LOG).note, [keys.public(ONE)])
