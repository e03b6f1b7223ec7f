"""manage.py job submit"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.jobs import catalog
from apps.jobs.commanding import SubmitCommand
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import PRIORITY_LOWEST
from apps.jobs.orders import Options as OrderOptions
from apps.jobs.states import Source
from apps.jobs.submitting import submit
from apps.ledger.management.job import values
from apps.ledger.management.job.action import Options, person


class Submit:
    help = _("hand a job in")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("task", help=_("its full name"))
        parser.add_argument("--args", dest="positional", metavar="JSON", help=_("arguments, a JSON list"))
        parser.add_argument(
            "--kwargs", dest="named", metavar="JSON", help=_("named arguments, a JSON object")
        )
        parser.add_argument(
            "--arg", action="append", default=[], metavar="NAME=VALUE", help=_("one argument")
        )
        parser.add_argument("--priority", help=_("0 (first) to 9"))
        parser.add_argument("--delay", help=_("not before then: 90s, 5m, 2h, 1d"))
        parser.add_argument("--eta", help=_("not before then: 2026-03-01T09:00:00+01:00"))
        parser.add_argument("--expires", help=_("not after then: a duration or a time"))
        parser.add_argument("--queue", help=_("instead of the route's"))
        parser.add_argument("--key", help=_("a living job with this key is shown instead of a new one"))
        parser.add_argument("--unique", help=_("until_finished, while_waiting or latest"))
        parser.add_argument("--debounce", help=_("begin when nobody has asked again for so long: 30s, 5m"))
        parser.add_argument("--at-most", help=_("but not later than so long after the first who asked"))
        parser.add_argument("--tag", action="append", default=[], help=_("a word to find it by"))
        parser.add_argument("--wait", action="store_true", help=_("wait for the job and show how it ends"))
        parser.add_argument("--timeout", default="1h", help=_("how long --wait waits"))

    def run(self, command: SubmitCommand, options: Options) -> None:
        timeout = values.duration("--timeout", options["timeout"])
        args, kwargs = arguments(options)
        job = submit(options["task"], args=args, kwargs=kwargs, **order(options))
        command.report(job, {**options, "timeout": timeout.total_seconds()})


def arguments(options: Options) -> tuple[list[Any], dict[str, Any]]:
    args = values.json_list("--args", options["positional"]) if options["positional"] is not None else []
    kwargs = values.json_object("--kwargs", options["named"]) if options["named"] is not None else {}
    if not options["arg"]:
        return args, kwargs
    single = values.pairs("--arg", options["arg"], catalog.find(options["task"]))
    if twice := sorted(single.keys() & kwargs.keys()):
        raise ArgumentError({name: _("expected in --arg or in --kwargs, not in both") for name in twice})
    return args, {**kwargs, **single}


def order(options: Options) -> OrderOptions:
    found: OrderOptions = {"source": Source.COMMAND, "submitter": person(), "tags": options["tag"]}
    if options["priority"] is not None:
        found["priority"] = values.whole("--priority", options["priority"], 0, PRIORITY_LOWEST)
    if options["delay"] is not None:
        found["delay"] = values.duration("--delay", options["delay"])
    if options["eta"] is not None:
        found["eta"] = values.moment("--eta", options["eta"])
    if options["expires"] is not None:
        found["expires"] = values.duration_or_moment("--expires", options["expires"])
    if options["queue"] is not None:
        found["queue"] = options["queue"]
    return found | uniqueness(options)


def uniqueness(options: Options) -> OrderOptions:
    found: OrderOptions = {}
    if options["key"] is not None:
        found["key"] = options["key"]
    if options["unique"] is not None:
        found["unique"] = options["unique"]
    if options["debounce"] is not None:
        found["debounce"] = values.duration("--debounce", options["debounce"])
    if options["at_most"] is not None:
        found["at_most"] = values.duration("--at-most", options["at_most"])
    return found
