from apps.schedules.models.beat import Absence, Beat
from apps.schedules.models.firing import Firing
from apps.schedules.models.schedule import Schedule
from apps.schedules.models.shipped_schedule import ShippedSchedule
from apps.schedules.models.timing import Stale, Timing
from apps.schedules.models.watch import Look, Streak

__all__ = ["Absence", "Beat", "Firing", "Look", "Schedule", "ShippedSchedule", "Stale", "Streak", "Timing"]
