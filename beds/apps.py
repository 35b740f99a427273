from django.apps import AppConfig


class BedsConfig(AppConfig):
    name = "beds"
    default_auto_field = "django.db.models.BigAutoField"
