"""The detector: network, evidence, bundle and verdict.

from src.detector import load
load("models/detector").predict("face.jpg")
"""

import os

# Both must stand before Keras imports TensorFlow. TensorFlow turns its oneDNN kernels on by itself
# only for processors with AVX512-VNNI; on other x86 processors they train faster too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from src.detector.bundle import load
from src.detector.location import locate

__all__ = ["load", "locate"]
