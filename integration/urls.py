"""A registrar's addresses of the hospital's software (docs/api-contract.md, Integration)."""

from django.urls import path

from integration.views import clients

urlpatterns = [
    path("integration-clients", clients.ClientsView.as_view()),
    path("integration-clients/<uuid:client>", clients.ClientView.as_view()),
    path("integration-clients/<uuid:client>/revoke", clients.RevokeClientView.as_view()),
]
