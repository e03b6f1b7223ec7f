"""The gate: whether a job may begin now. Else it waits here, without costing a try or a worker's time.

Owns: pauses, limits set by people, permits in Redis, tickets of jobs that run in order, the release of held
jobs, workers following pauses.
Offers: modules pausing, looking, releasing; `asking.GateKeeper`, named by settings.JOB_GATE.
Listens to: nothing; the engine asks it when a job begins and tells it when one has ended.
"""
