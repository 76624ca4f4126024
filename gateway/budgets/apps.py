from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "gateway.budgets"
    label = "budgets"
    verbose_name = "Budgets"
