"""Addresses of the audit log."""

urlpatterns: list = []
