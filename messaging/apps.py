from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from identity.services.leaving import ends_with_member
        from messaging.emergency import end_with_member
        from messaging.pushes import end_pushes_of

        ends_with_member(end_with_member)
        ends_with_member(end_pushes_of)
