"""``/audit/logs/``: what every stranger may read, laid out as C2SP tlog-tiles has it, and the entries."""

from django.urls import include, path, re_path

from audit.api import log_views

_INDEX = r"(?P<index>[x0-9/]+)(?:\.p/(?P<width>[0-9]+))?"

_OF_ONE_LOG = [
    path("checkpoint", log_views.NewestCheckpoint.as_view()),
    re_path(rf"^tile/entries/{_INDEX}$", log_views.EntryBundle.as_view()),
    re_path(rf"^tile/(?P<level>[0-7])/{_INDEX}$", log_views.HashTile.as_view()),
]
urlpatterns = [path("", log_views.Logs.as_view()), path("<uuid:log>/", include(_OF_ONE_LOG))]
