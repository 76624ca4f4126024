from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DeskConfig(AppConfig):
    name = "gateway.desk"
    label = "desk"
    verbose_name = "Desk"


class RecordsConfig(admin_apps.SimpleAdminConfig):
    """Django's admin with the project's own site.

    `gateway/urls.py` loads the pages, so that workers and intake processes do without them.
    """

    default = False
    default_site = "gateway.desk.adminsite.ReadingRoom"
