"""Addresses of the audit log under ``/api/v1/``."""

from django.urls import path

from audit.api import export_views, privacy_views, views, witness_views

urlpatterns = [
    path("audit/export", views.Export.as_view()),
    path("audit/exports", export_views.ExportsView.as_view()),
    path("audit/exports/<uuid:export>", export_views.ExportView.as_view()),
    path("audit/exports/<uuid:export>/content", export_views.ExportContentView.as_view()),
    path("audit/erasures", privacy_views.ErasuresView.as_view()),
    path("audit/witnesses", witness_views.Witnesses.as_view()),
]
