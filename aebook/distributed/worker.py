"""One process of a data-parallel run of the VAE: join the others, take your share, keep the score.

    python -m aebook.distributed.worker --data x.npy --folder run

`aebook.distributed.launch` starts this, watches it, and says clearly what went wrong; the backend
is JAX. After each epoch rank 0 saves a checkpoint with the losses so far, and a run goes on after
the last one it finds, if it is its own. What a process tells is one JSON object a line.
"""

import argparse
import json
import math
import os
import platform
import random
import sys
import threading
import time
import traceback
import zlib
from pathlib import Path
from zipfile import BadZipFile


def at_least(least):
    """A type for `argparse`: integers from `least` on."""

    def integer(text):
        if (n := int(text)) < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {n}")
        return n

    return integer


def arguments():
    """The options of a run; `launch` passes on those it does not know itself."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", required=True, help="rows in an .npy file, or a folder of pictures")
    add("--folder", required=True, type=Path, help="checkpoints; seen by every process")
    add("--epochs", type=at_least(1), default=3)
    add("--steps", type=at_least(1), default=600, help="batches in an epoch")
    add("--batch-size", type=at_least(1), default=128,
        help="images in a batch, all devices together")  # fmt: skip
    add("--side", type=at_least(1), default=32, help="pixels a side, for a folder of pictures")
    add("--hidden", type=at_least(1), default=256)
    add("--latent-dim", type=at_least(1), default=2)
    add("--seed", type=int, default=0)
    add("--rank", type=int, default=0)
    add("--processes", type=int, default=1)
    add("--coordinator", help="host:port of rank 0")
    add("--wait", type=int, default=60, help="seconds to wait for the other processes")
    add("--leave-with-parent", action="store_true", help="end when standard input is shut")
    return parser


def tell(**facts):
    print(json.dumps(facts), flush=True)


def leave_with_parent():
    """End this process when the one that started it is gone: its end of our input is then shut."""

    def watch():
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def read_source(path, side):
    """Rows that stay on disk: of an .npy file, mapped into memory, or of a folder of pictures."""
    import numpy as np

    from aebook.data import DataError
    from aebook.streaming import Pictures

    if Path(path).is_dir():
        return Pictures(path, side, quiet=True)
    try:
        x = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{path}: expected an .npy file or a folder of pictures, found: {error}"
        ) from None
    if not isinstance(x, np.ndarray):
        raise DataError(
            f"{path}: expected an .npy file or a folder of pictures, found an archive of "
            f"{', '.join(x.files) or 'nothing'}; save one array of rows with np.save"
        )
    if x.ndim != 2 or not x.size or x.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: expected rows of pixels (n, d), found {x.dtype} of shape {x.shape}"
        )
    return x


class Checked:
    """A source whose rows are looked at as they are read: what is no picture is not trained on.

    source: rows (n, d), as of `read_source`; name: what a `DataError` calls it.
    """

    def __init__(self, source, name):
        self.source, self.name, self.shape = source, name, source.shape
        self.skipped = getattr(source, "skipped", {})  # of `Pictures`, which goes on filling it

    def __len__(self):
        return len(self.source)

    def __getitem__(self, rows):
        x = self.source[rows]
        wrong = ~((x >= 0) & (x <= 1))  # NaN is neither
        if wrong.any():
            from aebook.data import DataError

            k, pixel = divmod(int(wrong.argmax()), self.shape[1])
            raise DataError(
                f"{self.name}: expected pixels from 0 to 1, found {x[k, pixel]} in row {rows[k]}; "
                "scale or clip them"
            )
        return x


def definition(source, options):
    """What makes a run this run and no other: options by name, and of the data a fingerprint.

    The fingerprint is of the names of pictures, or of 100 rows spread over an array. The number of
    epochs and of processes may change from one part of a run to the next.
    """
    import numpy as np

    if hasattr(source, "names"):
        content = os.fsencode("\n".join(source.names))
    else:
        rows = np.linspace(0, len(source) - 1, 100).astype(int)
        content = np.asarray(source[rows], "float32").tobytes()
    n, d = source.shape
    names = ("seed", "steps", "batch_size", "hidden", "latent_dim")
    return {
        "--data": f"{n} x {d} with checksum {zlib.crc32(content):08x}",
        **{f"--{name.replace('_', '-')}": getattr(options, name) for name in names},
    }


def state(model):
    """All that training changes: weights, random states, and what the optimizer remembers."""
    return model.variables + model.optimizer.variables


def save_checkpoint(model, folder, history, run):
    """Write beside the place, then rename: a checkpoint is whole or not there.

    As plain arrays, which any number of processes and any backend can take up. (`model.save` is
    no choice here: it talks to the other processes, which are not saving, and fails.)
    """
    import numpy as np

    part = folder / "part.npz"
    np.savez(part, *[np.asarray(variable.value) for variable in state(model)], **history,
             run=json.dumps(run))  # fmt: skip
    part.replace(folder / f"epoch-{len(history['loss']):04d}.npz")


def newest_checkpoint(folder):
    """The checkpoint with the highest number, or None."""
    named = {path.stem.removeprefix("epoch-"): path for path in folder.glob("epoch-*.npz")}
    numbered = {int(number): path for number, path in named.items() if number.isdecimal()}
    return numbered[max(numbered)] if numbered else None


def load_checkpoint(model, folder, run=None):
    """Put the newest checkpoint's arrays into a compiled model; returns the history so far.

    run: what it must be a checkpoint of, a `definition`; of any run by default. Raises ValueError
    with a one-line message when it is of another.
    """
    import numpy as np

    newest = newest_checkpoint(folder)
    if newest is None:
        return {"loss": [], "seconds": []}
    with np.load(newest) as arrays:
        if run is not None:
            refuse_another(run, json.loads(str(arrays["run"])) if "run" in arrays else {}, newest)
        model.optimizer.build(model.trainable_variables)
        for k, variable in enumerate(state(model)):
            variable.assign(arrays[f"arr_{k}"])
        return {name: arrays[name].tolist() for name in ("loss", "seconds")}


def refuse_another(run, found, checkpoint):
    """Raise a ValueError that names the differences between this run and a checkpoint's."""
    differences = [
        f"{name} {found.get(name, 'unknown')}, not {value}"
        for name, value in run.items()
        if found.get(name) != value
    ]
    if differences:
        raise ValueError(
            f"{checkpoint} is of another run: {'; '.join(differences)}; "
            "start this one in a --folder of its own"
        )


def train(model, batches, epochs, folder, history, run):
    """Fit from the epoch after `history` on; after each, rank 0 saves. Returns the history.

    batches: this rank's share, `Batches`. A whole array is refused: given to every rank it would
    be taken for shares of a larger batch, in which each image comes several times.
    run: the `definition` that a checkpoint keeps. A loss that is not finite is a ValueError.
    """
    import keras

    from aebook.streaming import Batches

    if not isinstance(batches, Batches):
        raise TypeError(
            f"expected this rank's share of the data (Batches), got {type(batches).__name__}; "
            "every rank would train on all of it"
        )
    clock = [0.0]

    def begin(epoch, _):
        batches.begin(epoch)
        clock[0] = time.perf_counter()

    def end(epoch, logs):
        if not math.isfinite(logs["loss"]):
            raise ValueError(
                f"the loss of epoch {epoch + 1} is {logs['loss']}; start anew with another --seed "
                "or a larger --batch-size, in a --folder of its own"
            )
        history["loss"].append(float(logs["loss"]))
        history["seconds"].append(time.perf_counter() - clock[0])
        if batches.rank == 0:
            save_checkpoint(model, folder, history, run)
        skipped = len(getattr(batches.source, "skipped", ()))
        tell(epoch=epoch + 1, loss=history["loss"][-1], skipped=skipped)

    watch = keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)
    model.fit(batches, epochs=epochs, initial_epoch=len(history["loss"]), shuffle=False, verbose=0,
              callbacks=[watch])  # fmt: skip
    return history


def count_devices(jax):
    """How many devices all processes have. ValueError where JAX has none of the kind asked for."""
    try:
        return jax.device_count()
    except (RuntimeError, AssertionError) as error:
        platforms, found = os.environ.get("JAX_PLATFORMS"), str(error) or type(error).__name__
        if "gloo/transport" in found:
            raise ValueError(
                f"the processes cannot meet: no address is known for this machine's own name; add "
                f"a line '127.0.1.1 {platform.node()}' to /etc/hosts"
            ) from None
        raise ValueError(
            f"JAX finds no device with JAX_PLATFORMS={platforms}: {found}; unset it, or install "
            "JAX for what it names"
        ) from None


def main(options):
    os.environ["KERAS_BACKEND"] = "jax"
    import jax

    if options.processes > 1:  # before anything else touches JAX
        jax.config.update("jax_cpu_collectives_implementation", "gloo")  # the default since 0.5
        jax.distributed.initialize(options.coordinator, options.processes, options.rank,
                                   initialization_timeout=options.wait)  # fmt: skip
        tell(met=options.processes)
    devices = count_devices(jax)
    tell(devices=devices)
    if options.batch_size % devices:
        raise ValueError(
            f"a batch of {options.batch_size} cannot be shared equally by {devices} devices; "
            f"take a --batch-size that is a multiple of {devices}"
        )
    import keras

    from aebook import models
    from aebook.streaming import Batches

    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    random.seed(options.seed)  # Keras draws its seeds from here: the same on every rank
    source = read_source(options.data, options.side)
    run = definition(source, options)
    source = Checked(source, options.data)
    batches = Batches(source, options.batch_size, options.steps, options.seed,
                      options.rank, options.processes)  # fmt: skip
    pixels, hidden, latents = source.shape[1], options.hidden, options.latent_dim
    model = models.build_vae(
        models.build_vae_encoder(pixels, hidden, latents),
        models.build_decoder(latents, hidden, pixels),
    )
    model.compile("adam")
    history = load_checkpoint(model, options.folder, run)
    tell(start=len(history["loss"]))
    history = train(model, batches, options.epochs, options.folder, history, run)
    checksum = sum(float(abs(weights).sum()) for weights in model.get_weights())
    tell(done=history["loss"], checksum=checksum)


if __name__ == "__main__":
    options = arguments().parse_args()
    if options.leave_with_parent:
        leave_with_parent()
    sys.stdout = os.fdopen(os.dup(1), "w")  # ours alone: what libraries print goes to the log
    os.dup2(2, 1)
    try:
        main(options)
    except Exception as error:
        traceback.print_exc()
        refused = isinstance(error, (ValueError, TypeError))  # and would be again
        kind = "" if refused else f"{type(error).__name__}: "
        tell(error=kind + " ".join(str(error).split()), again=not refused)
        os._exit(1)  # an orderly end would wait for the others, who wait for us
