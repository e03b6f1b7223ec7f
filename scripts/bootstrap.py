"""Makes this folder ready to run: `python3 scripts/bootstrap.py embedded|dev`.

Needs Python's standard library alone. Creates .venv, installs the locked requirements when they
changed, and for `dev` sees that RabbitMQ and Chromium are there. Does nothing when all is in place.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RABBITMQ_HOMES = ("/usr/lib/rabbitmq/lib", "/opt/homebrew/opt/rabbitmq", "/usr/local/opt/rabbitmq")


def main() -> None:
    level = sys.argv[1] if len(sys.argv) > 1 else "embedded"
    if level not in {"embedded", "dev"}:
        sys.exit(f"bootstrap: expected embedded or dev, got {level}")
    make_environment()
    install(ROOT / "requirements" / f"{level}.txt", level)
    if level == "dev":
        need_rabbitmq()
        need_browser()


def make_environment() -> None:
    if PYTHON.exists() and run([str(PYTHON), "-c", "import pip"]):
        return
    say("making .venv")
    python = find_python()
    if run([python, "-m", "venv", "--clear", str(VENV)]):
        return
    # Debian leaves ensurepip out of python3; the system's pip can fill the gap.
    bare = run([python, "-m", "venv", "--clear", "--without-pip", str(VENV)])
    if bare and run([python, "-m", "pip", "--python", str(PYTHON), "install", "-q", "pip"]):
        return
    if system_install("python3-venv") and run([python, "-m", "venv", "--clear", str(VENV)]):
        return
    sys.exit("Can't make a virtual environment. Install your system's package python3-venv, then try again.")


def find_python() -> str:
    """A Python we support: this one, or another on the path."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed; none was found.")


def install(lock: Path, level: str) -> None:
    """Installs the lock file once; `dev` holds all that `embedded` does."""
    stamps = {level: VENV / f".{level}", "dev": VENV / ".dev"}
    locks = {name: ROOT / "requirements" / f"{name}.txt" for name in stamps}
    if any(stamp.exists() and stamp.read_text() == digest(locks[name]) for name, stamp in stamps.items()):
        return
    say(f"installing requirements/{lock.name}")
    subprocess.run(
        [
            PYTHON,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            lock,
        ],
        check=True,
    )
    stamps[level].write_text(digest(lock))


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def need_rabbitmq() -> None:
    if os.environ.get("TEST_BROKER_URL") or any(Path(home).is_dir() for home in RABBITMQ_HOMES):
        return
    if not system_install("rabbitmq-server"):
        sys.exit("The tests need RabbitMQ: install rabbitmq-server, or set TEST_BROKER_URL to a test broker.")


def need_browser() -> None:
    if any(map(shutil.which, BROWSERS)) or system_install("chromium"):
        return
    if not run([str(PYTHON), "-m", "playwright", "install", "chromium"]):
        sys.exit("The tests need Chromium: install your system's package chromium.")


def system_install(package: str) -> bool:
    """By apt-get, when we may: as root, or with a sudo that asks for no password."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and not run([*prefix, "true"]):
        return False
    say(f"installing {package}")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    command = [
        *prefix,
        *environment,
        apt,
        "install",
        "-y",
        "-q",
        "--no-install-recommends",
        package,
    ]
    return run(command) or (run([*prefix, apt, "update", "-q"]) and run(command))


def run(command: list[str]) -> bool:
    """Whether the command succeeded. What it says is shown only if it failed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        say(str(error))
        return False
    if done.returncode:
        say(f"{' '.join(command)}\n{done.stdout.decode(errors='replace')[-2000:]}")
    return done.returncode == 0


def say(words: str) -> None:
    sys.stderr.write(f"bootstrap: {words}\n")


if __name__ == "__main__":
    main()
