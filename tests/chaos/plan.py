"""What will fail, when and where: drawn from the seed before anything starts."""

import random
from dataclasses import dataclass

# Kind: how often it is drawn, and how many seconds it lasts (0: it is over at once).
KINDS: dict[str, tuple[int, tuple[float, float]]] = {
    "kill worker": (4, (0, 0)),
    "kill pool child": (4, (0, 0)),
    "stop worker": (2, (0, 0)),
    "freeze worker": (2, (5, 20)),
    "kill recorder": (3, (0, 0)),
    "freeze recorder": (1, (3, 8)),
    "kill submitter": (2, (0, 0)),
    "stop rabbitmq": (1, (2, 6)),
    "freeze rabbitmq": (1, (5, 10)),
    "close connections": (3, (0, 0)),
    "disk alarm": (1, (3, 8)),
    "stop redis": (2, (1, 5)),
    "restart postgres": (2, (0.5, 2)),
}
WORKERS, RECORDERS, SUBMITTERS = 3, 2, 2
PREFETCH = ("1", "8")  # of the workers in turn: the default, and what benchmarks/throughput.py has
QUIET_SECONDS = 3.0


@dataclass(frozen=True, order=True)
class Fault:
    """`target` is the number of the worker, recorder or submitter."""

    at: float
    kind: str
    target: int
    seconds: float

    def __str__(self) -> str:
        length = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.kind} {self.target}{length}"


def draw(seed: int, seconds: float, gap_seconds: float) -> list[Fault]:
    """One fault every `gap_seconds` or so."""
    dice = random.Random(seed)
    kinds = [kind for kind, (weight, _) in KINDS.items() for _ in range(weight)]
    faults, at = [], QUIET_SECONDS
    while at < seconds:
        kind = dice.choice(kinds)
        lowest, highest = KINDS[kind][1]
        faults.append(Fault(round(at, 1), kind, dice.randrange(6), round(dice.uniform(lowest, highest), 1)))
        at += dice.uniform(0.4, 1.6) * gap_seconds
    return faults
