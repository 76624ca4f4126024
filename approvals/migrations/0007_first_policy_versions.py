"""Every policy that exists gets the version row of what is in force; earlier ones were not kept."""

from django.db import migrations

from audit.canonical import digest


def write_versions(apps, schema_editor):
    Policy = apps.get_model("approvals", "Policy")
    PolicyVersion = apps.get_model("approvals", "PolicyVersion")
    for policy in Policy.objects.filter(versions=None).iterator():
        content = {
            "rules": policy.rules, "tests": policy.tests,
            "position": policy.position, "is_enabled": policy.is_enabled,
        }
        PolicyVersion.objects.create(
            environment_id=policy.environment_id, policy=policy, number=policy.version,
            comment=policy.comment, author_kind="system", author_id="countersign",
            sha256=digest(content), **content,
        )


class Migration(migrations.Migration):
    dependencies = [("approvals", "0006_policy_versions")]
    operations = [migrations.RunPython(write_versions, migrations.RunPython.noop)]
