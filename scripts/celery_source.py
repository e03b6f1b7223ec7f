"""The tests in Celery's released source: `python scripts/celery_source.py` prints the folder that holds `t`.

The wheel leaves them out. Fetched once, by pip, from wherever pip is told to look, and as the requirements
lock it, into the virtual environment. Needs the standard library and pip.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "dev.txt"
SECONDS = 300


def main() -> None:
    sys.stdout.write(f"{source_folder()}\n")


def source_folder() -> Path:
    """Exits with the reason when it isn't there and can't be fetched."""
    release = version("celery")
    folder = Path(sys.prefix) / "sources" / f"celery-{release}"
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            unpacked = unpack(download(release, Path(place)), Path(place))
            if not folder.is_dir():  # another run may have been quicker
                shutil.move(unpacked, folder)
    return folder


def download(release: str, place: Path) -> Path:
    """The archive, of which the lock file knows the digest."""
    locked = re.search(
        rf"^celery=={re.escape(release)} (\\\n +--hash=\S+ ?)+", LOCK.read_text(), re.MULTILINE
    )
    if locked is None:
        sys.exit(f"celery_source: {LOCK.name} does not lock celery {release}, which is installed")
    wanted = place / "wanted.txt"
    wanted.write_text(locked[0].rstrip(" \\\n") + "\n")
    command = [
        sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
        "--require-hashes", "-r", str(wanted), "-d", str(place),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    found = list(place.glob("*.tar.gz"))
    if done.returncode or not found:
        sys.exit(f"celery_source: pip can't download the source of celery {release}:\n{done.stderr[-1000:]}")
    return found[0]


def unpack(archive: Path, place: Path) -> Path:
    """Only the tests: beside them, the source would be taken for the installed package."""
    top = archive.name.removesuffix(".tar.gz")
    with tarfile.open(archive) as tar:
        tests = [member for member in tar if member.name.startswith(f"{top}/t/")]
        tar.extractall(place, tests, filter="data")
    return place / top


if __name__ == "__main__":
    main()
