"""``/api/v1/`` of conversations, messages, attachments and pushes (docs/api-contract.md)."""

from django.urls import path

from messaging.views import attachments, conversations, emergencies, messages, pushes

urlpatterns = [
    path("sync", conversations.SyncView.as_view()),
    path("conversations", conversations.ConversationsView.as_view()),
    path("conversations/<uuid:conversation_id>", conversations.ConversationView.as_view()),
    path("conversations/<uuid:conversation_id>/epochs", conversations.EpochsView.as_view()),
    path("conversations/<uuid:conversation_id>/messages", messages.MessagesView.as_view()),
    path("conversations/<uuid:conversation_id>/delivered", messages.DeliveredView.as_view()),
    path("conversations/<uuid:conversation_id>/messages/<uuid:message_id>/acknowledge", messages.AcknowledgeView.as_view()),
    path("emergencies", emergencies.EmergenciesView.as_view()),
    path("emergencies/<uuid:emergency_id>/end", emergencies.EndEmergencyView.as_view()),
    path("attachments", attachments.AttachmentsView.as_view()),
    path("attachments/<uuid:attachment_id>", attachments.AttachmentView.as_view()),
    path("attachments/<uuid:attachment_id>/chunks/<int:number>", attachments.ChunkView.as_view()),
    path("attachments/<uuid:attachment_id>/complete", attachments.CompleteView.as_view()),
    path("attachments/<uuid:attachment_id>/content", attachments.ContentView.as_view()),
    path("push-subscriptions", pushes.PushSubscriptionsView.as_view()),
    path("push-subscriptions/key", pushes.PushKeyView.as_view()),
]
