"""Runs the row set of real data: trained on a part of it, served through the topics, scored.

The folder of data holds one for each modality: `images/<class>/<file>`, `audio/<label>_*.wav`,
`behaviour/tmall_train.jsonl`, and `text/TREC.train.all` with `text/TREC.test.all`, lines of a
label and a question.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import orjson

from aimass_stream.config import load_settings
from aimass_stream.kafka.embedded import lease_broker
from benchmarks.bench import Bench
from benchmarks.served import audio, behaviour, images, text

MODALITIES = {
    "audio": audio.run,
    "behaviour": behaviour.run,
    "images": images.run,
    "text": text.run,
}


def run_served(bench: Bench) -> None:
    """Serve what there is data for, each once, whatever the rounds; the rest stays as it was."""
    if bench.data is None:
        print("Real data is left out; DATA=dir says where it is.", flush=True)
        return
    models = load_settings().models_folder
    if not models.is_dir():
        print(f"Real data is left out: {models} has no models; `make demo` trains them.")
        return
    path = bench.out / "served.json"
    results = orjson.loads(path.read_bytes()) if path.exists() else {}
    for name, run in MODALITIES.items():
        if not (bench.data / name).is_dir():
            print(f"{bench.data / name} does not exist; {name} is left out.", flush=True)
            continue
        # A broker of its own for each: its topics are empty and nobody else reads them.
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder)
            # The application's other pages need their models, too.
            shutil.copytree(models, state / "models")
            with lease_broker(state, say=print) as broker:
                results[name] = run(broker.url, state, bench.data / name)
        print(name, results[name], flush=True)
        bench.write("served", results)
