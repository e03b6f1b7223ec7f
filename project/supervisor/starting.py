"""The steps of `manage.py up`, from an empty folder to `ready:`."""

import os
import time
from collections.abc import Callable
from dataclasses import replace

from project.checks import unknown_names
from project.servers import running
from project.servers.guarding import guard
from project.servers.ports import NoFreePortError, free_port
from project.servers.running import Running
from project.servers.server import Server, ServerError
from project.supervisor import lock, programs
from project.supervisor.output import Output
from project.supervisor.process import Process, Sink
from project.supervisor.programs import Plan
from project.supervisor.readiness import page_answers, port_answers
from project.supervisor.supervisor import Stopped, Supervisor

HEALTH = "/health/live"
READY_SECONDS = 120
FLOWER_SECONDS = 20
CRASHES_ALLOWED = 4
# A worker that logs warnings only never says that it is ready.
SILENT_SECONDS = 20
PAGES = ("web", "flower")


class StartError(Exception):
    """The start-up failed; the text says where."""


def up(plan: Plan, output: Output) -> int:
    """Run until a signal; the exit code."""
    try:
        handle = lock.take(plan.var, output.plain)
    except lock.AlreadyRunningError as error:
        url = Running.read(plan.var).url("web")
        output.plain(f"Switchyard is {error}{f', see {url}' if url else ''}")
        return 1
    guard(keep_open=[handle])
    try:
        return supervise(plan, output)
    finally:
        guard().close()
        os.close(handle)


def supervise(plan: Plan, output: Output) -> int:
    with Supervisor(output) as supervisor:
        try:
            start(plan, supervisor)
            supervisor.run_for_ever()
        except Stopped:
            return 1 if output.closed else 0
        except (StartError, ServerError, NoFreePortError) as error:
            supervisor.say(str(error))
            return 1
        finally:
            running.forget(plan.var, PAGES)
    return 0


def start(plan: Plan, supervisor: Supervisor) -> None:
    """Raises Stopped, StartError or ServerError."""
    for warning in unknown_names():
        supervisor.say(f"{warning.msg} {warning.hint}")
    for server in programs.servers(plan):
        start_server(plan, supervisor, server)
    plan = with_free_ports(plan, supervisor.say)
    note_pages(plan)
    table = programs.children(plan)
    started = [supervisor.keep(child) for child in table if child.early]
    prepare(plan, supervisor)
    started += [supervisor.keep(child) for child in table if not child.early]
    wait_until_ready(plan, supervisor, started)
    if plan.demo:
        run_demo(plan, supervisor)
    wait_for_flower(plan, supervisor)
    for line in addresses(plan):
        supervisor.output.plain(line)


def addresses(plan: Plan) -> list[str]:
    """Where people find what runs; `ready:` is always the last line of a start."""
    flower = [] if plan.flower_port is None else [f"flower: {plan.flower_url}"]
    return [f"admin: {plan.web_url}/admin/", *flower, f"ready: {plan.web_url}"]


def start_server(plan: Plan, supervisor: Supervisor, server: Server) -> None:
    entry = Running.read(plan.var).entries.get(server.name)
    if left := server.end_leftovers(entry.pid if entry is not None and entry.alive else None):
        supervisor.say(f"ended {server.name} (pid {left[0]}), left over by a killed run")
    wish = entry.port if entry is not None else programs.SERVER_PORTS[server.name]
    server.port = wish
    server.wait_for_port(1)
    server.start()
    if server.port != wish:
        supervisor.say(f"port {wish} is busy: {server.name} is on {server.port}")

    def note(server: Server) -> None:
        running.note(plan.var, server.name, server.url, server.port or 0, server.pid or 0)

    note(server)
    supervisor.keep_server(server, note)
    supervisor.heed_signals()


def with_free_ports(plan: Plan, say: Sink) -> Plan:
    port = free_port(plan.port, plan.host)
    if port != plan.port:
        say(f"port {plan.port} is busy: the site is on {port}")
    if plan.flower_port is None:
        return replace(plan, port=port)
    wish = plan.flower_port + (plan.flower_port == port)
    flower_port = free_port(wish, plan.flower_host)
    if flower_port != plan.flower_port:
        say(f"port {plan.flower_port} is busy: Flower is on {flower_port}")
    return replace(plan, port=port, flower_port=flower_port)


def note_pages(plan: Plan) -> None:
    running.note(plan.var, "web", plan.web_url, plan.port, os.getpid())
    if plan.flower_port is not None:
        running.note(plan.var, "flower", plan.flower_url, plan.flower_port, os.getpid())


def prepare(plan: Plan, supervisor: Supervisor) -> None:
    began, lines = time.monotonic(), list[str]()
    code = supervisor.run(programs.preparation(plan), lines.append)
    for line in lines:
        supervisor.output.plain(line)
    if code:
        raise StartError(f"the preparation failed with exit code {code}")
    names = ", ".join(words[0] for words in programs.PREPARATIONS)
    supervisor.say(f"{names}: done in {time.monotonic() - began:.1f} s")


def wait_until_ready(plan: Plan, supervisor: Supervisor, started: list[Process]) -> None:
    checks: dict[str, Callable[[], bool]] = {
        "web": lambda: page_answers(programs.shown_host(plan.host), plan.port, HEALTH),
    }
    for process in started:
        if process.child.essential:
            check = checks.get(process.name, lambda: True)
            wait_for(supervisor, process, check)


def wait_for(supervisor: Supervisor, process: Process, check: Callable[[], bool]) -> None:
    def at_work() -> bool:
        if process.crashes > CRASHES_ALLOWED:
            raise StartError(f"{process.name} ended {process.crashes} times; see its lines above")
        silent = process.lived_seconds > SILENT_SECONDS
        return process.running and (process.ready or silent) and check()

    if not supervisor.until(at_work, READY_SECONDS):
        raise StartError(f"{process.name} was not ready in {READY_SECONDS} s; see its lines above")


def wait_for_flower(plan: Plan, supervisor: Supervisor) -> None:
    """Nothing depends on it: late or broken, it is only told."""
    port = plan.flower_port
    if port is None:
        return
    host = programs.shown_host(plan.flower_host)
    if not supervisor.until(lambda: port_answers(host, port), FLOWER_SECONDS):
        supervisor.say(f"Flower does not answer on port {port}; see its lines above")


def run_demo(plan: Plan, supervisor: Supervisor) -> None:
    child = programs.command(plan, "demo", programs.DEMO)
    code = supervisor.run(child, supervisor.output.plain)
    if code:
        raise StartError(f"the demo failed with exit code {code}")
