from datetime import timedelta

from django.db import migrations, models
from django.utils import timezone

CHUNK = 500


def fill(apps, schema_editor):
    """Give the calls of the last day their key; nobody counts older ones by their target."""
    from approvals.services.targets import key_of

    actions = apps.get_model("approvals", "Action")
    since = timezone.now() - timedelta(days=1)
    rows = actions.objects.filter(created_at__gte=since, target_key="").exclude(target=[])
    changed = []
    for action in rows.only("id", "target").iterator(chunk_size=CHUNK):
        action.target_key = key_of(action.target)
        changed.append(action)
    actions.objects.bulk_update(changed, ["target_key"], batch_size=CHUNK)


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0003_agent_fallback_provider"),
        ("approvals", "0026_index_of_what_was_let_through"),
    ]

    operations = [
        migrations.AddField(
            model_name="action",
            name="target_key",
            field=models.CharField(
                blank=True, default="", max_length=64,
                help_text="Keyed digest of the target; empty for none.",
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="action", name="action_agent_tool"),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                fields=["agent", "tool_name", "created_at", "status", "target_key", "id"],
                name="action_uses",
            ),
        ),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=models.Q(("status", "executing")),
                fields=["lease_until"],
                name="action_leased",
            ),
        ),
    ]
