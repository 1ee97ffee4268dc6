"""A Ray cluster trains what one machine does, whatever becomes of its processes and nodes."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import ray
import xarray as xr
from ray.cluster_utils import Cluster

import flyroom as fr
from flyroom.results import journal
from flyroom.spec import SpecError
from flyroom.sweeps import RayCluster, Space
from flyroom.sweeps.checkpoint import Progress, Restored, packed, under_way
from flyroom.sweeps.cluster import Cluster as Crew, Correspondent, name_of
from flyroom.sweeps.remote import Parcel, Parcels
from flyroom.sweeps.worker import Job
from flyroom.training import Status
from helpers import MAPPED, Moody, assert_same_bits, modular

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),  # a second cluster on this machine would be taken for the first
    # Ray leaves sockets to the garbage collector when it is shut down.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning"),
]
MACHINE = RayCluster(cpus=2, slots=3, checkpoint_every=0.2, progress=False)
OVER = {"optimizer.weight_decay": [0.0, 1.0], "model.width": [4, 6], "seed": range(4)}


class Deadly(Moody):
    """One that ends the process which asks for them."""

    def refuse(self):
        os._exit(1)


@pytest.fixture(scope="module")
def unyielding() -> Iterator[None]:
    """Processes of Ray that do not yield to the tests beside, as they do unless told not to."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_worker_niceness", "0")
        yield


@pytest.fixture(scope="module", autouse=True)
def local(unyielding: None) -> Iterator[None]:
    """A cluster on this machine, whose processes find the class above."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            "local",
            num_cpus=2,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}},
        )
    yield
    ray.shutdown()


def alone(experiment: fr.Experiment, over: dict, folder: Path) -> xr.Dataset:
    return fr.train(experiment, over, store=folder / "alone.zarr", machine=MAPPED).load()


def test_a_cluster_gives_the_bits_of_one_machine(tmp_path: Path):
    runs = fr.train(modular(steps=300), OVER, store=tmp_path / "a.zarr", machine=MACHINE)
    assert not journal.journal_path(tmp_path / "a.zarr").exists()
    assert_same_bits(runs, alone(modular(steps=300), OVER, tmp_path))
    for run in (0, 15):
        one, other = (fr.network(tmp_path / f"{name}.zarr", run) for name in ("a", "alone"))
        jax.tree.map(np.testing.assert_array_equal, one, other)
    further = fr.resume(tmp_path / "a.zarr", steps=320, machine=MACHINE)
    assert_same_bits(further, fr.resume(tmp_path / "alone.zarr", steps=320, machine=MAPPED))


def test_a_run_that_takes_its_process_with_it_fails_alone(tmp_path: Path):
    experiment = modular(task=Deadly(), steps=50)
    with pytest.warns(UserWarning, match=r"1 of 6 runs failed, run 2 with: what trained it \(unit"):
        runs = fr.train(experiment, {"seed": range(6)}, store=tmp_path / "a.zarr", machine=MACHINE)
    names = [Status(s).name for s in runs.status.values]
    assert names == ["FINISHED", "FINISHED", "FAILED", "FINISHED", "FINISHED", "FINISHED"]
    assert "at {'seed': 2}" in runs.attrs["failures"]["2"]
    with pytest.warns(UserWarning, match=r"1 of 6 runs failed, run 2 with: what trained it \(unit"):
        further = fr.resume(tmp_path / "a.zarr", steps=60, machine=MAPPED)
    assert further.attrs["failures"] == runs.attrs["failures"]


class Fickle(fr.losses.CrossEntropy):
    """A loss that cannot be compiled at first, but in the coordinator's process.

    In a folder stand the coordinator's number, how often it is still to fail, and who tried.
    """

    folder: str = fr.spec.shape("")

    def __call__(self, *args, **keywords):
        coordinator, failures = json.loads((Path(self.folder) / "fickle.json").read_text())
        if os.getpid() != coordinator:
            tried = list(Path(self.folder).glob("tried-*"))
            (Path(self.folder) / f"tried-{len(tried)}-{os.getpid()}").touch()
            if len(tried) < failures:
                raise FloatingPointError("this machine has a headache")
        return super().__call__(*args, **keywords)


@pytest.mark.parametrize("failures", [2, 99])
def test_a_unit_that_fails_is_begun_again_twice_elsewhere(tmp_path: Path, failures: int):
    (tmp_path / "fickle.json").write_text(json.dumps([os.getpid(), failures]))
    loss = Fickle(folder=str(tmp_path))
    machine = dataclasses.replace(MACHINE, cpus=1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        runs = fr.train(
            modular(loss=loss, steps=50), {"seed": range(2)},
            store=tmp_path / "a.zarr", machine=machine,
        )  # fmt: skip
    tried = {path.name.rpartition("-")[2] for path in tmp_path.glob("tried-*")}
    assert len(tried) >= 3  # each time in another process
    if failures == 2:
        assert (runs.status == Status.FINISHED).all()
        return
    assert (runs.status == Status.FAILED).all()
    assert any("2 of 2 runs failed" in str(one.message) for one in said)
    told = runs.attrs["failures"]["1"]
    unit = name_of(Space(modular(loss=loss, steps=50), {"seed": range(2)}), [0, 1])
    assert told.startswith(f"what trained it (unit {unit}) failed 3 times, at {{'seed': 1}}: ")
    assert "this machine has a headache" in told
    assert "in __call__" in told  # the traceback


def test_a_unit_is_named_by_what_it_trains():
    few, many = (Space(modular(), {"seed": range(count)}) for count in (4, 8))
    shorter = Space(modular(steps=7), None)
    names = [name_of(few, [0, 1]), name_of(few, [2, 3]), name_of(shorter, [0])]
    assert name_of(many, [0, 1]) == names[0]
    assert len({*names}) == 3


def hired(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the processes that are hired from now on."""
    pids: list[int] = []
    found = Crew.process

    def process(self: Crew, place: int, stop: threading.Event):
        remote = found(self, place, stop)
        pid: Any = ray.get(remote.process.remote())
        if pid not in pids:
            pids.append(pid)
        return remote

    monkeypatch.setattr(Crew, "process", process)
    return pids


def test_a_map_keeps_its_processes_from_round_to_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pids = hired(monkeypatch)
    over = {"optimizer.weight_decay": [0.0, 1.0], "model.width": [4, 6]}
    diagram = fr.map(
        modular(),
        over,
        rule=fr.measures.phase_liu,
        seeds=range(4),
        budget=0.8,
        batch=4,
        store=tmp_path / "a.zarr",
        machine=MACHINE,
    )
    assert int(diagram.runs.sum()) > 4  # of more than one round
    assert len(pids) == 2


def test_a_process_that_is_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its unit goes on from the last parcel, and nothing is there twice."""
    experiment, over = modular(steps=20_000), {"seed": range(4)}
    pids, killed, write = hired(monkeypatch), [], Correspondent._write

    def write_and_kill(self: Correspondent, parcel: Parcel):
        write(self, parcel)
        if not killed and not parcel.ends:  # in the middle of a unit
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    monkeypatch.setattr(Correspondent, "_write", write_and_kill)
    store = tmp_path / "a.zarr"
    runs = fr.train(experiment, over, store=store, machine=MACHINE)
    assert len(killed) == 1
    assert (runs.status == Status.FINISHED).all()
    assert_same_bits(runs, alone(experiment, over, tmp_path))


def test_a_process_that_is_lost_before_it_begins_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lost, begun = [], Crew._begun

    def lose_and_begin(self: Crew, place: int, hired: Any, stop: threading.Event):
        if len(lost) < most:
            lost.append(place)
            ray.kill(hired)
        return begun(self, place, hired, stop)

    monkeypatch.setattr(Crew, "_begun", lose_and_begin)
    machine, over, most = dataclasses.replace(MACHINE, cpus=1), {"seed": range(2)}, 2
    runs = fr.train(modular(), over, store=tmp_path / "a.zarr", machine=machine)
    assert lost == [0, 0]
    assert (runs.status == Status.FINISHED).all()
    lost.clear()
    most = 3
    with pytest.raises(fr.Interrupted, match="no worker of Ray can begin"):
        fr.train(modular(), over, store=tmp_path / "b.zarr", machine=machine)


def test_a_parcel_of_one_run_keeps_the_states_of_its_unit(tmp_path: Path):
    """What is trained by itself is still of a unit, whose others wait for their turn."""

    def parcel(ages: dict[int, int], *ends: tuple[int, Status, int, str]) -> Parcel:
        runs = [
            Restored(Progress(run, age, [], []), {"w": np.full(2, run + age)})
            for run, age in ages.items()
        ]
        return Parcel({}, *packed(runs), 0, [*ends])

    space, stop = Space(modular(), {"seed": range(3)}), threading.Event()
    job = Job(space, space.at, (), (), {}, None, True, 1.0, Parcels(), stop)
    folder = journal.Folder(tmp_path / "session-000-00")
    writer = Correspondent(job, folder, Crew(1, 0, 3, 3), 0)
    writer.left = {0, 1, 2}
    writer._write(parcel({0: 8, 1: 8, 2: 8}))
    writer._write(parcel({1: 9}, (0, Status.FINISHED, 40, "")))
    checkpoint = journal.read_checkpoint(folder.path)
    assert checkpoint is not None
    found = {r.progress.run: (r.progress.age, r.arrays["w"][0]) for r in under_way(*checkpoint)}
    assert found == {1: (9, 10), 2: (8, 10)}


def test_the_shell_starts_a_cluster_and_another_machine_goes_on(tmp_path: Path):
    words = ["--set", "task.p=11", "--steps", "40", "--over", "seed=0:3", "--quiet", "--json"]
    command = [sys.executable, "-m", "flyroom", "train", "pair-mod67", *words]
    done = subprocess.run(
        [*command, "--on", "ray", "--store", "a.zarr"],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["statuses"] == {"finished": 3}
    assert fr.resume(tmp_path / "a.zarr", steps=50, machine=MAPPED).last_step.max() == 50
    wrong = subprocess.run([*command, "--on", "rai"], capture_output=True, text=True, check=False)
    assert "--on: got `rai`; allowed: here, ray, ray://host:port." in wrong.stdout + wrong.stderr


def test_a_cluster_elsewhere_is_reached_by_its_address_and_token(tmp_path: Path):
    """By Ray's client, which knows less than a process of the cluster does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "some words"}
    # Ray forks what serves a client beside threads of gRPC, whose handlers may end it at once.
    environment = {**os.environ, **token, "GRPC_ENABLE_FORK_SUPPORT": "0"}
    where = ["--on", f"ray://127.0.0.1:{port}", "--store", "a.zarr"]
    words = ["--set", "task.p=11", "--steps", "40", "--over", "seed=0:3", "--quiet"]
    with head_of_a_cluster(port, environment) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "flyroom", "train", "pair-mod67", *words, *where],
            cwd=tmp_path, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        logs = folder.glob("session_latest/logs/ray_client_server*")
        told = [f"{log.name}: {log.read_text('utf-8')}" for log in logs]
    assert done.returncode == 0, "\n".join([done.stderr, *told])
    assert fr.open(tmp_path / "a.zarr").status.values.tolist() == [Status.FINISHED] * 3


def test_where_no_cluster_answers_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def init(address: str, **options: Any) -> None:
        raise ConnectionError(f"ray client connection timeout at {address}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    store, machine = tmp_path / "a.zarr", RayCluster(address="ray://nowhere:1")
    with pytest.raises(SpecError, match="'ray://nowhere:1', where no cluster answers"):
        fr.train(modular(), store=store, machine=machine)
    over = {"model.width": [4, 6], "optimizer.weight_decay": [0.0, 1.0]}
    with pytest.raises(SpecError, match="where no cluster answers"):
        fr.map(modular(), over, rule=fr.measures.phase_liu, store=store, machine=machine)
    assert list(tmp_path.iterdir()) == []
    fr.train(modular(), store=store, machine=MAPPED)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(SpecError, match="where no cluster answers"):
        fr.resume(store, steps=50, machine=machine)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@contextlib.contextmanager
def head_of_a_cluster(port: int, environment: dict[str, str]) -> Iterator[Path]:
    words = ["--head", "--block", "--num-cpus=1", "--port=0", f"--ray-client-server-port={port}"]
    with tempfile.TemporaryDirectory() as folder:  # its path is short: sockets lie in it
        words += [f"--temp-dir={folder}", "--include-dashboard=false"]
        head = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *words],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            assert head.stdout is not None
            assert any("will now block" in line for line in head.stdout)  # it has begun
            yield Path(folder)
        finally:
            head.terminate()
            head.communicate()


@pytest.mark.parametrize("options", [{"cpus": 0, "gpus": 0}, {"slots": 0}])
def test_a_cluster_that_is_none_is_refused(options: dict, tmp_path: Path):
    with pytest.raises(SpecError, match="RayCluster"):
        fr.train(modular(), store=tmp_path / "a.zarr", machine=RayCluster(**options))


def test_a_node_that_is_removed_loses_no_run(tmp_path: Path):
    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    ray.init(cluster.address, log_to_driver=False)
    store, experiment, over = tmp_path / "a.zarr", modular(steps=40_000), {"seed": range(9)}
    removed = threading.Event()

    def remove() -> None:
        while not store.exists() or not (fr.open(store).last_step.values > 100).any():
            time.sleep(0.2)
        cluster.remove_node(second)
        removed.set()

    thread = threading.Thread(target=remove)
    thread.start()
    machine = RayCluster(cpus=3, slots=3, checkpoint_every=0.2, progress=False)
    try:
        runs = fr.train(experiment, over, store=store, machine=machine)
        thread.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert removed.is_set()
    assert (runs.status == Status.FINISHED).all()
    assert_same_bits(runs, alone(experiment, over, tmp_path))
