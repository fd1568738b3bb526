"""Start the processes of a data-parallel run, watch over them, and say in one line what failed.

    python -m aebook.distributed.launch --processes 2 --data x.npy --folder run

starts two workers on this machine. On a cluster each node starts its own, and all name the node of
rank 0 (slurm.sh and kubernetes.yaml beside this file do):

    python -m aebook.distributed.launch --processes 64 --rank 5 --coordinator node0:29500 ...

A worker that loses a peer can only abort, so the watching is done from here: when one fails the
others are stopped, and none outlives this process. The same command, started again, goes on after
the last checkpoint in --folder; one that would be another run is refused. Options not listed here
are the worker's.
"""

import argparse
import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from aebook.distributed import worker
from aebook.runtime import xla_flags


class LaunchError(RuntimeError):
    """A run that did not come to its end; the message is one line that says why."""


class Watched:
    """A running worker: its process, and what it has told so far."""

    def __init__(self, rank, command, environment, log, events):
        self.rank, self.told, self.log, self.begun = rank, {}, log, time.monotonic()
        with open(log, "a") as file:  # what the last start has left there may still be wanted
            self.process = subprocess.Popen([*command, "--rank", str(rank)], env=environment,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=file, text=True,
                                            errors="replace")  # fmt: skip
        self.reader = threading.Thread(target=self._listen, args=(events,), daemon=True)
        self.reader.start()

    def _listen(self, events):
        try:
            for line in self.process.stdout:
                with contextlib.suppress(ValueError, TypeError):  # cut short, or not the worker's
                    facts = json.loads(line)
                    self.told |= facts
                    events.put((self, facts))
        finally:
            self.process.wait()
            self.lived = time.monotonic() - self.begun
            events.put((self, {"exit": self.process.returncode}))

    def failure(self, processes, coordinator, wait):
        """Why this worker ended without being done, or None."""
        status = self.process.returncode
        if status == 0 and "done" in self.told:
            return None
        if "error" in self.told:
            return self.told["error"]
        if status < 0 and -status != signal.SIGABRT:
            return f"ended by {signal.Signals(-status).name}"
        if processes > 1 and "met" not in self.told and self.lived >= wait:
            return (
                f"waited {wait} s at {coordinator} for {processes} processes and not all came; "
                "start every rank, with the same --coordinator and --processes"
            )
        return f"ended with status {status}; see {self.log}"


def launch(options, processes=1, rank=None, coordinator=None, virtual=0, wait=60, say=print):
    """Run the workers to their end. Returns the losses, one an epoch.

    options: the worker's, as on a command line. rank: start only this one here; the others run
    elsewhere, and coordinator, host:port, is where rank 0 does. virtual: so many CPU devices in
    each process, whatever hardware there is. wait: seconds until all must have come.

    Raises `LaunchError`, with a one-line message, when a worker fails; no other is left behind.
    """
    if processes < 1:
        raise LaunchError(f"a run needs at least one process, got {processes}")
    if rank is not None and not 0 <= rank < processes:
        raise LaunchError(f"expected a rank from 0 to {processes - 1}, got {rank}")
    if rank is not None and processes > 1 and not coordinator:
        raise LaunchError("a single rank needs --coordinator HOST:PORT, the address of rank 0")
    if coordinator:
        check_address(coordinator, here=rank in (None, 0))
    coordinator = coordinator or f"127.0.0.1:{free_port()}"
    shared = ["--processes", processes, "--coordinator", coordinator, "--wait", wait,
              "--leave-with-parent"]  # fmt: skip
    command = [sys.executable, "-m", "aebook.distributed.worker", *options, *map(str, shared)]
    given = worker.arguments().parse_args(command[3:])
    ranks = range(processes) if rank is None else [rank]
    logs = {k: given.folder / f"rank-{k}.log" for k in ranks}
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
        for log in logs.values():
            log.touch()
    except OSError as error:
        raise LaunchError(
            f"--folder {given.folder}: expected a folder to write to, found: {error.strerror}"
        ) from None
    environment, events = environment_of_a_worker(virtual, coordinator), queue.Queue()
    workers = []
    try:
        for k, log in logs.items():
            workers.append(Watched(k, command, environment, log, events))
        pids = ", ".join(f"rank {w.rank} is process {w.process.pid}" for w in workers)
        say(f"started: {pids}")
        running = set(workers)
        while running:
            who, facts = events.get()
            if "exit" in facts:
                running.discard(who)
                if why := who.failure(processes, coordinator, wait):
                    first = workers[0].told
                    done = who.told.get("again", True) and first.get("epoch", first.get("start"))
                    again = f"; the same command goes on after epoch {done}" if done else ""
                    raise LaunchError(f"rank {who.rank}: {why}{again}")
            elif who is workers[0]:
                report(facts, given, say)
    finally:
        for w in workers:
            w.process.kill()
            w.process.wait()
    ends = {(tuple(w.told["done"]), w.told["checksum"]) for w in workers}
    if len(ends) > 1:
        raise LaunchError("the ranks end with different weights: they did not train as one")
    return workers[0].told["done"]


def report(facts, given, say):
    """One printed line for what rank 0, or the only rank here, has told."""
    if "devices" in facts:
        say(f"{count(given.processes, 'process', 'es')}, {count(facts['devices'], 'device', 's')}")
    elif start := facts.get("start"):
        if start < given.epochs:
            say(f"going on after epoch {start}, from the checkpoint in {given.folder}")
        else:
            say(f"nothing left to train: the checkpoint in {given.folder} is of epoch {start}")
    elif "epoch" in facts:
        n = facts["skipped"]
        left_out = f"; {count(n, 'picture', 's')} unreadable and left out so far" if n else ""
        say(f"epoch {facts['epoch']} of {given.epochs}: loss {facts['loss']:.1f}{left_out}")


def count(n, thing, plural):
    return f"{n} {thing}{plural if n > 1 else ''}"


def check_address(coordinator, here):
    """Raise a `LaunchError` for what is no host:port, or no free port where rank 0 runs here."""
    address = re.fullmatch(r"(\[[^][]+\]|[^][:/]+):(\d+)", coordinator)
    if address is None or not 0 < int(address[2]) < 65536:
        raise LaunchError(
            f"expected --coordinator HOST:PORT, as in node0:29500, found {coordinator!r}"
        )
    if here:
        try:
            socket.create_server(("", int(address[2]))).close()
        except OSError as error:
            raise LaunchError(
                f"port {address[2]} of --coordinator {coordinator} cannot be opened here: "
                f"{error.strerror}; take another"
            ) from None


def environment_of_a_worker(virtual, coordinator):
    """What the workers inherit; gRPC is told to call the coordinator without a proxy."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["XLA_FLAGS"] = xla_flags()
    direct = environment.get("no_grpc_proxy") or environment.get("no_proxy")
    host = coordinator.rpartition(":")[0].strip("[]")
    environment["no_grpc_proxy"] = f"{direct},{host}" if direct else host
    if virtual:
        environment["XLA_FLAGS"] += f" --xla_force_host_platform_device_count={virtual}"
        environment["JAX_PLATFORMS"] = "cpu"
        # XLA's threads, by default as many as cores or devices: each device blocks one while it
        # waits for the others, and with none left to do the arithmetic all wait for ever.
        environment.setdefault("NPROC", str(4 * virtual))
    return environment


def free_port():
    """A port on this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="launch", description=__doc__.splitlines()[0],
                                     epilog="All other options are the worker's.")  # fmt: skip
    add = parser.add_argument
    add("--processes", type=int, default=1, help="of the whole run, on all machines")
    add("--rank", type=int, help="start only this one here")
    add("--coordinator", help="host:port of rank 0")
    add("--virtual", type=worker.at_least(0), default=0, help="CPU devices in each process")
    add(
        "--wait",
        type=worker.at_least(0),
        default=60,
        help="seconds until all processes must have come",
    )
    own, options = parser.parse_known_args(arguments)
    try:
        launch(options, **vars(own), say=lambda line: print(line, flush=True))
    except LaunchError as error:
        sys.exit(f"launch: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
