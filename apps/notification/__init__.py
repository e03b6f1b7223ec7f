"""Notices to people: in their inbox here, by mail and by signed webhook.

Owns: Channel, Notification, Delivery and the pages under /notifications/.
Offers: send_notification_task, resend_notification_task, test_channel_task; `inbox.unread_count`.
Listens to: job.failed, if FAILURE_NOTICES_TO is set; it submits `apps.email.tasks.send_email_task` by name.
Reads: WEBHOOK_SECRET, WEBHOOK_ALLOWED_HOSTS, SITE_URL, FAILURE_NOTICES_TO.
"""
