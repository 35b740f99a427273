"""Addresses of the audit log under ``/api/v1/``."""

from django.urls import path

from audit.api import export_views, privacy_views, reading_views, views, witness_views

urlpatterns = [
    path("audit/export", views.Export.as_view()),
    path("audit/exports", export_views.ExportsView.as_view()),
    path("audit/exports/<uuid:export>", export_views.ExportView.as_view()),
    path("audit/exports/<uuid:export>/content", export_views.ExportContentView.as_view()),
    path("audit/events", reading_views.EventsView.as_view()),
    path("audit/timeline", reading_views.TimelineView.as_view()),
    path("audit/disclosures/<uuid:case>", reading_views.DisclosuresView.as_view()),
    path("audit/break-glass", reading_views.BreakGlassView.as_view()),
    path("audit/sign-in-failures", reading_views.SignInFailuresView.as_view()),
    path("audit/activity", reading_views.ActivityView.as_view()),
    path("audit/roster", reading_views.RosterView.as_view()),
    path("audit/reviews", reading_views.ReviewsView.as_view()),
    path("audit/erasures", privacy_views.ErasuresView.as_view()),
    path("audit/witnesses", witness_views.Witnesses.as_view()),
]
