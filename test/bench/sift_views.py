"""More real SIFT descriptors from the same photographs, for sets beyond what one look at them gives.

Symmetries cost nothing. A descriptor is 4 x 4 cells (across, along the keypoint's orientation) of 8 directions; the same keypoint of
the mirrored photograph has the descriptor with its rows of cells and its turning sense reversed, and of the photograph's negative, where
gradients and the orientation turn by half a circle, the one with its cells reversed. So each descriptor stands for four.

Views are the photographs seen at an angle (Morel and Yu 2009, ASIFT): turned, and then shrunk along one side by the tilt, which
SIFT is not invariant to. Neither makes near copies of a row, as added noise would.
"""
import numpy as np

CELLS = np.arange(128).reshape(4, 4, 8)
MIRROR = CELLS[::-1][:, :, -np.arange(8) % 8].ravel()
NEGATIVE = CELLS[::-1, ::-1].ravel()
SYMMETRIES = (np.arange(128), MIRROR, NEGATIVE, MIRROR[NEGATIVE])

# (tilt, degrees), in the order in which they are used: angles 72 / tilt degrees apart, as in the paper.
VIEWS = [(tilt, degrees) for tilt, step in ((2 ** 0.5, 50), (2.0, 36)) for degrees in range(0, 180, step)]


def view(grey, tilt, degrees):
    """The photograph turned and tilted, and a mask of what in it is photograph."""
    import cv2
    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.full_like(grey, 255), matrix, size, flags=cv2.INTER_NEAREST)
    # Against aliasing, as in the paper.
    blurred = cv2.GaussianBlur(turned, (0, 0), sigmaX=0.8 * (tilt * tilt - 1) ** 0.5, sigmaY=0.01)
    narrow = max(1, round(size[0] / tilt)), size[1]
    return cv2.resize(blurred, narrow, interpolation=cv2.INTER_NEAREST), cv2.resize(inside, narrow, interpolation=cv2.INTER_NEAREST)


def expand(pool, numbers):
    """Rows of the pool and of its mirror images and negatives, by numbers 0 … 4 * len(pool) - 1."""
    out = np.empty((len(numbers), 128), pool.dtype)
    for which, order in enumerate(SYMMETRIES):
        mine = numbers // len(pool) == which
        out[mine] = pool[numbers[mine] % len(pool)][:, order]
    return out
