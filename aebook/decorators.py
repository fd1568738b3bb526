"""What the helper's models have beyond those on the page, as class decorators.

`takes`: what they are given counts, or is refused in one line. `restorable`: what was saved loads.
"""

import functools
import inspect

import keras
import numpy as np


def takes(*names):
    """Class decorator: `fit` and `evaluate` refuse what the model would not count.

    names: what the model's `compute_loss` counts beside the images x, of "y" (a target) and
    "sample_weight". All else is a ValueError, as is class_weight, which would take pixels for
    classes, and a target that is no picture. Sample weights without a target, which Keras drops,
    are given x as the target.
    """

    def check(model, **given):
        for name, value in given.items():
            if value is not None and name not in names:
                counted = ", ".join(("images x", *names))
                raise ValueError(
                    f"{type(model).__name__} counts {counted}; found {name}, leave it out"
                )
        if given.get("y") is not None:
            found, shapes = np.shape(given["y"]), [a.shape for a in model.inputs + model.outputs]
            if tuple(found[1:]) not in [shape[1:] for shape in shapes]:
                raise ValueError(
                    f"expected a target like x, of shape {shapes[0]}, found {tuple(found)}; "
                    "labels are none, leave them out"
                )

    def complete(model, x, y=None, sample_weight=None):
        check(model, y=y, sample_weight=sample_weight)
        return x, x if y is None and sample_weight is not None else y, sample_weight

    def checked(method):
        signature = inspect.signature(method)

        @functools.wraps(method)
        def call(self, *args, **kwargs):
            bound = signature.bind(self, *args, **kwargs)
            given, parts = bound.arguments, ("x", "y", "sample_weight")
            check(self, class_weight=given.get("class_weight"))
            given |= zip(parts, complete(self, *map(given.get, parts)), strict=True)
            if given.get("validation_data") is not None:
                data = keras.utils.unpack_x_y_sample_weight(given["validation_data"])
                given["validation_data"] = complete(self, *data)
            return method(*bound.args, **bound.kwargs)

        return call

    def checked_loss(method):
        @functools.wraps(method)
        def call(self, x, y=None, y_pred=None, sample_weight=None, training=True):
            check(self, y=y, sample_weight=sample_weight)  # of a data set, which brings its own
            return method(self, x, y, y_pred, sample_weight, training)

        return call

    def decorate(cls):
        cls.fit, cls.evaluate = checked(cls.fit), checked(cls.evaluate)
        cls.compute_loss = checked_loss(cls.compute_loss)
        return cls

    return decorate


def restorable(cls):
    """Class decorator: `load_model` makes the model anew from the arguments that made it.

    Networks may be among the arguments. A subclass with arguments of its own needs it again.
    """
    init = cls.__init__
    signature = inspect.signature(init)

    @functools.wraps(init)
    def recorded(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if type(self) is cls:
            _, *given = signature.bind(self, *args, **kwargs).arguments.items()
            self.made_by = functools.partial(cls, **dict(given))  # Keras would track a dict's nets

    recorded.__signature__ = signature  # Keras reads it

    def get_config(self):
        return keras.saving.serialize_keras_object(self.made_by.keywords)

    def from_config(cls, config):
        return cls(**keras.saving.deserialize_keras_object(config))

    cls.__init__, cls.get_config, cls.from_config = recorded, get_config, classmethod(from_config)
    return keras.saving.register_keras_serializable("aebook")(cls)
