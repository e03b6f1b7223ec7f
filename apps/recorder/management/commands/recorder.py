"""`manage.py recorder`: keeps the ledger."""

import json
import signal
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from apps.recorder.duties import Crew, known
from apps.recorder.pulse import Pulse


class Command(BaseCommand):
    help = "Writes the ledger, publishes the outbox, keeps dead letters, sweeps and watches. Run one or more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", action="append", choices=sorted(known()), help=_("this duty alone; may be repeated")
        )
        parser.add_argument(
            "--pulse",
            type=Path,
            metavar="FILE",
            help=_("write into this file, every two seconds, which duties have not moved for a minute"),
        )
        parser.add_argument("--json", action="store_true", help=_("at the end, print what was done as JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(name, lambda *_: stop.set())
        crew = Crew(options["only"] or list(known()), stop)
        crew.start()
        if options["pulse"]:
            Pulse(options["pulse"], crew.laps, stop).start()
        self.stdout.write(_("recorder ready: %s") % ", ".join(crew.names))
        self.stdout.flush()
        crew.wait()
        done = crew.figures()
        text = json.dumps(done) if options["json"] else ", ".join(f"{k} {v}" for k, v in done.items())
        self.stdout.write(text)
