"""How much of each decoder stage the lowest rows of a picture depend on.

Of a generated face only what lies below the nose is laid in. Rows above it need not be computed,
but for those that the convolutions of the rows below reach up to.
"""

from functools import lru_cache

from heygem_daemon.engines.wav2lip.layout import Layer, Layout, Stage

OUTPUT = Layer(32)
"""The 3x3 convolution after the last stage; the one after that looks at single pixels."""


@lru_cache(maxsize=64)
def rows_kept(layout: Layout, drawn: int) -> tuple[int, ...]:
    """For each decoder stage: of its output, how many of the lowest rows what follows it needs to
    draw the lowest ``drawn`` rows of the picture exactly as they are in a whole one."""
    heights = stage_heights(layout)
    needed = _reaching(drawn, heights[-1], OUTPUT)
    kept = [needed]
    for stage, height in zip(reversed(layout.decoder[1:]), reversed(heights[:-1]), strict=True):
        needed = _through(needed, height, stage)
        kept.append(needed)
    return tuple(reversed(kept))


def stage_heights(layout: Layout) -> list[int]:
    """Rows of each decoder stage's output: those of the picture's features that it meets."""
    heights = [layout.size]
    for stage in layout.face:
        heights.append(_heights(heights[-1], stage)[-1])
    return heights[:0:-1]


def _through(needed: int, height: int, stage: Stage) -> int:
    """Rows of a stage's input, ``height`` in all, on which its ``needed`` lowest depend."""
    before = _heights(height, stage)[:-1]
    for layer, rows in zip(reversed(stage), reversed(before), strict=True):
        needed = _reaching(needed, rows, layer)
    return needed


def _heights(height: int, stage: Stage) -> list[int]:
    """Rows before, between and after the layers of a stage."""
    heights = [height]
    for layer in stage:
        heights.append(_after(heights[-1], layer))
    return heights


def _after(rows: int, layer: Layer) -> int:
    if layer.up:
        return _stride(layer) * (rows - 1) + layer.kernel - 2 * layer.padding + layer.output_padding
    return (rows + 2 * layer.padding - layer.kernel) // _stride(layer) + 1


def _reaching(needed: int, rows: int, layer: Layer) -> int:
    """The same of one layer, whose input has ``rows``.

    Where the input is cut off the layer sees zeros instead, so that its first rows are wrong: they
    must lie above the needed ones.
    """
    first, stride = _after(rows, layer) - needed, _stride(layer)
    if layer.up:
        first = (first + stride - layer.kernel + layer.padding) // stride
    else:
        first = stride * first - layer.padding
    return rows - max(0, first)


def _stride(layer: Layer) -> int:
    return layer.stride if isinstance(layer.stride, int) else layer.stride[0]
