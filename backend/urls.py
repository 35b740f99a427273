"""Every public address (2-architecture, Public addresses). Each part brings its own list."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from backend import health, metrics

urlpatterns = [
    path("api/v1/", include("identity.urls")),
    path("api/v1/", include("messaging.urls")),
    path("api/v1/", include("beds.urls")),
    path("api/v1/", include("audit.api.urls")),
    path("api/v1/", include("integration.urls")),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(authentication_classes=[], permission_classes=[])),
    path("audit/logs/", include("audit.api.log_urls")),
    path("fhir/", include("integration.fhir_urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", metrics.metrics),
]
