"""Addresses of the budgets' pages, under `/{tenant}/{environment}/budgets/`."""

from django.urls import path

from gateway.budgets import views

app_name = "budgets"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    path("<slug:budget>/", views.detail, name="detail"),
    path("<slug:budget>/change/", views.change, name="change"),
    path("<slug:budget>/archive/", views.archive, name="archive"),
]
