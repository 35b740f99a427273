from django.apps import AppConfig


class BedsConfig(AppConfig):
    name = "beds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from beds.services.parting import part
        from identity.services.partners import when_ended

        when_ended(part)
