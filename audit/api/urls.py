"""Addresses of the audit log under ``/api/v1/``."""

from django.urls import path

from audit.api import privacy_views, views, witness_views

urlpatterns = [
    path("audit/export", views.Export.as_view()),
    path("audit/erasures", privacy_views.ErasuresView.as_view()),
    path("audit/witnesses", witness_views.Witnesses.as_view()),
]
