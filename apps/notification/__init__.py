"""Notices to people: in their inbox here, by mail and by signed webhook.

Owns: Channel, Notification, Delivery and the pages under /notifications/.
Offers: send_notification_task, resend_notification_task, test_channel_task; `inbox.unread_count`.
Listens to: nothing; it submits `apps.email.tasks.send_email_task` by name.
Reads: WEBHOOK_SECRET, WEBHOOK_ALLOWED_HOSTS, SITE_URL.
"""
