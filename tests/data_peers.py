"""Loading beside decord, PyAV and OpenCV, in one run: clips of the same videos, resized, cropped and brought to [-1, 1], a second.

    python tests/data_peers.py FOLDER [VIDEOS]

FOLDER has videos as CLASS/video, of which the first VIDEOS (all by default) are taken. Needs
opencv-python-headless and a built xtask (MAREY_XTASK, or `cargo xtask`); decord and av where they can be had, and imageio-ffmpeg for
a row of marey with its ffmpeg, which is linked statically: what is missing is left out, and said so. Everything runs on two threads. A clip is 16
frames, two apart, from a random place; the shorter side becomes 128 pixels, the crop is 112 x 112.
"""
import importlib
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

XTASK = shlex.split(os.environ.get("MAREY_XTASK", "cargo xtask"))
FRAMES, STRIDE, SIDE, CROP, THREADS, BATCH = 16, 2, 128, 112, 2, 8
SPAN = FRAMES * STRIDE - STRIDE + 1


def optional(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"left out: {name}: {error}", file=sys.stderr)


av, decord = optional("av"), optional("decord")
cv2.setNumThreads(1)


def window(frames):
    """As many frames as a clip has, from a random place; short videos begin again at their end."""
    first = random.randint(0, max(0, frames - SPAN))
    return [(first + i * STRIDE) % frames for i in range(FRAMES)]


def clip(frames):
    h, w = frames[0].shape[:2]
    size = (w * SIDE // min(h, w), h * SIDE // min(h, w))
    if (w, h) != size:
        frames = [cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in frames]
    top, left = random.randint(0, size[1] - CROP), random.randint(0, size[0] - CROP)
    clip = np.stack([frame[top:top + CROP, left:left + CROP] for frame in frames])
    return np.ascontiguousarray(clip.transpose(3, 0, 1, 2), np.float32) / 127.5 - 1


def by_decord(path):
    video = decord.VideoReader(path, num_threads=1)
    return list(video.get_batch(window(len(video))).asnumpy())


def by_av(path):
    with av.open(path) as file:
        stream = file.streams.video[0]
        stream.codec_context.thread_count = 1
        wanted, frames = window(stream.frames), {}
        for i, frame in enumerate(file.decode(stream)):
            if i in wanted:
                frames[i] = frame.to_ndarray(format="rgb24")
            if i >= max(wanted):
                break
    return [frames[i] for i in wanted]


def by_opencv(path):
    video = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    wanted, frames = window(int(video.get(cv2.CAP_PROP_FRAME_COUNT))), {}
    for i in range(max(wanted) + 1):
        video.grab()
        if i in wanted:
            frames[i] = cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB)
    return [frames[i] for i in wanted]


def by_images(folder):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".jpg"))
    read = lambda i: cv2.cvtColor(cv2.imread(f"{folder}/{names[i]}"), cv2.COLOR_BGR2RGB)
    return [read(i) for i in window(len(names))]


def peer(decode, paths, epochs=1):
    """Clips a second, in batches; the first few are not timed."""
    batches = [paths[i:i + BATCH] for i in range(0, len(paths), BATCH)] * epochs
    with ThreadPoolExecutor(THREADS) as pool:
        one = lambda path: clip(decode(path))
        list(pool.map(one, batches[0]))
        start = time.perf_counter()
        for batch in batches:
            np.stack(list(pool.map(one, batch)))
        return epochs * len(paths) / (time.perf_counter() - start)


def marey(*command, path=None):
    variables = dict(os.environ)
    if path:
        variables["PATH"] = path + os.pathsep + variables["PATH"]
    sizes = ["--frames", FRAMES, "--stride", STRIDE, "--side", SIDE, "--crop", CROP, "--batch", BATCH]
    sizes = [] if command[0] == "data" else [str(word) for word in sizes]
    ran = subprocess.run([*XTASK, *command, *sizes, "--threads", str(THREADS), "--json"],
                         stdout=subprocess.PIPE, text=True, check=True, env=variables)
    return json.loads(ran.stdout)


def table(title, ours, theirs):
    best = max(theirs.values())
    print(f"\n| {title} | clips/s | marey / it |\n|---|---|---|")
    for name, rate in ours.items():
        print(f"| marey, {name} | {rate:.1f} | of the fastest other: {rate / best:.2f} |")
    for name, rate in theirs.items():
        print(f"| {name} | {rate:.1f} | {next(iter(ours.values())) / rate:.2f} |")


def main(folder, count=None):
    random.seed(1)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = f"{temporary}/cache"
        classes = [e for e in sorted(os.listdir(folder)) if os.path.isdir(f"{folder}/{e}")]
        paths = [f"{c}/{v}" for c in classes for v in sorted(os.listdir(f"{folder}/{c}"))]
        random.shuffle(paths)
        paths = paths[:count]
        for path in paths:
            os.makedirs(f"{temporary}/set/{os.path.dirname(path)}", exist_ok=True)
            os.symlink(os.path.abspath(f"{folder}/{path}"), f"{temporary}/set/{path}")
        root = ["--root", f"{temporary}/set", "--split", "0"]
        rate = lambda *words, **more: marey("bench", "data", *words, **more)["clips_per_second"]
        for form in ("folders", "shards"):
            made = marey("data", "prepare", "classes", *root, "--out", f"{temporary}/{form}", "--format", form,
                         "--size", str(SIDE), "--strict")
            print(f"{form}: {made['made']} videos, {made['frames']} frames, in {made['seconds']:.0f} s", file=sys.stderr)

        files = [f"{temporary}/set/{path}" for path in paths]
        ours = {f"`{shutil.which('ffmpeg')}`": rate("classes", *root)}
        if static := optional("imageio_ffmpeg"):
            os.makedirs(f"{temporary}/bin")
            os.symlink(static.get_ffmpeg_exe(), f"{temporary}/bin/ffmpeg")
            ours["ffmpeg linked statically"] = rate("classes", *root, path=f"{temporary}/bin")
        decoders = [("decord", decord, by_decord), ("PyAV", av, by_av), ("OpenCV", cv2, by_opencv)]
        table("videos", ours, {f"{name} {module.__version__}": peer(decode, files)
                               for name, module, decode in decoders if module})

        folders = [f"{temporary}/folders/{os.path.splitext(path)[0]}" for path in paths]
        ours = {"folders": rate("list", "--root", f"{temporary}/folders", "--epochs", "5"),
                "shards": rate("shards", "--root", f"{temporary}/shards", "--epochs", "5")}
        table("prepared, 128 pixels", ours, {f"OpenCV {cv2.__version__}, folders": peer(by_images, folders, 5)})


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
