from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0030_ordered_by")]

    operations = [
        migrations.RemoveIndex(model_name="action", name="action_let_through"),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=models.Q(("approved_at__isnull", False)),
                fields=["agent", "tool_name", "status", "created_at", "id", "approved_at"],
                name="action_let_through",
            ),
        ),
    ]
