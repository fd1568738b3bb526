"""Training on several devices and machines: `worker` is one process, `launch` watches over it."""
