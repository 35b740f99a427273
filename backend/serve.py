"""The server process: ``python -m backend.serve``.

``HOST`` and ``PORT`` say where, ``PROXIES`` which addresses may say for whom they ask.
"""

import os

import django
import uvicorn

from backend import roles


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    roles.refuse_owner()
    uvicorn.run(
        "backend.asgi:application",
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        loop="uvloop",
        ws="websockets-sansio",
        # backend.logs writes what is logged; uvicorn's access log would write paths and queries.
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=os.environ.get("PROXIES", "127.0.0.1"),
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
