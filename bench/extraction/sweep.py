#!/usr/bin/env python3
"""Cost and memory of extraction over growing numbers of short rows, with a tiny model: both must grow at most linearly.

    python bench/extraction/sweep.py --bin build/release/bin [--rows 1000,10000,100000]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rows", default="1000,10000,100000")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print("| rows | tokens | wall s | processor s | processor us a token | peak MiB | after loading |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for rows in options.rows.split(","):
            subprocess.run([sys.executable, HERE / "make_model.py", "--shape", "tiny", "--lengths", "10-60",
                            "--n_sequences", rows, "--out", folder], check=True, stdout=subprocess.DEVNULL)
            done = subprocess.run([options.bin / "extraction_bench", folder, "--threads", str(options.threads)], check=True,
                                  stdout=subprocess.PIPE, text=True)
            r = json.loads(done.stdout.strip().splitlines()[-1])
            print(f"| {rows} | {r['tokens']} | {r['seconds']:.2f} | {r['cpu_seconds']:.2f} | "
                  f"{1e6 * r['cpu_seconds'] / r['tokens']:.2f} | {r['peak_rss_mib']} | {r['load_peak_rss_mib']} |", flush=True)


if __name__ == "__main__":
    main()
