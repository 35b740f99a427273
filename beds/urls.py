"""The public addresses of capacity, requests and candidates (docs/api-contract.md, Beds)."""

from django.urls import path

from beds import views
from beds.views import board, escalation, receipts, statistics, templates

urlpatterns = [
    path("board", board.BoardView.as_view()),
    path("capacities/<uuid:capacity_id>", board.CapacityView.as_view()),
    path("capacities/<uuid:capacity_id>/history", board.HistoryView.as_view()),
    path("capacities/<uuid:capacity_id>/undo", board.UndoView.as_view()),
    path("units/<uuid:unit_id>/beds", board.BedsView.as_view()),
    path("beds/<uuid:bed_id>", board.BedView.as_view()),
    path("request-templates", templates.TemplatesView.as_view()),
    path("request-templates/<uuid:template_id>", templates.TemplateView.as_view()),
    path("roles/<uuid:role>/escalation", escalation.EscalationView.as_view()),
    path("requests", views.RequestsView.as_view()),
    path("requests/<uuid:request_id>", views.RequestView.as_view()),
    path("requests/<uuid:request_id>/cancel", views.CancelView.as_view()),
    path("candidates/<uuid:candidate_id>/receipt", receipts.ReceiptView.as_view()),
    path("candidates/<uuid:candidate_id>/conversation", views.TalkView.as_view()),
    path("statistics/requests", statistics.StatisticsView.as_view()),
    path("statistics/requests.csv", statistics.StatisticsCsvView.as_view()),
    path("candidates/<uuid:candidate_id>/<slug:action>", views.StepView.as_view()),
]
