"""Renders the pictures of this folder that are not photographs, and copies the photographs.

    pip install numpy==2.4.6 pillow==13.0.0 scikit-image==0.26.0 scikit-learn==1.9.1
    python render.py [FOLDER]

Every drawn thing is an outline that is blown up like a cushion (height from blurred copies of its mask), lit by one lamp with a
highlight, and set on a surface with a soft shadow. The same program gives the same pixels: the noise comes from fixed seeds.
"""

import importlib.util
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SCALE = 2  # everything is drawn at twice the size and reduced at the end
LAMP = np.array([-0.5, -0.62, 0.6]) / np.linalg.norm([-0.5, -0.62, 0.6])


def blur(field, radius):
    """A Gaussian blur of a float field."""
    picture = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32), mode="F")
    if radius > 24:  # a wide blur is as good on a small copy, and far cheaper
        small = picture.resize((max(1, picture.width // 8), max(1, picture.height // 8)), Image.BOX)
        return np.asarray(_gauss(small, radius / 8).resize(picture.size, Image.BICUBIC))
    return np.asarray(_gauss(picture, radius))


def _gauss(picture, radius):
    """Separable Gaussian: Pillow's own filter does not take float pictures."""
    reach = max(1, int(3 * radius))
    steps = np.arange(-reach, reach + 1)
    kernel = np.exp(-(steps**2) / (2 * max(radius, 0.3) ** 2))
    kernel /= kernel.sum()
    field = np.asarray(picture, dtype=np.float32)
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach, reach)
        wide = np.pad(field, pad, mode="edge")
        size = field.shape[axis]
        out = np.zeros_like(field)
        for index, weight in enumerate(kernel):
            out += weight * (wide[index : index + size] if axis == 0 else wide[:, index : index + size])
        field = out
    return Image.fromarray(field.astype(np.float32), mode="F")


def noise(shape, seed, cell):
    """Smooth noise in 0..1; `cell` is the size of a bump, (y, x) in pixels."""
    rng = np.random.default_rng(seed)
    small = rng.random((max(2, int(shape[0] / cell[0]) + 2), max(2, int(shape[1] / cell[1]) + 2))).astype(np.float32)
    return np.asarray(Image.fromarray(small, mode="F").resize((shape[1], shape[0]), Image.BICUBIC))


def wood(shape, seed, dark, light, planks=0, stretch=60):
    """Planks with grain along x."""
    grain = sum(w * noise(shape, seed + i, (c, c * stretch)) for i, (w, c) in enumerate([(0.5, 22), (0.3, 7), (0.2, 2.5)]))
    rings = 0.5 + 0.5 * np.sin(34 * noise(shape, seed + 7, (90, 900)) + 5 * grain)
    tone = np.clip(0.55 * grain + 0.3 * rings, 0, 1)
    colour = np.array(dark) + (np.array(light) - np.array(dark)) * tone[..., None]
    if planks:
        rng = np.random.default_rng(seed + 20)
        height = shape[0] // planks
        for k in range(planks + 1):
            colour[k * height : (k + 1) * height] *= 0.9 + 0.2 * rng.random()
            colour[max(0, k * height - 2) : k * height + 2] *= 0.45
    return colour


def plaster(shape, seed, tone):
    rough = 0.6 * noise(shape, seed, (90, 90)) + 0.25 * noise(shape, seed + 1, (9, 9)) + 0.15 * noise(shape, seed + 2, (2, 2))
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    fall = 1.06 - 0.22 * (x / shape[1] * 0.7 + y / shape[0] * 0.5)
    return np.array(tone) * ((0.94 + 0.1 * rough) * fall)[..., None]


def curve(points, closed=True, steps=24):
    """A Catmull-Rom line through the points."""
    pts = np.array(points, dtype=float)
    count = len(pts)
    out = []
    for i in range(count if closed else count - 1):
        a, b, c, d = (pts[(i + k) % count] if closed else pts[min(max(i + k, 0), count - 1)] for k in (-1, 0, 1, 2))
        t = np.linspace(0, 1, steps, endpoint=False)[:, None]
        out.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    if not closed:
        out.append(pts[-1:])
    return np.concatenate(out)


class Scene:
    """A picture in the making: float RGB, 0..255."""

    def __init__(self, background):
        self.rgb = background.astype(np.float32)
        self.shape = background.shape[:2]

    def mask(self, points):
        picture = Image.new("L", (self.shape[1], self.shape[0]), 0)
        ImageDraw.Draw(picture).polygon([tuple(p) for p in np.array(points) * SCALE], fill=255)
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32) / 255

    def ellipse(self, cx, cy, rx, ry=None, turn=0.0):
        angle = np.linspace(0, 2 * np.pi, 240)
        x, y = rx * np.cos(angle), (ry or rx) * np.sin(angle)
        return np.stack([cx + x * np.cos(turn) - y * np.sin(turn), cy + x * np.sin(turn) + y * np.cos(turn)], 1)

    def shadow(self, mask, dx, dy, radius, strength):
        moved = np.roll(mask, (int(dy * SCALE), int(dx * SCALE)), (0, 1))
        self.rgb *= 1 - strength * blur(moved, radius * SCALE)[..., None]

    def paint(self, mask, colour, alpha=1.0):
        weight = (mask * alpha)[..., None]
        self.rgb = self.rgb * (1 - weight) + np.asarray(colour, dtype=np.float32) * weight

    def solid(self, mask, colour, round_=10.0, depth=1.0, gloss=0.3, shine=30, ambient=0.5, texture=None):
        """Blows the mask up by `round_` pixels and lights it."""
        height = sum(blur(mask, r * SCALE) for r in (round_ * 0.3, round_ * 0.7, round_)) / 3
        height = np.sqrt(np.clip(2 * height - 0.9, 0, None)) * round_ * SCALE * depth
        if texture is not None:
            height = height + texture
        gy, gx = np.gradient(blur(height, 1.2 * SCALE / 2))
        normal = np.stack([-gx, -gy, np.ones_like(gx)], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        half = LAMP + np.array([0, 0, 1.0])
        half /= np.linalg.norm(half)
        diffuse = np.clip(normal @ LAMP, 0, None)
        mirror = np.clip(normal @ half, 0, None) ** shine
        lit = np.asarray(colour, dtype=np.float32) * (ambient + (1.25 - ambient) * diffuse)[..., None] + 255 * gloss * mirror[..., None]
        self.paint(mask, np.clip(lit, 0, 255))

    def picture(self, seed=1, grain=3.0, soft=0.6):
        rng = np.random.default_rng(seed)
        height, width = self.shape
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        rgb = self.rgb * (1 - 0.16 * (x**2 + y**2) / 2)[..., None]
        small = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).resize((width // SCALE, height // SCALE), Image.LANCZOS)
        small = np.asarray(small.filter(ImageFilter.GaussianBlur(soft)), dtype=np.float32)
        return Image.fromarray(np.clip(small + rng.normal(0, grain, small.shape), 0, 255).astype(np.uint8))


def turned(points, degrees, about, shift=(0, 0)):
    a = np.radians(degrees)
    p = np.array(points, dtype=float) - about
    return np.stack([p[:, 0] * np.cos(a) - p[:, 1] * np.sin(a), p[:, 0] * np.sin(a) + p[:, 1] * np.cos(a)], 1) + about + shift


def clock():
    """A round clock on a plastered wall, ten past ten."""
    w, h = 480, 480
    s = Scene(plaster((h * SCALE, w * SCALE), 3, (203, 190, 168)))
    cx, cy = 240, 236
    rim = s.mask(s.ellipse(cx, cy, 186))
    s.shadow(rim, 14, 20, 14, 0.5)
    ring = np.clip(rim - s.mask(s.ellipse(cx, cy, 160)), 0, 1)
    face = s.mask(s.ellipse(cx, cy, 163))
    s.paint(face, plaster(s.shape, 9, (252, 250, 242)))
    s.shadow(ring, 3, 5, 5, 0.25)
    s.solid(ring, (74, 46, 28), round_=12, depth=1.1, gloss=0.5, shine=40)
    for minute in range(60):
        a = np.radians(6 * minute)
        inner, half = (140, 2.6) if minute % 5 == 0 else (147, 0.9)
        d, n = np.array([np.sin(a), -np.cos(a)]), np.array([np.cos(a), np.sin(a)])
        c = np.array([cx, cy])
        s.paint(s.mask([c + d * inner - n * half, c + d * inner + n * half, c + d * 154 + n * half, c + d * 154 - n * half]), (24, 22, 22))
    digits = Image.new("L", (w * SCALE, h * SCALE), 0)
    draw = ImageDraw.Draw(digits)
    font = ImageFont.load_default(size=36 * SCALE)
    for hour in range(1, 13):
        a = np.radians(30 * hour)
        draw.text(((cx + 117 * np.sin(a)) * SCALE, (cy - 117 * np.cos(a)) * SCALE), str(hour), fill=255, font=font, anchor="mm")
    s.paint(np.asarray(digits, dtype=np.float32) / 255, (24, 22, 22))
    for angle, length, half, colour in [(305, 78, 5, (22, 20, 20)), (62, 126, 3.6, (22, 20, 20)), (200, 132, 1.1, (176, 30, 26))]:
        a = np.radians(angle)
        d, n, c = np.array([np.sin(a), -np.cos(a)]), np.array([np.cos(a), np.sin(a)]), np.array([cx, cy])
        hand = s.mask([c - d * 22 - n * half, c - d * 22 + n * half, c + d * length + n * half * 0.5, c + d * length - n * half * 0.5])
        s.shadow(hand, 4, 6, 2.5, 0.3)
        s.solid(hand, colour, round_=3, gloss=0.2)
    s.solid(s.mask(s.ellipse(cx, cy, 8)), (60, 50, 44), round_=5, gloss=0.5)
    glare = s.mask(curve([(110, 190), (150, 120), (226, 84), (300, 90), (220, 124), (160, 180), (130, 240)]))
    s.paint(blur(glare * face, 8 * SCALE), (255, 255, 255), 0.28)
    return s.picture(seed=5)


def knife():
    """A cleaver on a cutting board."""
    w, h = 560, 420
    s = Scene(wood((h * SCALE, w * SCALE), 40, (112, 70, 38), (222, 172, 112), planks=3))
    about = (280, 210)
    blade = turned([(60, 130), (352, 126), (360, 140), (362, 196), (346, 232), (320, 252), (74, 262), (56, 250)], -14, about, (14, 18))
    handle = turned(curve([(352, 136), (400, 134), (470, 140), (510, 138), (522, 156), (514, 178), (470, 176), (400, 178), (356, 184)]), -14, about, (14, 18))
    mb, mh = s.mask(blade), s.mask(handle)
    for m in (mb, mh):
        s.shadow(m, 7, 12, 8, 0.5)
        s.shadow(m, 2, 3, 2, 0.35)
    y, x = np.mgrid[0 : s.shape[0], 0 : s.shape[1]].astype(np.float32) / SCALE
    along = np.cos(np.radians(-14)) * x + np.sin(np.radians(-14)) * y
    across = -np.sin(np.radians(-14)) * x + np.cos(np.radians(-14)) * y
    sheen = 168 + 42 * np.sin(along / 62 + 0.6) + 18 * np.sin(along / 23 + across / 90) + 14 * (noise(s.shape, 50, (3, 240)) - 0.5)
    s.solid(mb, np.stack([sheen * 0.98, sheen, sheen * 1.03], -1), round_=3, depth=0.5, gloss=0.1, ambient=0.72)
    edge = s.mask(turned([(57, 238), (74, 244), (318, 234), (344, 218), (346, 232), (320, 252), (74, 262), (56, 250)], -14, about, (14, 18)))
    s.paint(edge, (232, 236, 240), 0.75)
    hole = s.mask(turned(s.ellipse(92, 158, 10), -14, about, (14, 18)))
    s.paint(hole, wood(s.shape, 40, (70, 40, 20), (130, 90, 56)))
    s.solid(mh, (52, 36, 28), round_=14, depth=1.1, gloss=0.35, shine=24)
    for hx in (386, 438, 490):
        s.solid(s.mask(turned(s.ellipse(hx, 157, 6), -14, about, (14, 18))), (200, 196, 186), round_=4, gloss=0.6)
    return s.picture(seed=6)


def table(w, h, horizon, seed, back, dark, light):
    """A wall out of focus above a table top."""
    shape = (h * SCALE, w * SCALE)
    rgb = plaster(shape, seed, back)
    spots = sum(noise(shape, seed + 30 + k, (70 * SCALE, 70 * SCALE)) for k in range(2)) - 1
    rgb *= (1 + 0.35 * spots)[..., None]
    top = wood(shape, seed + 60, dark, light, stretch=40)
    y = np.mgrid[0 : shape[0], 0 : shape[1]][0] / SCALE
    weight = 1 / (1 + np.exp(-(y - horizon) / 2.0))
    rgb = rgb * (1 - weight[..., None]) + top * (weight * (0.75 + 0.35 * (y - horizon) / (h - horizon)))[..., None]
    return Scene(rgb)


def revolve(profile, cx):
    """An outline from (y, radius) points."""
    line = curve(profile, closed=False)
    right = np.stack([cx + line[:, 1], line[:, 0]], 1)
    left = np.stack([cx - line[:, 1], line[:, 0]], 1)
    return np.concatenate([right, left[::-1]])


def wine():
    """A glass of red wine on a table."""
    w, h = 420, 520
    s = table(w, h, 380, 70, (150, 132, 112), (66, 38, 22), (150, 98, 60))
    cx, top, foot = 210, 70, 452
    under = s.mask(s.ellipse(cx + 50, foot + 2, 120, 16))
    s.shadow(under, 0, 0, 9, 0.45)
    s.paint(blur(s.mask(s.ellipse(cx + 78, foot + 4, 46, 9)), 6 * SCALE), (150, 20, 30), 0.35)
    bowl = s.mask(revolve([(top, 74), (120, 88), (170, 94), (220, 84), (256, 56), (276, 24), (288, 9)], cx))
    stem = s.mask(revolve([(280, 12), (296, 7), (350, 5.5), (410, 6.5), (430, 12), (442, 30)], cx))
    base = s.mask(s.ellipse(cx, 450, 72, 15))
    x = (np.mgrid[0 : s.shape[0], 0 : s.shape[1]][1] / SCALE - cx) / 94
    edge = np.clip(np.abs(x), 0, 1) ** 6
    s.paint(bowl, (236, 240, 244), 0.13)
    s.paint(bowl * edge, (240, 244, 248), 0.3)
    liquid = s.mask(np.concatenate([revolve([(178, 93.0), (200, 90), (220, 83), (256, 55), (274, 25), (284, 9)], cx)]))
    shade = np.clip(1 - 0.75 * np.abs(x), 0.2, 1)[..., None]
    s.paint(liquid, np.array([128, 14, 30]) * (0.35 + 0.75 * shade), 0.97)
    s.paint(s.mask(s.ellipse(cx, 178, 92, 15)), (152, 30, 44), 1.0)
    s.paint(s.mask(s.ellipse(cx, 179, 86, 12)), (110, 14, 28), 0.9)
    for m in (stem, base):
        s.paint(m, (226, 230, 234), 0.3)
        ring = np.clip(m - blur(m, 3 * SCALE) * 1.0, 0, 1)
        s.paint(ring, (250, 252, 255), 0.8)
    s.paint(s.mask(s.ellipse(cx, 447, 60, 10)), (50, 32, 24), 0.35)
    outline = np.clip(bowl - blur(bowl, 3.5 * SCALE), 0, 1)
    s.paint(outline, (250, 252, 255), 0.6)
    lip = np.clip(s.mask(s.ellipse(cx, top, 74, 11)) - s.mask(s.ellipse(cx, top, 72, 9.4)), 0, 1)
    s.paint(lip, (252, 252, 255), 0.85)
    glint = s.mask(curve([(138, 110), (146, 108), (140, 170), (146, 224), (160, 250), (150, 244), (132, 200), (130, 150)]))
    s.paint(blur(glint, 2 * SCALE), (255, 255, 255), 0.8)
    pane = s.mask([(240, 100), (268, 104), (270, 158), (242, 154)])
    s.paint(blur(pane, 2 * SCALE), (255, 255, 255), 0.35)
    s.paint(blur(s.mask([(208, 300), (211, 300), (211, 420), (208, 420)]), 1 * SCALE), (255, 255, 255), 0.7)
    return s.picture(seed=7)


def shoe():
    """A running shoe from the side."""
    w, h = 560, 400
    s = table(w, h, 250, 120, (214, 212, 206), (128, 122, 114), (176, 170, 160))
    sole = s.mask(curve([(70, 268), (76, 300), (110, 318), (200, 322), (300, 322), (420, 322), (480, 314), (506, 292), (500, 276), (440, 288), (330, 284), (240, 278), (150, 268), (90, 258)]))
    upper = s.mask(curve([(78, 268), (70, 220), (76, 170), (84, 142), (104, 138), (128, 160), (160, 176), (196, 160), (226, 124), (246, 118), (290, 158), (350, 200), (420, 224), (476, 246), (502, 276), (440, 290), (330, 288), (200, 282)]))
    s.shadow(s.mask(s.ellipse(296, 322, 232, 14)), 4, 3, 9, 0.6)
    s.shadow(upper, 20, 16, 16, 0.2)
    mesh = 1.6 * (np.sin(np.mgrid[0 : s.shape[0], 0 : s.shape[1]][0] / 2.2) * np.sin(np.mgrid[0 : s.shape[0], 0 : s.shape[1]][1] / 2.2))
    s.solid(upper, (44, 84, 168), round_=30, depth=1.1, gloss=0.08, texture=mesh)
    inside = s.mask(curve([(92, 146), (106, 142), (130, 162), (162, 178), (196, 162), (222, 130), (232, 130), (206, 174), (164, 192), (122, 176)]))
    s.solid(inside, (30, 34, 50), round_=6, gloss=0.05)
    parts = [
        ([(74, 262), (70, 218), (78, 180), (116, 190), (138, 230), (150, 274), (110, 270)], (28, 42, 84)),
        ([(420, 226), (474, 246), (500, 274), (440, 288), (380, 286), (400, 262), (412, 240)], (28, 42, 84)),
        ([(150, 276), (190, 250), (240, 210), (280, 160), (300, 168), (280, 222), (250, 262), (220, 282)], (238, 240, 244)),
        ([(246, 282), (280, 250), (310, 214), (330, 190), (348, 200), (330, 240), (306, 286)], (238, 240, 244)),
    ]
    for points, colour in parts:
        m = s.mask(curve(points)) * upper
        s.shadow(m, 1, 2, 1.5, 0.25)
        s.solid(m, colour, round_=7, depth=0.7, gloss=0.12, ambient=0.6)
    tongue = s.mask(curve([(216, 132), (222, 96), (248, 92), (266, 116), (262, 140), (240, 140)]))
    s.solid(tongue, (36, 66, 140), round_=9, gloss=0.1)
    for k in range(6):
        x0, y0 = 236 + 21 * k, 122 + 15 * k
        lace = s.mask(curve([(x0 - 22, y0 + 26), (x0 - 6, y0 + 6), (x0 + 10, y0 - 2), (x0 + 14, y0 + 4), (x0, y0 + 14), (x0 - 16, y0 + 32)]))
        s.shadow(lace, 2, 3, 2, 0.4)
        s.solid(lace, (246, 246, 244), round_=4, gloss=0.1, ambient=0.65)
    s.solid(sole, (240, 240, 238), round_=9, gloss=0.2, ambient=0.55)
    tread = s.mask(curve([(78, 302), (110, 316), (200, 320), (300, 320), (420, 320), (480, 312), (500, 298), (486, 322), (420, 330), (300, 331), (180, 331), (104, 328)]))
    s.solid(tread, (52, 54, 60), round_=4, gloss=0.1)
    stripe = s.mask(curve([(74, 284), (150, 290), (240, 298), (330, 304), (430, 306), (500, 294), (500, 298), (430, 311), (330, 309), (240, 303), (150, 295), (76, 289)]))
    s.paint(stripe, (220, 74, 40), 0.9)
    return s.picture(seed=9)


DRAWN = {"clock.jpg": clock, "knife.jpg": knife, "wine.jpg": wine, "shoe.jpg": shoe}
PHOTOGRAPHS = {  # name here: package, file in it
    "coffee.jpg": ("skimage", "data/coffee.png"),
    "cat.jpg": ("skimage", "data/chelsea.png"),
    "palace.jpg": ("sklearn", "datasets/images/china.jpg"),
}


def main(folder):
    for name, draw in DRAWN.items():
        draw().save(folder / name, quality=88, optimize=True)
    for name, (package, file) in PHOTOGRAPHS.items():
        spec = importlib.util.find_spec(package)
        if spec is None:
            print(f"{name}: package {package} is not installed, left as it is")
            continue
        picture = Image.open(pathlib.Path(spec.origin).parent / file).convert("RGB")
        picture.thumbnail((600, 600), Image.LANCZOS)
        picture.save(folder / name, quality=85, optimize=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent))
