"""Mail to people: one message, or one to each of many.

Owns: messages, mail templates, mailings, and the .eml files of the default backend.
Offers: tasks send_email_task, send_bulk_email_task and settle_messages_task.
Listens to: nothing; it publishes email.bulk.finished.
Reads: EMAIL_*, DEFAULT_FROM_EMAIL, MEDIA_ROOT.
"""
