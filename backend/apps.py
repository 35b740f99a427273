import sys

from django.apps import AppConfig


class BackendConfig(AppConfig):
    name = "backend"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backend import checks

        # Here and not only among the system checks: a server, a worker and beat do not run those. `audit_key` makes what is missing.
        if sys.argv[1:2] != ["audit_key"]:
            checks.refuse_unsafe()
