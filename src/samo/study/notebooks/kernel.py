"""A kernel that talks over files of this machine instead of open ports."""

import os
import sys
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from samo.study import warm


class LocalKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Uses IPC sockets: nothing listens, even on loopback, and ipykernel has nothing to warn of."""

    transport = "ipc"

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The usual command; where a server has the libraries loaded (`samo.study.warm`), one that asks it.

        Told to be silent: at each end of a notebook it would log that it was interrupted. What a cell raises comes by
        another way.
        """
        command: list[Any] = [*super().format_kernel_cmd(extra_arguments), "--log-level=50"]
        if warm.VARIABLE not in os.environ or command[1:3] != ["-m", "ipykernel_launcher"]:
            return command
        return [sys.executable, "-m", "samo.study.warm", "kernel", *command[3:]]
