"""The hospital API (docs/integration.md)."""

from django.urls import path

from integration.views import signing_in

urlpatterns = [
    path(".well-known/smart-configuration", signing_in.SmartConfigurationView.as_view()),
    path("token", signing_in.TokenView.as_view()),
]
