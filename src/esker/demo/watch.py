"""Another process's memory, measured from outside: its resident anonymous pages, sampled while it works.

The figure is the kernel's own ``RssAnon``: memory that a process allocated and touched. Pages of files that it maps are not in it:
the kernel takes those back when it needs them.
"""

from __future__ import annotations

import os
import threading
from typing import Self

__all__ = ["Watch", "anonymous_bytes"]


def anonymous_bytes(pid: int) -> int | None:
    """Bytes of resident anonymous memory of a process; None where the system does not tell, or the process has ended.

    >>> import os
    >>> anonymous_bytes(os.getpid()) is None or anonymous_bytes(os.getpid()) > 10**6
    True
    """
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            return _anonymous(status.read())
    except OSError:
        return None


def _anonymous(status: bytes) -> int | None:
    at = status.find(b"RssAnon:")
    return None if at < 0 else int(status[at + 8 : status.index(b"kB", at)]) * 1024


class Watch:
    """Samples a process on a thread and keeps the peak since the last look.

    Parameters
    ----------
    pid : int
    interval : float
        Seconds between samples. A peak that lasts less than this can be missed.

    Attributes
    ----------
    samples : int
        How many were taken.
    """

    def __init__(self, pid: int, interval: float = 0.003) -> None:
        self.samples = 0
        self._interval, self._peak, self._lock = interval, 0, threading.Lock()
        self._stop = threading.Event()
        try:
            self._status = os.open(f"/proc/{pid}/status", os.O_RDONLY)
        except OSError:
            self._status = -1
        self._thread = threading.Thread(target=self._sample, name="esker-demo-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._status >= 0:
            os.close(self._status)

    def _now(self) -> int | None:
        if self._status < 0:
            return None
        try:
            return _anonymous(os.pread(self._status, 8192, 0))
        except OSError:  # the process has ended
            return None

    def _sample(self) -> None:
        while not self._stop.wait(self._interval):
            now = self._now()
            if now is not None:
                with self._lock:
                    self._peak = max(self._peak, now)
                    self.samples += 1

    def look(self) -> int | None:
        """The peak in bytes since the last look, the present moment included; None where nothing can be measured."""
        now = self._now()
        with self._lock:
            peak, self._peak = self._peak, 0
        return max(peak, now or 0) or None
