#!/usr/bin/env python3
"""Kills a run of `xtask train` at random moments, again and again, and compares what it ends with to a run left alone.

    python tests/kills.py XTASK RECIPE FOLDER [--kills 50] [--least 0.15] [--most 0.6] [more arguments of train]
"""
import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("xtask")
parser.add_argument("recipe")
parser.add_argument("folder", type=Path)
parser.add_argument("--kills", type=int, default=50)
parser.add_argument("--least", type=float, default=0.15, help="seconds before a kill")
parser.add_argument("--most", type=float, default=0.6)
parser.add_argument("--seed", type=int, default=1)
args, more = parser.parse_known_args()

FILES = ["weights.safetensors", "scores.safetensors", "numbers.json", "confusion.svg", "report.html"]


def start(folder):
    command = [args.xtask, "train", args.recipe, "--out", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def results(folder):
    """The hash of each file, and the lines of metrics.jsonl without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    lines = [{key: line[key] for key in line if key not in ("seconds", "wait")} for line in lines]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES} | {"metrics.jsonl": lines}


random.seed(args.seed)
whole, killed = args.folder / "whole", args.folder / "killed"
for folder in (whole, killed):
    shutil.rmtree(folder, ignore_errors=True)
if start(whole).wait():
    sys.exit("the run that is left alone failed")
kills = 0
while True:
    process = start(killed)
    try:
        code = process.wait(random.uniform(args.least, args.most) if kills < args.kills else None)
        break
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        kills += 1
wanted, met = results(whole), results(killed)
for name in wanted:
    print(f"{name}: {'the same' if wanted[name] == met[name] else 'DIFFERS'}")
print(f"{kills} kills, {len(met['metrics.jsonl'])} steps, ended with {code}")
sys.exit(0 if code == 0 and wanted == met else 1)
