"""What this app itself does when it is told something."""

from celery.signals import task_prerun

from apps.messaging import broadcasting, levels

broadcasting.on(levels.TOPIC)(levels.change)
task_prerun.connect(levels.follow, dispatch_uid="messaging.levels")
