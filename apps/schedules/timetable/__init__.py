"""Firing what is due: once for each due time, however many beats there are.

`claiming` takes due schedules with a lock, decides by their policies (`deciding`), and writes firing, job
and next due time in one transaction. `renewing` computes the next run of what was changed.
"""
