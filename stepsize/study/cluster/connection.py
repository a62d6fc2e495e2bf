"""Join a Ray cluster, or start Ray on this machine for one study."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from stepsize.cores import cores
from stepsize.errors import EngineError, StudyError, first_line, require

PATIENCE = 5.0  # seconds until an address that does not answer is given up
ALWAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no reports to anybody
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # nothing is installed on the nodes
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no advice on this
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # nothing about lost nodes on standard output
}
HERE = {  # for Ray on this machine
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's switch for the loopback interface alone, on any system
    "RAY_worker_niceness": "0",  # as other training processes have it
}


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to the cluster at `address`, or at RAY_ADDRESS; without either, start Ray on this machine.

    Ray on this machine has all its cores, listens on the loopback interface alone, asks for a token and ends
    with the block. A connection that this process has already is used and kept.

    Raises: MissingExtra if Ray is not installed, StudyError for an address that cannot be used, EngineError
    if Ray cannot be started.
    """
    require("ray", "ray")
    target = address or os.environ.get("RAY_ADDRESS") or None
    if target is not None:
        _check_address(target)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    local = {} if target else {**HERE, **({} if "RAY_AUTH_MODE" in os.environ else token)}
    with _environment({**ALWAYS, **local}):
        ray: Any = import_module("ray")
        if ray.is_initialized():
            if address is not None:
                raise StudyError(
                    f"address={address!r}: this process is connected to a Ray cluster already; leave out "
                    "address to use it, or call ray.shutdown() first"
                )
            yield
            return
        _start(ray) if target is None else _join(ray, target)
        try:
            yield
        except BaseException:
            with suppress(Exception):  # it must not hide what ended the block
                ray.shutdown()
            raise
        ray.shutdown()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set already, while the block runs."""
    missing = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextmanager
def forks_allowed() -> Iterator[None]:
    """Hide the warnings of JAX and Python that a fork may hang: Ray forks only to start programs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*fork\(\)")
        yield


def _start(ray: Any) -> None:
    constants = ray._private.ray_constants
    everywhere = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False  # read from HERE, but perhaps before that was set
    try:
        with forks_allowed():
            ray.init(
                address="local", num_cpus=cores(), include_dashboard=False, _node_ip_address="127.0.0.1",
                logging_level=logging.ERROR, log_to_driver=False,
            )  # fmt: skip
    except Exception as error:
        raise EngineError(f"Ray cannot be started on this machine: {first_line(error)}") from None
    finally:
        constants.ENABLE_RAY_CLUSTER = everywhere


def _join(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:
        ray.shutdown()  # of what was connected before it failed
        raise StudyError(f"address={address!r} cannot be used: {first_line(error)}") from None


def _check_address(address: str) -> None:
    """Raise StudyError unless something listens at the address."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise StudyError(
            f"address={address!r} is not the address of a Ray cluster; on one of its nodes, use "
            "address='auto' or the host and port that ray start printed, such as address='10.0.0.1:6379'"
        )
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise StudyError(
            f"address={address!r} does not answer: {first_line(error)}; start Ray there with ray start "
            "--head --port 6379, or leave out address to use this machine"
        ) from None
