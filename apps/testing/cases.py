"""The same for Django's TestCase: `class BillTest(JobsMixin, TestCase)`."""

from django.test import SimpleTestCase

from apps.testing.collected import Jobs
from apps.testing.timetable import Timetable


class JobsMixin(SimpleTestCase):
    """Has `self.jobs` and `self.timetable`. To be named before TestCase or TransactionTestCase."""

    jobs: Jobs
    timetable: Timetable

    def setUp(self) -> None:
        super().setUp()
        self.jobs = self.enterContext(Jobs())
        self.timetable = Timetable(self.jobs)
