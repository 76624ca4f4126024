"""Addresses of actions and policies, under `/{tenant}/{environment}/`."""

from django.urls import path

from approvals import views

app_name = "approvals"
urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/views/", views.save_view, name="save_view"),
    path("inbox/views/<slug:view>/", views.open_view, name="view"),
    path("inbox/views/<slug:view>/change/", views.change_view, name="change_view"),
    path("inbox/views/<slug:view>/remove/", views.remove_view, name="remove_view"),
    path("inbox/count/", views.inbox_count, name="inbox_count"),
    path("inbox/together/", views.bulk, name="bulk"),
    path("actions/", views.actions, name="list"),
    path("actions/<slug:action>/", views.detail, name="detail"),
    path("actions/<slug:action>/row/", views.row, name="row"),
    path("actions/<slug:action>/approve/", views.approve, name="approve"),
    path("actions/<slug:action>/challenge/", views.challenge, name="challenge"),
    path("actions/<slug:action>/reject/", views.reject, name="reject"),
    path("actions/<slug:action>/edit/", views.edit, name="edit"),
    path("actions/<slug:action>/undo/", views.undo, name="undo"),
    path("actions/<slug:action>/extend/", views.extend, name="extend"),
    path("actions/<slug:action>/cancel/", views.cancel, name="cancel"),
    path("actions/<slug:action>/reconcile/", views.reconcile, name="reconcile"),
    path("actions/<slug:action>/look-again/", views.look_again, name="look_again"),
    path("actions/<slug:action>/run-again/", views.run_again, name="run_again"),
    path("actions/<slug:action>/compensate/", views.compensate, name="compensate"),
    path("kill-switch/", views.kill_switch, name="kill_switch"),
    path("kill-switch/stop/", views.stop, name="stop"),
    path("kill-switch/<slug:switch>/off/", views.go_on, name="go_on"),
    path("actions/<slug:action>/grant/", views.grant, name="grant"),
    path("actions/<slug:action>/break-glass/", views.break_glass, name="break_glass"),
    path("break-glass/", views.emergencies, name="emergencies"),
    path("break-glass/<slug:emergency>/", views.review_break_glass, name="review_break_glass"),
    path("grants/", views.grants, name="grants"),
    path("grants/<slug:grant>/revoke/", views.revoke_grant, name="revoke_grant"),
    path("actions/<slug:action>/comment/", views.comment, name="comment"),
    path("actions/<slug:action>/take/", views.take, name="take"),
    path("actions/<slug:action>/let-go/", views.let_go, name="let_go"),
    path("actions/<slug:action>/assign/", views.assign, name="assign"),
    path("actions/<slug:action>/snooze/", views.snooze, name="snooze"),
    path("actions/<slug:action>/wake/", views.wake, name="wake"),
    path("delegations/", views.delegations, name="delegations"),
    path(
        "delegations/<slug:delegation>/revoke/", views.revoke_delegation, name="revoke_delegation"
    ),
    path("reviewers/", views.reviewers, name="reviewers"),
    path("policies/", views.policies, name="policies"),
    path("policies/new/", views.new_policy, name="new_policy"),
    path("policies/simulate/", views.simulate, name="simulate"),
    path("policies/<slug:policy>/", views.policy, name="policy"),
    path("policies/<slug:policy>/edit/", views.edit_policy, name="edit_policy"),
    path("policies/<slug:policy>/move/", views.move_policy, name="move_policy"),
    path("policies/<slug:policy>/switch/", views.switch_policy, name="switch_policy"),
    path("policies/<slug:policy>/rollout/", views.rollout, name="rollout"),
    path("policies/<slug:policy>/shadow/", views.shadow, name="shadow"),
    path(
        "policies/<slug:policy>/versions/<int:number>/", views.policy_version, name="policy_version"
    ),
    path(
        "policies/<slug:policy>/versions/<int:number>/restore/",
        views.restore_policy,
        name="restore_policy",
    ),
]
