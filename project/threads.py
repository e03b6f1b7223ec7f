"""The pool of threads, as celery.py beside it puts it in the place of Celery's.

Nobody can end a thread. Celery's pool says so by an error that breaks a stop off halfway, and then waits
for its jobs without a limit. This one leaves them behind: their messages go back to their queue.
"""

import atexit
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery.concurrency.thread import TaskPool
from celery.worker import state

logger = logging.getLogger(__name__)


class ThreadPool(TaskPool):
    executor: ThreadPoolExecutor

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """A cancelled job goes on, and its outcome doesn't count; when the worker stops it ends."""
        if not stops_cold():
            logger.warning("a cancelled job goes on: it is a thread, which nobody can end")

    def on_stop(self) -> None:
        if stops_cold():
            self.on_terminate()
        else:
            self.executor.shutdown(cancel_futures=True)

    def on_terminate(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)
        threading.Thread(target=end_with_the_main_thread, daemon=True).start()


def stops_cold() -> bool:
    code: Any = state.should_terminate
    return code is not None and code is not False  # 0 is an exit code


def end_with_the_main_thread() -> None:
    """All is closed by then. Python would wait for the other threads, however long their jobs take."""
    threading.main_thread().join()
    atexit._run_exitfuncs()  # noqa: SLF001 - what jobs logged and submitted is on its way
    os._exit(os.EX_OK)
