from django.apps import AppConfig


class BoardConfig(AppConfig):
    name = "gateway.board"
    label = "board"
    verbose_name = "Board"
