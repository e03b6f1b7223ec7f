"""`make chaos`: thousands of jobs while servers and processes fail at random, then a count of the losses.

    python -m tests.chaos --seed 7 --jobs 5000 --seconds 120 [--report FILE]

The faults, their times and targets are drawn from the seed before anything starts.
"""
