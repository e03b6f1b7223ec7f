"""Testing helpers for the people who write tasks: what was handed in, and running it here and now.

Owns: nothing.
Offers: `plugin`, a pytest plugin with the fixtures `jobs` and `timetable`; `cases.JobsMixin` for Django's
    TestCase; `collected.Jobs` and `timetable.Timetable`, which are behind both.
Listens to: nothing.
"""
