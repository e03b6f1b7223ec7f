"""What lies where in Redis."""

STREAM = "switchyard:ledger"
GROUP = "recorders"
SINCE = "switchyard:since"  # when this Redis was found empty, in seconds

SEQUENCE_BITS = 20


def tries_key(job_id: str) -> str:
    """A hash: how often the job was started, in which state it is, and which try is the latest."""
    return f"switchyard:tries:{job_id}"


def place(entry_id: str) -> int:
    """An entry's id as a number that orders as Redis does: milliseconds, then the sequence."""
    milliseconds, _, sequence = entry_id.partition("-")
    return (int(milliseconds) << SEQUENCE_BITS) | int(sequence)
