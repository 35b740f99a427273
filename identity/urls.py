"""``/api/v1/`` of people, devices, keys and duty."""

from django.urls import path

from identity.views import auditors, devices, directory, duty, enrolment, idle_lock, me, members, recovery, roles, sessions

urlpatterns = [
    path("session", sessions.SessionView.as_view()),
    path("session/options", sessions.SessionOptionsView.as_view()),
    path("session/unlock", sessions.UnlockView.as_view()),
    path("session/wraps", sessions.WrapsView.as_view()),
    path("invitations", enrolment.InvitationsView.as_view()),
    path("invitations/look", enrolment.LookInvitationView.as_view()),
    path("device-links", enrolment.LinksView.as_view()),
    path("device-links/look", enrolment.LookLinkView.as_view()),
    path("enrolment/options", enrolment.EnrolmentOptionsView.as_view()),
    path("enrolment", enrolment.EnrolmentView.as_view()),
    path("setup", enrolment.SetupView.as_view()),
    path("setup/look", enrolment.LookSetupView.as_view()),
    path("me", me.MeView.as_view()),
    path("devices", devices.DevicesView.as_view()),
    path("devices/<uuid:device>/revoke", devices.RevokeDeviceView.as_view()),
    path("directory", directory.DirectoryView.as_view()),
    path("statements", directory.StatementsView.as_view()),
    path("members/pending", members.PendingView.as_view()),
    path("members/<uuid:person>/approve", members.ApproveView.as_view()),
    path("members/<uuid:person>/end", members.EndView.as_view()),
    path("members/<uuid:person>/devices", devices.MemberDevicesView.as_view()),
    path("members/<uuid:person>/recovery", recovery.OfferRecoveryView.as_view()),
    path("recoveries/open", recovery.OpenRecoveryView.as_view()),
    path("members/<uuid:person>/auditor", auditors.AppointView.as_view()),
    path("members/<uuid:person>/auditor/end", auditors.EndTermView.as_view()),
    path("hospital/idle-lock", idle_lock.IdleLockView.as_view()),
    path("units", members.UnitsView.as_view()),
    path("roles", roles.RolesView.as_view()),
    path("roles/<uuid:role>/close", roles.CloseRoleView.as_view()),
    path("partners", members.PartnersView.as_view()),
    path("duty", duty.DutyView.as_view()),
    path("duty/<uuid:role>/take", duty.TakeDutyView.as_view()),
    path("duty/<uuid:role>/hand-over", duty.HandOverDutyView.as_view()),
    path("duty/<uuid:role>/seals", roles.FormerSealsView.as_view()),
    path("duty/<uuid:role>/history", roles.HistoryView.as_view()),
]
