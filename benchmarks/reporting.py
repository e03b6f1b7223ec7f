"""What every benchmark writes: ratios by name, the machine, the raw runs."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write(name: str, ratios: Mapping[str, float], runs: Iterable[Any], **more: object) -> None:
    """Writes `results/<name>.json` and prints the ratios. `runs` are dataclasses, `more` further figures."""
    found = {"ratios": dict(ratios), **more, "machine": machine(), "runs": [asdict(run) for run in runs]}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    for label, ratio in ratios.items():
        print(f"{label:40} {ratio}")


def machine() -> dict[str, object]:
    return {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }


def ratio(ours: Sequence[float], theirs: Sequence[float], digits: int = 3) -> float:
    """The median of the ratios of runs that took turns."""
    return float(round(median(map(truediv, ours, theirs)), digits))
