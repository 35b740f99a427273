"""A registrar's addresses of the hospital's software (docs/api-contract.md, Integration)."""

from django.urls import path

from integration.views import clients, webhooks

urlpatterns = [
    path("integration-clients", clients.ClientsView.as_view()),
    path("integration-clients/<uuid:client>", clients.ClientView.as_view()),
    path("integration-clients/<uuid:client>/revoke", clients.RevokeClientView.as_view()),
    path("webhooks", webhooks.WebhooksView.as_view()),
    path("webhooks/<uuid:webhook>", webhooks.WebhookView.as_view()),
    path("webhooks/<uuid:webhook>/secret", webhooks.WebhookSecretView.as_view()),
    path("webhooks/<uuid:webhook>/try", webhooks.TryWebhookView.as_view()),
    path("webhooks/<uuid:webhook>/end", webhooks.EndWebhookView.as_view()),
]
