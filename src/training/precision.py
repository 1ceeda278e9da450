"""How Keras computes in a training run: precision and determinism."""

from collections.abc import Iterator
from contextlib import contextmanager

from src import processor

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def seed_everything(seed: int, *, deterministic: bool) -> None:
    """Seed Python, NumPy and the backend; on request choose operations that always agree."""
    import keras

    keras.utils.set_random_seed(seed)
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def choose(wanted: str) -> str:
    """Return the type to compute in: `wanted`, or for `auto` what the hardware gains from."""
    import keras

    if wanted != "auto":
        return wanted
    backend = keras.backend.backend()
    on_gpu = _tensorflow_gpu() if backend == "tensorflow" else None
    if backend == "jax":
        import jax

        on_gpu = "bfloat16" if jax.default_backend() != "cpu" else None
    if backend == "torch":
        import torch

        on_gpu = "bfloat16" if torch.cuda.is_available() else None
    # Such processors have dot products in bfloat16; they are known on Linux only.
    fast = not processor.flags().isdisjoint(("amx_bf16", "avx512_bf16"))
    return on_gpu or ("bfloat16" if fast else "float32")


def _tensorflow_gpu() -> str | None:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    capability = tf.config.experimental.get_device_details(gpus[0]).get(
        "compute_capability", (0, 0)
    )
    if capability >= (8, 0):
        return "bfloat16"
    return "float16" if capability >= (7, 0) else "float32"


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Build layers that compute in `precision` and keep their variables in float32."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
