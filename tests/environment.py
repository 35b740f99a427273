"""Loaded first by pytest (``-p tests.environment``): real PostgreSQL and Redis, test secrets, before Django reads its settings."""

import os
from pathlib import Path

STATE = Path(__file__).resolve().parent.parent / ".wardline" / "tests"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
os.environ.setdefault("WARDLINE_MODE", "demo")
os.environ.setdefault("PUBLIC_URL", "http://localhost:8000")
os.environ.setdefault("SECRET_KEY", "tests-only-never-in-production-0123456789abcdef0123456789abcdef")
os.environ.setdefault("WARDLINE_STATE", str(STATE))

if "DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ:
    from backend import embedded

    embedded.start(STATE, is_durable=False)
    # Tests make and empty databases; those of the service's own role connect as it (tests/audit/test_roles.py).
    os.environ["DATABASE_URL"] = os.environ.pop("MIGRATE_DATABASE_URL", os.environ["DATABASE_URL"])

# Each process counts for itself: what strangers tried in another's tests must not keep this one's people out.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["REDIS_URL"] += ("&" if "?" in os.environ["REDIS_URL"] else "?") + f"db={int(worker.removeprefix('gw')) + 1}"
