"""The pieces of furniture: each draws its own sizes and materials and asks the builder for a place."""

from samo.datasets.parts.scenes.builder import Builder, Part


def rug(b: Builder) -> None:
    """Flat on the floor, round or not; furniture may stand on it."""
    shape = "cylinder" if b.rng.random() < 0.3 else "box"
    half = (b.rng.uniform(0.6, 1.3), 0.004, b.rng.uniform(0.5, 1.0))
    x, z = b.rng.uniform((0.3, 0.4), (0.7, 0.75)) * b.size[[0, 2]]
    b.put("rug", [Part(shape, (0, 0.004, 0), half, b.vivid())], x, z, b.rng.uniform(0, 6.3))


def picture(b: Builder) -> None:
    """A board on a wall."""
    half = (b.rng.uniform(0.25, 0.55), b.rng.uniform(0.2, 0.45), 0.012)
    b.hang("picture", [Part("box", (0, b.rng.uniform(1.3, 1.7), 0.012), half, b.vivid())])


def window(b: Builder) -> None:
    """Bright panes in a frame; bars divide them."""
    w, h, y = b.rng.uniform(0.45, 0.9), b.rng.uniform(0.4, 0.7), 1.5
    frame = b.materials.add(b.rng, (0.0, 0.2), (0.6, 0.9))
    sky = b.materials.add(b.rng, (0.0, 0.3), (0.8, 0.95))
    parts = [
        Part("box", (0, y, 0.01), (w, h, 0.01), frame),
        Part("box", (0, y, 0.012), (w - 0.06, h - 0.06, 0.012), b.materials.glowing(sky)),
        Part("box", (0, y, 0.014), (0.02, h, 0.014), frame),
        Part("box", (0, y, 0.014), (w, 0.02, 0.014), frame),
    ]
    b.hang("window", parts)


def cabinet(b: Builder) -> None:
    """A body against a wall, and a plinth."""
    w, h, d = b.rng.uniform(0.3, 0.8), b.rng.uniform(0.3, 1.0), b.rng.uniform(0.17, 0.3)
    body, plinth = b.vivid(), b.vivid()
    parts = [Part("box", (0, h + 0.06, d), (w, h, d), body), Part("box", (0, 0.03, d), (w - 0.03, 0.03, d), plinth)]
    b.lean("cabinet", parts)


def bed(b: Builder) -> None:
    """A mattress with its head at a wall: frame, headboard, pillow."""
    w, h, d = b.rng.uniform(0.45, 0.8), b.rng.uniform(0.14, 0.22), b.rng.uniform(0.9, 1.05)
    cloth, wood, pillow = b.vivid(), b.vivid(), b.vivid()
    parts = [
        Part("box", (0, 1.4 * h, d), (w, 0.6 * h, d), cloth),
        Part("box", (0, 0.4 * h, d), (0.97 * w, 0.4 * h, 0.97 * d), wood),
        Part("box", (0, 2.2 * h, 0.03), (w, 2.2 * h, 0.03), wood),
        Part("box", (0, 2.2 * h, 0.32), (0.7 * w, 0.06, 0.2), pillow),
    ]
    b.lean("bed", parts)


def table(b: Builder) -> None:
    """A top, round or not, on one leg or two panels; something may stand on it."""
    w, d, y = b.rng.uniform(0.35, 0.75), b.rng.uniform(0.3, 0.5), b.rng.uniform(0.45, 0.75)
    wood = b.vivid()
    if b.rng.random() < 0.5:
        parts = [
            Part("cylinder", (0, y, 0), (d + 0.1, 0.025, d + 0.1), wood),
            Part("cylinder", (0, y / 2, 0), (0.05, y / 2, 0.05), wood),
            Part("cylinder", (0, 0.02, 0), (0.5 * d, 0.02, 0.5 * d), wood),
        ]
    else:
        panels = [Part("box", (side * (w - 0.06), y / 2, 0), (0.03, y / 2, 0.8 * d), wood) for side in (-1, 1)]
        parts = [Part("box", (0, y, 0), (w, 0.025, d), wood), *panels]
    place = b.stand("table", parts)
    if place and b.rng.random() < 0.5:
        x, z, yaw = place
        r, on = b.rng.uniform(0.09, 0.16), y + 0.025
        if b.rng.random() < 0.5:
            b.put("ball", [Part("ball", (0, on + r, 0), (r, r, r), b.vivid())], x, z, yaw)
        else:
            b.put("bin", [Part("cylinder", (0, on + r, 0), (0.8 * r, r, 0.8 * r), b.vivid())], x, z, yaw)


def chair(b: Builder) -> None:
    """Seat, back and four legs."""
    w, y, back = b.rng.uniform(0.2, 0.26), b.rng.uniform(0.4, 0.48), b.rng.uniform(0.2, 0.3)
    seat, wood = b.vivid(), b.vivid()
    legs = [Part("box", (sx * (w - 0.03), y / 2, sz * (w - 0.03)), (0.025, y / 2, 0.025), wood)
            for sx in (-1, 1) for sz in (-1, 1)]  # fmt: skip
    parts = [
        Part("box", (0, y, 0), (w, 0.03, w), seat),
        Part("box", (0, y + back, 0.03 - w), (w, back, 0.025), seat),
        *legs,
    ]
    b.stand("chair", parts)


def bin_(b: Builder) -> None:
    """An upright cylinder on the floor."""
    r = b.rng.uniform(0.13, 0.26)
    h = b.rng.uniform(0.15, 0.45)
    b.stand("bin", [Part("cylinder", (0, h, 0), (r, h, r), b.vivid())])


def ball(b: Builder) -> None:
    """On the floor."""
    r = b.rng.uniform(0.12, 0.35)
    b.stand("ball", [Part("ball", (0, r, 0), (r, r, r), b.vivid())])


FURNITURE = (cabinet, bed, table, chair, bin_, ball)
SHARES = (0.24, 0.14, 0.18, 0.18, 0.12, 0.14)
