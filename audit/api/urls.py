"""Addresses of the audit log under ``/api/v1/``."""

from django.urls import path

from audit.api import views

urlpatterns = [path("audit/export", views.Export.as_view())]
