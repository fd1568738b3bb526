"""Several processes train as one; what one of them suffers is said in one line, and none is left.

All on this machine: the processes find each other on a port that the system chooses.
"""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT
from PIL import Image

from aebook import DataError
from aebook.distributed import launch, worker
from aebook.streaming import Batches, Pictures

pytest.importorskip("jax")
COMMAND = [sys.executable, "-m", "aebook.distributed.launch", "--virtual", "1"]
pytestmark = pytest.mark.slow  # every run starts processes
SMALL = ["--steps", "20", "--hidden", "16", "--batch-size", "20"]
LIMIT = 240  # seconds after which a run hangs: far more than the slowest machine takes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """300 smooth pictures of 8 x 8 pixels in a file."""
    across = np.linspace(-1, 1, 8)
    shift = np.random.default_rng(0).uniform(-1, 1, (300, 2, 1, 1))
    x = np.exp(-4 * ((across - shift[:, 0]) ** 2 + (across[:, None] - shift[:, 1]) ** 2))
    path = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(path, x.reshape(300, 64).astype("float32"))
    return path


def start(data, folder, *options, **variables):
    command = [*COMMAND, "--data", str(data), "--folder", str(folder), *SMALL, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment(data.parent) | variables,
                            preexec_fn=heed_interrupts)  # fmt: skip


def heed_interrupts():
    """A test suite in the background ignores SIGINT, and what it starts would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment(folder):
    """This checkout's package; what one run compiles, the next need not."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}  # fmt: skip


def finish(run):
    """(status, output, errors) of a run that must end by itself."""
    try:
        out, err = run.communicate(timeout=LIMIT)
    finally:
        run.kill()
    return run.returncode, out, err


def pids(line):
    return [int(pid) for pid in re.findall(r"is process (\d+)", line)]


def alive(pid):
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout.strip() not in ("", "Z")


def all_end(processes, seconds=60):
    deadline = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(map(alive, processes))


def history(folder):
    """Losses of the newest checkpoint."""
    with np.load(sorted(folder.glob("epoch-*.npz"))[-1]) as arrays:
        return arrays["loss"]


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """Losses of one process that was never interrupted."""
    folder = tmp_path_factory.mktemp("alone")
    status, out, err = finish(start(data, folder, "--epochs", "60"))
    assert status == 0, err
    assert "1 process, 1 device" in out
    return history(folder)


@pytest.fixture(scope="module")
def killed(data, tmp_path_factory):
    """Two processes, the second killed in the middle: (status, output, errors, pids, folder)."""
    folder = tmp_path_factory.mktemp("two")
    run = start(data, folder, "--processes", "2", "--epochs", "100000")
    workers = pids(run.stdout.readline())
    for line in run.stdout:
        if line.startswith("epoch 2 "):
            os.kill(workers[1], signal.SIGKILL)
            break
    return *finish(run), workers, folder


def test_two_processes_have_the_losses_of_one(alone, killed):
    """Half a batch each, the same noise for each picture: equal but for the order of sums."""
    two = history(killed[-1])
    assert len(two) >= 2
    n = min(len(two), 5)  # rounding grows as training goes on
    np.testing.assert_allclose(two[:n], alone[:n], rtol=1e-4)
    assert alone[0] - alone[4] > 100 * 1e-4 * alone[0], "and they are not all the same anyway"


def test_a_killed_process_ends_the_run_with_one_clear_line(killed):
    status, _, err, workers, _ = killed
    assert status == 1
    assert err.count("\n") == 1
    assert re.match(
        r"launch: rank 1: ended by SIGKILL; the same command goes on after epoch \d+", err
    )
    assert all_end(workers), "an orphan"


def test_a_run_resumes_as_if_nothing_had_happened(data, killed, alone):
    """Weights, optimizer, noise and order all go on where they were, on two processes as on one."""
    folder = killed[-1]
    done = len(history(folder))
    for more, processes in [(2, "2"), (4, "1")]:
        options = ["--processes", processes, "--epochs", str(done + more)]
        status, out, err = finish(start(data, folder, *options))
        assert status == 0, err
        assert "going on after epoch" in out
    resumed = history(folder)
    assert len(resumed) == done + 4
    n = min(len(resumed), len(alone))
    np.testing.assert_allclose(resumed[:n], alone[:n], rtol=1e-3)


def test_another_run_does_not_go_on_in_a_used_folder(data, killed):
    """What differs is named, and nothing of the old run is touched."""
    folder = killed[-1]
    np.save(data.parent / "y.npy", 1 - np.load(data))
    before = history(folder)
    options = ["--processes", "2", "--seed", "3", "--steps", "10", "--epochs", "1"]
    status, out, err = finish(start(data.parent / "y.npy", folder, *options))
    assert status == 1
    assert "going on" not in out
    assert err.count("\n") == 1
    assert "--seed 0, not 3; --steps 20, not 10; start this one in a --folder of its own" in err
    assert len(set(re.findall(r"300 x 64 with checksum (\w{8})", err))) == 2
    np.testing.assert_array_equal(history(folder), before)


def test_a_run_that_is_done_says_so(data, killed):
    status, out, err = finish(start(data, killed[-1], "--epochs", "1"))
    assert status == 0, err
    assert "nothing left to train" in out
    assert "going on" not in out


def test_a_checkpoint_that_does_not_say_of_which_run_it_is_is_refused(tmp_path):
    np.savez(tmp_path / "epoch-0001.npz", loss=[1.0], seconds=[1.0])
    with pytest.raises(ValueError, match="--seed unknown, not 0"):
        worker.load_checkpoint(None, tmp_path, {"--seed": 0})


def test_a_fingerprint_tells_folders_and_arrays_apart(data, tmp_path):
    """And is the same whatever the number of epochs and processes."""
    given = worker.arguments().parse_args

    def of(source, *options):
        return worker.definition(source, given(["--data", "x", "--folder", "y", *options]))

    x = np.load(data)
    assert of(x, "--epochs", "9", "--processes", "2") == of(x.astype("float64"))
    assert of(x) != of(x[::-1])
    sources = []
    for names in ["ab", "ac"]:
        (tmp_path / names).mkdir()
        for name in names:
            Image.new("L", (8, 8)).save(tmp_path / names / f"{name}.png")
        sources.append(Pictures(tmp_path / names, 8))
    assert of(sources[0]) == of(sources[0]) != of(sources[1])


def test_a_row_that_is_no_picture_ends_the_run(data, tmp_path):
    """When its turn comes, here in the second epoch; the same command would only meet it again."""
    x = np.load(data)
    order = Batches(x, 20, 1)
    first = set(order.rows(0))
    order.begin(1)
    row = next(row for row in order.rows(0) if row not in first)
    x[row] *= 255
    np.save(tmp_path / "x.npy", x)
    status, out, err = finish(start(tmp_path / "x.npy", tmp_path / "run", "--steps", "1"))
    assert status == 1
    assert "epoch 1 of 3" in out
    said = rf"launch: rank 0: .*x.npy: expected pixels from 0 to 1, found \S+ in row {row}; "
    assert re.fullmatch(said + r"scale or clip them\n", err)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan, np.inf, np.uint8(200)])
def test_a_row_that_is_no_picture_is_named(bad):
    x = np.zeros((9, 4), np.asarray(bad).dtype)
    x[7, 2] = bad
    source = worker.Checked(x, "x.npy")
    np.testing.assert_array_equal(source[np.array([3, 4])], x[3:5])
    with pytest.raises(DataError, match=f"x.npy: .* found {bad} in row 7"):
        source[np.array([3, 7, 4])]


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    """Before it is saved."""

    class Diverging:
        def fit(self, batches, callbacks, **_):
            callbacks[0].on_epoch_begin(0, None)
            callbacks[0].on_epoch_end(0, {"loss": float("nan")})

    batches = Batches(np.zeros((9, 4)), 3)
    with pytest.raises(ValueError, match="the loss of epoch 1 is nan; start anew"):
        worker.train(Diverging(), batches, 1, tmp_path, {"loss": [], "seconds": []}, {})
    assert not list(tmp_path.iterdir())


def test_the_newest_checkpoint_has_the_highest_number(tmp_path):
    """Not the last name, which after 10,000 epochs is epoch-9999."""
    assert worker.newest_checkpoint(tmp_path) is None
    for name in ["epoch-9999", "epoch-10000", "epoch-0001", "epoch-best", "part"]:
        (tmp_path / f"{name}.npz").touch()
    assert worker.newest_checkpoint(tmp_path).name == "epoch-10000.npz"


def test_a_single_worker_that_dies_early_was_not_waiting(data, tmp_path):
    """JAX ends at once at a flag that it does not know."""
    options = ["--wait", "0"]
    status, _, err = finish(start(data, tmp_path, *options, XLA_FLAGS="--xla_nonsense=1"))
    assert status == 1
    (said,) = re.findall(r"^launch: rank \d: ended with status -?\d+; see (.*)\n$", err)
    assert "xla_nonsense" in Path(said).read_text()


def watched(code, log):
    """A stand-in for a worker, which runs this code, and all that came of it."""
    events = queue.Queue()
    one = launch.Watched(0, [sys.executable, "-c", code], dict(os.environ), log, events)
    seen = [events.get(timeout=60)[1]]
    while "exit" not in seen[-1]:
        seen.append(events.get(timeout=60)[1])
    return one, seen


@pytest.mark.parametrize(
    ("told", "wait", "said"),
    [("{}", 60, "ended with status 3; see"), ('{"met": 2}', 0, "ended with status 3; see"),
     ("{}", 0, "waited 0 s at here:1 for 2 processes and not all came")],
)  # fmt: skip
def test_a_peer_is_missing_only_when_the_waiting_is_over(tmp_path, told, wait, said):
    """One of two that ends before, or after all have met, has a reason of its own."""
    one, _ = watched(f"print('{told}'); raise SystemExit(3)", tmp_path / "log")
    assert one.failure(2, "here:1", wait).startswith(said)


def test_a_line_cut_short_does_not_hang_the_launcher(tmp_path):
    """Killed while it writes, a worker leaves half a line; others than the worker may write too."""
    code = """if True:
        import os, signal
        print('7', flush=True)
        os.write(1, b'\\xff\\n')
        print('{"devices": 1}')
        print('{"done": [1.0, 2', end="", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)"""
    one, seen = watched(code, tmp_path / "log")
    assert seen == [{"devices": 1}, {"exit": -signal.SIGKILL}]
    assert one.failure(1, "here:1", 60) == "ended by SIGKILL"


def test_the_log_of_the_last_start_is_kept(tmp_path):
    for said in ["first", "second"]:
        watched(f"import sys; print('{said}', file=sys.stderr)", tmp_path / "log")
    assert (tmp_path / "log").read_text().split() == ["first", "second"]


def test_an_interrupted_run_is_no_success(data, tmp_path):
    """130, as of any command that Ctrl-C ends; its workers are gone."""
    address = f"127.0.0.1:{launch.free_port()}"
    options = ["--processes", "2", "--rank", "0", "--coordinator", address, "--wait", "600"]
    run = start(data, tmp_path, *options)
    workers = pids(run.stdout.readline())
    run.send_signal(signal.SIGINT)
    status, _, err = finish(run)
    assert (status, err) == (130, "")
    assert all_end(workers)


def test_a_worker_by_itself_needs_no_input(data, tmp_path):
    """As under nohup or cron: only those that `launch` started end with their input."""
    command = [sys.executable, "-m", "aebook.distributed.worker", "--data", str(data)]
    run = subprocess.run([*command, "--folder", str(tmp_path), *SMALL, "--epochs", "1"],
                         env=environment(data.parent) | {"JAX_PLATFORMS": "cpu"}, timeout=LIMIT,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert len(history(tmp_path)) == 1


def test_a_peer_that_does_not_come_is_one_clear_line(data, tmp_path):
    address = f"127.0.0.1:{launch.free_port()}"
    options = ["--processes", "2", "--rank", "0", "--coordinator", address, "--wait", "3"]
    run = start(data, tmp_path, *options)
    workers = pids(run.stdout.readline())
    status, _, err = finish(run)
    assert status == 1
    assert err.count("\n") == 1
    assert f"waited 3 s at {address} for 2 processes" in err
    assert all_end(workers)


def test_workers_do_not_outlive_a_parent_that_is_killed(data, tmp_path):
    address = f"127.0.0.1:{launch.free_port()}"
    options = ["--processes", "2", "--rank", "0", "--coordinator", address, "--wait", "600"]
    run = start(data, tmp_path, *options)
    workers = pids(run.stdout.readline())
    assert all(map(alive, workers))
    run.kill()
    run.communicate()
    assert all_end(workers)


def test_bad_input_is_the_workers_own_line(tmp_path):
    status, _, err = finish(start(tmp_path / "none.npy", tmp_path / "run"))
    assert status == 1
    assert err.count("\n") == 1
    assert "none.npy: expected an .npy file or a folder of pictures" in err


def test_a_rank_that_fails_alone_ends_the_run(data, tmp_path):
    """Rank 0 cannot write its checkpoint; rank 1, who is fine, must not keep it waiting."""
    (tmp_path / "part.npz").mkdir()
    status, _, err = finish(start(data, tmp_path, "--processes", "2"))
    assert status == 1
    assert err.count("\n") == 1
    assert "rank 0: IsADirectoryError" in err


@pytest.mark.parametrize(
    ("bad", "said"),
    [({"processes": 2, "rank": 2}, "rank from 0 to 1"), ({"processes": 0}, "at least one"),
     ({"processes": 2, "rank": 0}, "--coordinator"),
     *[({"processes": 2, "rank": 1, "coordinator": address}, "HOST:PORT, as in node0:29500, found")
       for address in ("localhost", "http://node0:29500", "node0:", ":29500", "node0:99999")]],
)  # fmt: skip
def test_runs_that_cannot_be_are_refused_before_anything_starts(bad, said):
    with pytest.raises(launch.LaunchError, match=said):
        launch.launch(["--data", "x.npy", "--folder", "run"], **bad)


def test_a_folder_that_is_a_file_is_refused_before_anything_starts(data):
    with pytest.raises(launch.LaunchError, match=r"x.npy: expected a folder to write to, found"):
        launch.launch(["--data", "x.npy", "--folder", str(data)])


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path):
    """Only by rank 0, which is the one to open it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            launch.LaunchError, match="cannot be opened here: Address already in use"
        ):
            launch.check_address(address, here=True)
        launch.check_address(address, here=False)


@pytest.mark.parametrize(
    "option", ["epochs", "steps", "batch-size", "side", "hidden", "latent-dim"]
)
def test_a_run_of_nothing_is_refused(option, capsys):
    with pytest.raises(SystemExit):
        launch.main(["--data", "x", "--folder", "y", f"--{option}", "0"])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"worker: error: argument --{option}: expected at least 1, got 0"


def test_a_batch_that_the_devices_cannot_share_is_one_clear_line(data, tmp_path):
    """Wherever they are: three in one process, for which ranks alone would do."""
    status, _, err = finish(start(data, tmp_path, "--virtual", "3"))
    assert status == 1
    said = (
        "launch: rank 0: a batch of 20 cannot be shared equally by 3 devices; take a --batch-size "
    )
    assert err == said + "that is a multiple of 3\n"


def test_a_platform_that_is_not_here_is_one_clear_line(data, tmp_path):
    options = ["--virtual", "0"]
    status, _, err = finish(start(data, tmp_path, *options, JAX_PLATFORMS="rocm"))
    assert status == 1
    assert re.fullmatch(r"launch: rank 0: JAX finds no device with JAX_PLATFORMS=rocm: .+\n", err)


@pytest.mark.parametrize("given", [{}, {"no_proxy": "here.org"}, {"no_grpc_proxy": "here.org"}])
def test_the_coordinator_is_reached_without_a_proxy(given, monkeypatch):
    """gRPC takes http_proxy even to its own machine, and reads no_proxy only without the other."""
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = launch.environment_of_a_worker(1, "node0:29500")
    assert environment["no_grpc_proxy"].split(",") == [*given.values(), "node0"]


def test_two_processes_meet_behind_a_proxy(data, tmp_path):
    proxy = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "", "no_grpc_proxy": ""}
    options = ["--processes", "2", "--epochs", "1"]
    status, _, err = finish(start(data, tmp_path, *options, **proxy))
    assert status == 0, err


def test_pictures_that_were_left_out_are_counted(tmp_path):
    (tmp_path / "p").mkdir()
    for k in range(10):
        path = tmp_path / f"p/{k}.png"
        Image.new("L", (8, 8), 20 * k).save(path) if k in (3, 5, 8) else path.write_bytes(b"")
    options = ["--side", "8", "--steps", "1", "--epochs", "1"]
    status, out, err = finish(start(tmp_path / "p", tmp_path / "run", *options))
    assert status == 0, err
    assert out.splitlines()[-1].endswith("; 7 pictures unreadable and left out so far")


def test_a_whole_array_is_refused():
    """On every rank it would be taken for shares of a larger batch."""
    with pytest.raises(TypeError, match="share of the data"):
        worker.train(None, np.zeros((100, 64)), 1, None, {"loss": [], "seconds": []}, {})


def test_a_source_is_an_array_left_on_disk_or_a_folder(data, tmp_path):
    source = worker.read_source(data, 8)
    assert isinstance(source, np.memmap)
    share = Batches(source, 20, rank=1, ranks=2)
    np.testing.assert_array_equal(share[3], np.load(data)[share.rows(3)])
    np.save(tmp_path / "flat.npy", np.zeros(5))
    with pytest.raises(DataError, match="rows of pixels"):
        worker.read_source(tmp_path / "flat.npy", 8)
    with pytest.raises(DataError, match="expected JPEG or PNG"):
        worker.read_source(tmp_path, 8)


def test_what_is_no_array_of_numbers_is_refused(tmp_path):
    """An archive, one that is broken, and words: each with what was found."""
    np.savez(tmp_path / "two.npz", x=np.zeros((5, 4)), y=np.zeros(5))
    with pytest.raises(DataError, match=r"two.npz: expected an .npy file .* archive of x, y; save"):
        worker.read_source(tmp_path / "two.npz", 8)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(DataError, match=r"broken.npz: expected an .npy file .* not a zip file"):
        worker.read_source(tmp_path / "broken.npz", 8)
    np.save(tmp_path / "words.npy", np.full((5, 4), "ink"))
    with pytest.raises(DataError, match=r"words.npy: expected rows of pixels .* <U3"):
        worker.read_source(tmp_path / "words.npy", 8)


FAKES = {
    # scontrol lists the nodes of the job; srun starts one task a node, here all on this machine.
    "scontrol": "echo 127.0.0.1; echo 127.0.0.2",
    "srun": """shift
for rank in 0 1; do SLURM_PROCID=$rank SLURM_NTASKS=2 "$@" & tasks="$tasks $!"; done
for task in $tasks; do wait $task || exit 1; done""",
}


def test_the_slurm_script_starts_a_run_of_all_its_tasks(data, tmp_path, alone):
    """With stand-ins for the cluster's commands, every rank is started and they train as one."""
    for name, body in {**FAKES, "python": f'exec {sys.executable} "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    port = launch.free_port()
    while not 20000 <= port < 40000:  # where the script's ports lie
        port = launch.free_port()
    cluster = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "here[1-2]",
               "SLURM_JOB_ID": str(port - 20000), "JAX_PLATFORMS": "cpu"}  # fmt: skip
    script = ROOT / "aebook" / "distributed" / "slurm.sh"
    options = ["--data", str(data), "--folder", str(tmp_path / "run"), *SMALL, "--epochs", "2"]
    run = subprocess.Popen(["bash", script, *options], env=environment(data.parent) | cluster,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    status, out, err = finish(run)
    assert status == 0, err
    assert out.count("2 processes, 2 devices") == 2
    np.testing.assert_allclose(history(tmp_path / "run"), alone[:2], rtol=1e-4)


def test_the_kubernetes_job_calls_what_there_is(monkeypatch):
    """The arguments of its pods, with the index filled in, are those of a rank of eight."""
    text = (ROOT / "aebook" / "distributed" / "kubernetes.yaml").read_text()
    service, job = yaml.safe_load_all(text)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "aebook.distributed.launch"]
    called = {}
    monkeypatch.setattr(launch, "launch", lambda options, **own: called.update(own, given=options))
    launch.main([a.replace("$(JOB_COMPLETION_INDEX)", "5") for a in container["args"]])
    given = worker.arguments().parse_args(called["given"])
    assert (called["rank"], called["processes"]) == (5, job["spec"]["completions"])
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["parallelism"] == job["spec"]["completions"]
    name, subdomain = job["metadata"]["name"], job["spec"]["template"]["spec"]["subdomain"]
    assert called["coordinator"].split(":")[0] == f"{name}-0.{subdomain}"
    assert service["metadata"]["name"] == subdomain
    assert str(given.folder).startswith("/shared")
    assert given.batch_size % called["processes"] == 0


def test_what_slurm_sh_says_of_itself_can_be_run():
    """Its example shares its batch equally, and so do the default and eight devices."""
    text = (ROOT / "aebook" / "distributed" / "slurm.sh").read_text()
    nodes, options = re.search(r"sbatch --nodes=(\d+) slurm\.sh (.*)", text).groups()
    assert worker.arguments().parse_args(options.split()).batch_size % int(nodes) == 0
    assert worker.arguments().parse_args(["--data", "x", "--folder", "y"]).batch_size % 8 == 0
