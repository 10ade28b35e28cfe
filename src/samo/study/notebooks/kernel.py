"""A kernel that talks over files of this machine instead of open ports."""

from jupyter_client.manager import AsyncKernelManager


class LocalKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Uses IPC sockets: nothing listens, even on loopback, and ipykernel has nothing to warn of."""

    transport = "ipc"
