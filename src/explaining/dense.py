"""An encoder of meaning for the search: the extra `[dense]`."""

from collections.abc import Sequence

import numpy as np

from src import InputError
from src.explaining.retrieval import Encoder

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def encoder(model: str = MODEL) -> Encoder:
    """Return an encoder of English sentences, loaded once.

    Args:
        model: name at the model hub, from whose cache it is taken once it was downloaded, or a
            folder.

    Raises:
        InputError: the packages of the extra are missing, or the model cannot be had.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise InputError(
            "searching by meaning needs more packages: pip install 'deepfake-detector[dense]'"
        ) from error
    try:
        network = SentenceTransformer(model)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{model}: expected a folder with the encoder, or its download from the model hub; "
            f"neither was to be had ({error})"
        ) from error

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = network.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    return encode
