"""Training counted in optimizer steps, so that it means the same on any amount of data."""

import keras
import numpy as np

BATCH_SIZE = 100
STEPS_PER_EPOCH = 600


def one_epoch(x, steps=STEPS_PER_EPOCH, batch_size=BATCH_SIZE):
    """Repeat (or cut) the rows of x until they fill an epoch of `steps` batches.

    Five epochs are then 3,000 optimizer steps on 55,000 images and on 3,500, take the same time
    and reach nearly the same loss. x: array (n, ...). Returns (steps * batch_size, ...).
    """
    rows = np.arange(steps * batch_size) % len(x)
    return x[rows]


def fast():
    """Keyword arguments for `compile` that make `fit` fast on this backend, results unchanged.

    TensorFlow and JAX compile a step with XLA and run a whole epoch of them in one call; PyTorch
    runs eagerly, as its compiler costs more time than a chapter's training.
    """
    if keras.config.backend() == "torch":
        return {}
    return {"jit_compile": True, "steps_per_execution": STEPS_PER_EPOCH}


class Progress(keras.callbacks.Callback):
    """One printed line after each epoch, or each `every`-th: nothing redrawn, no timings.

    Losses are rounded to 0.1 and repeat exactly on the same machine; a learning rate that a
    schedule reports is printed as it is.
    """

    def __init__(self, every=1):
        super().__init__()
        self.every = every

    def on_epoch_end(self, epoch, logs=None):
        epochs = self.params["epochs"]
        if (epoch + 1) % self.every and epoch + 1 != epochs:
            return
        losses = dict(logs)
        text = f"epoch {epoch + 1} of {epochs}: loss {losses.pop('loss'):.1f}"
        validation = losses.pop("val_loss", None)
        rate = losses.pop("learning_rate", None)
        parts = [f"{k} {v:.1f}" for k, v in losses.items() if not k.startswith("val_")]
        text += f" ({', '.join(reversed(parts))})" if parts else ""
        text += f", validation {validation:.1f}" if validation is not None else ""
        text += f", learning rate {rate:.3g}" if rate is not None else ""
        print(text, flush=True)


def remember(model):
    """A function that puts a compiled model back to where it is now, its optimizer included.

    To train one model anew several times costs less than to build and compile as many. Returns
    go_back, without arguments and result.
    """
    model.optimizer.build(model.trainable_variables)
    memory = [*model.variables, *model.optimizer.variables]
    start = [keras.ops.convert_to_numpy(variable) for variable in memory]

    def go_back():
        for variable, value in zip(memory, start, strict=True):
            variable.assign(value)

    return go_back
