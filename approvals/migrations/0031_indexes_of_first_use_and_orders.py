from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0030_ordered_by")]

    operations = [
        # The lock that keeps readers out is the last one taken, and held for a moment.
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=models.Q(("status", "pending"), models.Q(("ordered_by", ""), _negated=True)),
                fields=["id"],
                name="action_ordered",
            ),
        ),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=models.Q(("approved_at__isnull", False)),
                fields=["agent", "tool_name", "status", "created_at", "id", "approved_at"],
                name="action_first_use",
            ),
        ),
        migrations.RemoveIndex(model_name="action", name="action_let_through"),
    ]
