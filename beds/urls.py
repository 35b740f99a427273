"""The public addresses of capacity, requests and candidates (docs/api-contract.md, Beds)."""

from django.urls import path

from beds import views
from beds.views import receipts, templates

urlpatterns = [
    path("board", views.BoardView.as_view()),
    path("capacities/<uuid:capacity_id>", views.CapacityView.as_view()),
    path("request-templates", templates.TemplatesView.as_view()),
    path("request-templates/<uuid:template_id>", templates.TemplateView.as_view()),
    path("requests", views.RequestsView.as_view()),
    path("requests/<uuid:request_id>", views.RequestView.as_view()),
    path("requests/<uuid:request_id>/cancel", views.CancelView.as_view()),
    path("candidates/<uuid:candidate_id>/receipt", receipts.ReceiptView.as_view()),
    path("candidates/<uuid:candidate_id>/<slug:action>", views.StepView.as_view()),
]
