from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_sign_ins_challenges_and_preferences"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="keys",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="Single keys other than the usual ones; see gateway/tenants/keys.py.",
                max_length=200,
            ),
        ),
    ]
