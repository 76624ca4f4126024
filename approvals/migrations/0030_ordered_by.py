from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0029_turns_are_no_attempts")]

    operations = [
        migrations.AddField(
            model_name="action",
            name="ordered_by",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Who had an event ask for it: public ids between bars, as in routes.",
            ),
        ),
    ]
