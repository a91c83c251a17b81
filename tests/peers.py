"""Times networks beside PyTorch, ONNX Runtime and tract, in turns in one run, and prints the table of docs/performance.md.

    cargo build --release -p xtask && python tests/peers.py [--train] [--rounds N] [MODEL..]

needs torch, torchvision and safetensors; onnx, onnxscript and onnxruntime, and tract, where these are to be timed too. All
are given two threads but tract, which has one. Times are medians in milliseconds, of one clip; a peer that cannot run a
network has the reason below the table.
"""
import argparse, importlib.metadata, json, pathlib, statistics, subprocess, sys, tempfile, time, warnings
warnings.filterwarnings("ignore")
import torch

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here / "golden"))
import make

make.CLASSES = 101
SIZES = {name: (16, 112) for name in ("c3d", "r3d-18", "mc3-18", "r2plus1d-18")}
SIZES |= {"s3d": (16, 224), "i3d": (16, 224), "ir-csn-50": (8, 224), "ip-csn-50": (8, 224)}
COLUMNS = ["marey", "contiguous", "channels-last", "compiled", "ONNX Runtime", "tract"]
THREADS = 2


def marey(name, frames, size, train):
    command = [here.parent / "target/release/xtask", "bench", "model", name, "--frames", str(frames), "--size", str(size),
               "--threads", str(THREADS), "--runs", "5", "--json"] + ["--train"] * train
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["median_ms"]


class Logits(torch.nn.Module):
    """The first of what a network gives."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)[0]


def build(name):
    net = make.C3d(1 * 4 * 4) if name == "c3d" else make.MODELS[name][0]()
    # torchvision's own gives logits alone, and has no hook that a compiler would stop at.
    return net.net if isinstance(net, make.Torchvision) else Logits(net)


def in_torch(name, clip, way, train):
    net = build(name).train(train)
    if way != "contiguous":
        net, clip = net.to(memory_format=torch.channels_last_3d), clip.to(memory_format=torch.channels_last_3d)
    if way == "compiled":
        from torch._inductor import config
        config.freezing = True
        net = torch.compile(net)

    def step():
        if train:
            net.zero_grad(set_to_none=True)
            net(clip).sum().backward()
        else:
            with torch.no_grad():
                net(clip)
    return step


def in_onnx(name, clip, way, folder):
    path = f"{folder}/{name}.onnx"
    if not pathlib.Path(path).is_file():
        with torch.no_grad():
            torch.onnx.export(build(name).eval(), (clip,), path, dynamo=True, external_data=False, verbose=False)
    if way == "tract":
        import tract
        net = tract.onnx().load(path).into_model().into_runnable()
        return lambda: net.run([clip.numpy()])
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: clip.numpy()}
    return lambda: session.run(None, inputs)


def timed(step, runs=5):
    step()
    ms = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        ms.append(1e3 * (time.perf_counter() - start))
    return statistics.median(ms)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("models", nargs="*", default=list(SIZES))
    args.add_argument("--train", action="store_true")
    args.add_argument("--rounds", type=int, default=2)
    args = args.parse_args()
    torch.set_num_threads(THREADS)
    columns = COLUMNS[:3] if args.train else COLUMNS
    print(f"| network, clip | {' | '.join(columns)} | best peer / marey |")
    print("|---" * (len(columns) + 2) + "|")
    reasons = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models:
            frames, size = SIZES[name]
            clip = torch.randn(1, 3, frames, size, size)
            peers, times = {}, {column: [] for column in columns}
            for way in columns[1:]:
                try:
                    onnx = way in ("ONNX Runtime", "tract")
                    step = in_onnx(name, clip, way, folder) if onnx else in_torch(name, clip, way, args.train)
                    step()
                    peers[way] = step
                except Exception as error:
                    reasons.append(f"{name} in {way}: {type(error).__name__}: {' '.join(str(error).split())[:160]}")
            for _ in range(args.rounds):
                times["marey"].append(marey(name, frames, size, args.train))
                for way, step in peers.items():
                    times[way].append(timed(step))
            best = {way: min(ms) for way, ms in times.items() if ms}
            ratio = min(ms for way, ms in best.items() if way != "marey") / best["marey"]
            cells = [f"{best[way]:.0f}" if way in best else "-" for way in columns]
            print(f"| {name} {frames}x{size} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)
    print()
    for reason in reasons:
        print(reason)
    versions = []
    for package in ("torch", "torchvision", "onnxruntime", "tract"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    print(", ".join(versions))


if __name__ == "__main__":
    main()
