"""The public addresses of capacity, requests and candidates (docs/api-contract.md, Beds)."""

from django.urls.resolvers import URLPattern

urlpatterns: list[URLPattern] = []
