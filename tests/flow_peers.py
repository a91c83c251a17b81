"""TV-L1 beside OpenCV and scikit-image, in one run: milliseconds a pair, and end-point errors on real ground truth.

    python tests/flow_peers.py FOLDER

FOLDER has folders of frame0.png, frame1.png and, where there is one, flow.flo. Needs opencv-contrib-python, scikit-image and a
built xtask (MAREY_XTASK, or `cargo xtask`). Everything runs on two threads, but scikit-image, which has one.
"""
import glob
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
import skimage
from skimage.registration import optical_flow_tvl1

XTASK = shlex.split(os.environ.get("MAREY_XTASK", "cargo xtask"))
SIZES = [(320, 240), (340, 256)]
cv2.setNumThreads(2)


def grey(path, size=None):
    image = cv2.imread(path)
    if size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def flo(path):
    with open(path, "rb") as file:
        file.read(4)
        width, height = np.frombuffer(file.read(8), "<i4")
        return np.frombuffer(file.read(), "<f4").reshape(height, width, 2)


def opencv(a, b):
    return cv2.optflow.DualTVL1OpticalFlow_create().calc(a, b, None)


def scikit(a, b):
    y, x = optical_flow_tvl1(a / np.float32(255), b / np.float32(255), dtype=np.float32)
    return np.dstack([x, y])


def timed(f, runs=5):
    f()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def marey(command):
    ran = subprocess.run([*XTASK, *command, "--threads", "2"], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout) if "--json" in command else None


def end_point(flow, truth):
    known = (np.abs(truth) < 1e9).all(2)
    return np.linalg.norm(flow - truth, axis=2)[known].mean()


def times(pairs):
    print("| pair | opencv | 16 at once | ipol | fast | OpenCV | scikit-image | OpenCV / marey | 16 at once |")
    print("|---|---|---|---|---|---|---|---|---|")
    for folder in pairs:
        for size in SIZES:
            with tempfile.TemporaryDirectory() as temporary:
                frames = []
                for i in (0, 1):
                    image = grey(f"{folder}/frame{i}.png", size)
                    frames.append((f"{temporary}/{i}.png", image))
                    cv2.imwrite(*frames[-1])
                (first, a), (second, b) = frames
                ours = [
                    marey(["bench", "flow", first, second, "--preset", preset, "--pairs", str(n), "--json"])["median_ms"]
                    for preset, n in [("opencv", 1), ("opencv", 16), ("ipol", 1), ("fast", 1)]
                ]
            peers = [timed(lambda: opencv(a, b)), timed(lambda: scikit(a, b), 3)]
            name = f"{os.path.basename(folder)} {size[0]}x{size[1]}"
            cells = " | ".join(f"{ms:.0f}" for ms in ours + peers)
            print(f"| {name} | {cells} | {peers[0] / ours[0]:.1f} | {peers[0] / ours[1]:.1f} |", flush=True)


def errors(pairs):
    print("\n| pair | opencv | ipol | fast | OpenCV | scikit-image | opencv to OpenCV | OpenCV to OpenCV with noise |")
    print("|---|---|---|---|---|---|---|---|")
    noise = np.random.RandomState(0)
    for folder in pairs:
        first, second = (f"{folder}/frame{i}.png" for i in (0, 1))
        a, b = grey(first), grey(second)
        peer = opencv(a, b)
        # As much as rounding in f32: how far two runs that should agree may be apart.
        noisy = [(image + 1e-5 * noise.randn(*image.shape)).astype(np.float32) / 255 for image in (a, b)]
        flows = []
        for preset in ("opencv", "ipol", "fast"):
            with tempfile.TemporaryDirectory() as temporary:
                marey(["flow", first, second, "-o", f"{temporary}/o.flo", "--preset", preset])
                flows.append(flo(f"{temporary}/o.flo"))
        cells = ["", "", "", "", ""]
        if os.path.exists(f"{folder}/flow.flo"):
            truth = flo(f"{folder}/flow.flo")
            cells = [f"{end_point(flow, truth):.3f}" for flow in [*flows, peer, scikit(a, b)]]
        apart = [np.linalg.norm(flow - peer, axis=2).mean() for flow in (flows[0], opencv(*noisy))]
        cells += [f"{pixels:.4f}" for pixels in apart]
        print(f"| {os.path.basename(folder)} | {' | '.join(cells)} |", flush=True)


def main():
    pairs = sorted(os.path.dirname(path) for path in glob.glob(f"{sys.argv[1]}/*/frame0.png"))
    times(pairs)
    errors(pairs)
    print(f"\nOpenCV {cv2.__version__}, scikit-image {skimage.__version__}.")


if __name__ == "__main__":
    main()
