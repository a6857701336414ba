"""`python -m benchmarks.served --data DIR`: real data, through the topics, into one result file.

DIR holds a folder for each modality: `images/<class>/<file>`, and
`text/TREC.train.all` with `text/TREC.test.all`, lines of a label and a question.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import orjson

from aimass_stream.kafka.embedded import lease_broker
from benchmarks.served import audio, behaviour, images, text

MODALITIES = {
    "audio": audio.run,
    "behaviour": behaviour.run,
    "images": images.run,
    "text": text.run,
}


def main() -> None:
    """Parse the arguments and run what they name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.served", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument(
        "--models",
        type=Path,
        default=Path(".aimass/models"),
        help="a registry with the demo's models (%(default)s)",
    )
    parser.add_argument("--only", choices=sorted(MODALITIES), help="one; all if not given")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "served.json"
    results = orjson.loads(path.read_bytes()) if path.exists() else {}
    for name, run in MODALITIES.items():
        if options.only not in {None, name}:
            continue
        # A broker of its own for each: its topics are empty and nobody else reads them.
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder)
            # The application's other pages need their models, too.
            shutil.copytree(options.models, state / "models")
            with lease_broker(state, say=print) as broker:
                results[name] = run(broker.url, state, options.data / name)
        print(name, results[name])
        path.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
