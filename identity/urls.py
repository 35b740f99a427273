"""``/api/v1/`` of people, devices, keys and duty."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
