"""The hospital API (docs/integration.md)."""

from django.urls import path

from integration.views import exporting, fhir, signing_in

urlpatterns = [
    path(".well-known/smart-configuration", signing_in.SmartConfigurationView.as_view()),
    path("token", signing_in.TokenView.as_view()),
    path("metadata", fhir.MetadataView.as_view()),
    path("$export", exporting.KickOffView.as_view()),
    path("$export/<uuid:export>", exporting.ExportView.as_view()),
    path("$export/<uuid:export>/AuditEvent.ndjson", exporting.ExportFileView.as_view()),
    path("<str:kind>", fhir.TypeView.as_view()),
    path("<str:kind>/_search", fhir.SearchView.as_view()),
    path("<str:kind>/<str:id>", fhir.ResourceView.as_view()),
    path("", fhir.NothingView.as_view()),
    path("<path:rest>", fhir.NothingView.as_view()),
]
