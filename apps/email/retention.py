from apps.jobs.retention import RetentionPolicy

KEEP_DAYS = 180

POLICIES = [
    RetentionPolicy(
        name="sent mail",
        model="email.Message",
        timestamp="sent_at",
        keep_days=KEEP_DAYS,
        only={"state": "sent", "mailing__isnull": True},
        files=("eml",),
    ),
    # A mailing takes its messages along: its figures are counted from them.
    RetentionPolicy(
        name="mailings",
        model="email.Mailing",
        timestamp="finished_at",
        keep_days=KEEP_DAYS,
        only={"state": "done"},
    ),
]
