"""Several beats, one of them killed every few seconds: does each due time fire once?

python -m tests.beats --schedules 2000 --seconds 120 --beats 3
"""
