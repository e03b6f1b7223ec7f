"""Jobs while they run: ended on request, looked into, and stopped between steps to go on later.

Owns: cursors of loops, the rights to cancel a job and to see its stack, the watch that kills.
Offers: `steps.steps`, `steps.checkpoint`, `steps.last_cursor`; `trees.cancel_tree`, `asking.wish_of`,
    `stacks.look`.
Listens to: the broadcast `stack`; a worker's order to stop; pauses of the gate, while steps are run.
Reads: CANCEL_GRACE_SECONDS, by way of each task's `cancel_grace`.
"""
