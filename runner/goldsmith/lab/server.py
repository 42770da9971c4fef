"""The lab's server: ``python -m goldsmith.lab.server DIRECTORY OPTIONS`` runs until it is told to end.

It says on its standard output, in one line of JSON, that it is ready, or why it cannot be; all else goes to its log.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import secrets
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from goldsmith.errors import EnvironmentFault
from goldsmith.home import held
from goldsmith.lab.client import STATE
from goldsmith.lab.recorder import Recorder

log = logging.getLogger("goldsmith.lab")


def serve(directory: Path, options: dict[str, Any]) -> None:
    """Run a lab until SIGTERM, and leave nothing of it.

    Args:
        directory: The lab's directory; the lock in it is held by the caller.
        options: ``delays``: seconds by what takes time; ``port``: 0 for any; ``bound``: end with standard input.

    Raises:
        EnvironmentFault: There is no Docker engine, or it cannot be used.
    """
    from goldsmith.lab.engine import Engine, connect  # noqa: PLC0415  loads Docker

    client = connect()
    engine = Engine(client, secrets.token_hex(4))
    state = directory / STATE
    state.write_text(json.dumps({"id": engine.lab, "pid": os.getpid()}))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    try:
        with ThreadPoolExecutor() as pool:
            # Docker's part takes as long as loading moto.
            prepared = pool.submit(_prepare, client, engine)
            _prepare_moto()
            from goldsmith.lab.application import Application  # noqa: PLC0415  loads moto

            prepared.result()
        recorder = Recorder()
        application = Application(client, engine, recorder, directory, options)
        endpoint = f"http://127.0.0.1:{application.port}"
        state.write_text(json.dumps({"id": engine.lab, "pid": os.getpid(), "endpoint": endpoint}))
        threading.Thread(target=application.serve, name="api", daemon=True).start()
        if options.get("bound"):
            threading.Thread(target=_end_with_input, args=(ended,), name="parent", daemon=True).start()
        _say({"endpoint": endpoint, "id": engine.lab})
        ended.wait()
        _tell(application.close())
    finally:
        _tell(engine.remove_all())
        state.unlink()


def _tell(removed: list[str]) -> None:
    for what in removed:
        log.info("removed %s", what)


def _prepare_moto() -> None:
    """Set what moto reads when it is loaded."""
    from botocore.loaders import JSONFileLoader  # noqa: PLC0415  loads botocore

    # AWS's own images would be listed, each with a snapshot, in every region.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    # Pages of other origins have no business here.
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    # moto reads the description of EC2 once for each part of the world, a sixth of a second each time.
    load = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _self, file_path: load(file_path)  # type: ignore[method-assign, assignment]


def _prepare(client: Any, engine: Any) -> None:
    from goldsmith.lab.bases import BASES, is_made, make  # noqa: PLC0415  loads Docker

    engine.prepare()
    first = BASES[0]
    if not is_made(client.api, first.reference):
        make(client, first, first.reference)


def _end_with_input(ended: threading.Event) -> None:
    """End when the process at the other end of standard input does."""
    while os.read(0, 4096):
        pass
    ended.set()


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
    # Whoever started the lab may go on without it.
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)


def main() -> None:
    """Run the server that the command line asks for."""
    directory, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(threadName)s: %(message)s")
    try:
        with held(directory):
            serve(directory, options)
            # Nothing is to be saved, and Python would take half a second to forget all that it has loaded.
            logging.shutdown()
            os._exit(0)
    except EnvironmentFault as fault:
        _say({"fault": fault.message, "hint": fault.hint})
        sys.exit(fault.exit_code)
    except ImportError as error:
        _say({"fault": f"the lab needs {error.name}, which is not installed", "hint": "pip install 'goldsmith[lab]'"})
        sys.exit(EnvironmentFault.exit_code)


if __name__ == "__main__":
    main()
