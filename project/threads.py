"""The pool of threads, as celery.py beside it puts it in the place of Celery's.

Nobody can end a thread. Celery's pool says so by an error that breaks a stop off halfway, and then waits
for its jobs without a limit. This one leaves them behind: their messages go back to their queue.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from typing import Any

from celery.concurrency.thread import TaskPool
from celery.worker import state

logger = logging.getLogger(__name__)


class DaemonExecutor(Executor):
    """As ThreadPoolExecutor, but Python doesn't wait for its threads when it ends."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []  # Celery counts them by this name

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.put((future, lambda: call(*args, **kwargs)))
        if len(self._threads) < self.most:
            self._threads.append(threading.Thread(target=self.work, name="pool", daemon=True))
            self._threads[-1].start()
        return future

    def work(self) -> None:
        while (item := self.waiting.get()) is not None:
            future, call = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 - the future's to tell
                    future.set_exception(error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        while cancel_futures:
            try:
                item = self.waiting.get_nowait()
            except Empty:
                break
            if item is not None:
                item[0].cancel()
        for _ in self._threads:
            self.waiting.put(None)
        for thread in self._threads if wait else ():
            thread.join()


class ThreadPool(TaskPool):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.executor = DaemonExecutor(self.limit)

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """A cancelled job goes on, and its outcome doesn't count; when the worker stops it ends."""
        logger.warning("a job can't be ended before its worker: it is a thread")

    def on_stop(self) -> None:
        self.executor.shutdown(wait=not stops_cold(), cancel_futures=True)

    def on_terminate(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)


def stops_cold() -> bool:
    code: Any = state.should_terminate
    return code is not None and code is not False  # 0 is an exit code
