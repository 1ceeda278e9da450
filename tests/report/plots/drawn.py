"""What the tests of all figures ask."""

import numpy as np
from PIL import Image

from src.report import plots


def written(figure, path):
    plots.save(figure, path)
    return np.asarray(Image.open(path).convert("RGB"))


def texts_fit(figure):
    """Tell whether everything that is drawn lies inside the figure, but for a pixel of rounding."""
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    pixel = 1 / figure.dpi
    inside = drawn.x1 <= width + pixel and drawn.y1 <= height + pixel
    return inside and min(drawn.x0, drawn.y0) >= -pixel


def title(axes):
    return axes.get_title(loc="left").replace("\n", " ")


def line(axes, label):
    """Return the points of the line that the legend calls so."""
    (found,) = [one for one in axes.lines if str(one.get_label()).startswith(label)]
    return np.asarray(found.get_xydata())


def texts(axes):
    return [text.get_text() for text in axes.texts]


def labelled(axes):
    """Tell whether both axes say what they measure."""
    return bool(axes.get_xlabel()) and bool(axes.get_ylabel())
