"""The web server of a lab: moto's application behind the gateway, and the lab's own requests."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import moto.ec2.urls
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from goldsmith.errors import EnvironmentFault
from goldsmith.lab.client import REGION
from goldsmith.lab.cloud import Cloud
from goldsmith.lab.ec2.common import LabResponse
from goldsmith.lab.ec2.response import LabEC2
from goldsmith.lab.engine import Engine
from goldsmith.lab.faults import Fault
from goldsmith.lab.gateway import Gateway
from goldsmith.lab.metadata import Metadata
from goldsmith.lab.recorder import Recorder


class _Handler(MotoRequestHandler):
    """Keeps the server's log for what the lab has to tell."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of a request that was answered."""


def _create(service: str) -> Any:
    """Return the application of a service, which is loaded when it is first called."""
    if service == "ssm":
        import moto.ssm.urls  # noqa: PLC0415

        from goldsmith.lab.ssm import LabSSM  # noqa: PLC0415

        moto.ssm.urls.url_paths["{0}/$"] = LabSSM.dispatch
    if service == "ebs":
        import moto.ebs.urls  # noqa: PLC0415

        from goldsmith.lab.ebs import LabEBS  # noqa: PLC0415

        paths = moto.ebs.urls.url_paths
        paths.update(dict.fromkeys(paths, LabEBS.dispatch))
    return create_backend_app(service)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        raise EnvironmentFault(f"port {port} cannot be had: {error.strerror}", "Choose another one.") from error


class Application:
    """A lab's web server.

    Args:
        client: Client of the Docker engine.
        engine: The lab's share of it.
        recorder: Takes the calls.
        directory: The lab's directory.
        options: ``delays``: seconds by what takes time; ``port``: 0 for any.

    Attributes:
        port: Port that it answers at.

    Raises:
        EnvironmentFault: The port is taken.
    """

    def __init__(
        self, client: Any, engine: Engine, recorder: Recorder, directory: Path, options: dict[str, Any]
    ) -> None:
        self._recorder = recorder
        self._cloud = Cloud(client, engine, directory, options.get("delays") or {})
        self._metadata = Metadata(self._cloud, engine.gateway)
        engine.metadata = self._metadata.address
        LabResponse.cloud = self._cloud
        moto.ec2.urls.url_paths["{0}/"] = LabEC2.dispatch
        self._moto = DomainDispatcherApplication(_create)
        gateway = Gateway(self._moto, recorder, self._control)
        listening = _listen(options.get("port") or 0)
        self.port: int = listening.getsockname()[1]
        self._server = make_server(
            "127.0.0.1", self.port, gateway, threaded=True, request_handler=_Handler, fd=listening.detach()
        )

    def serve(self) -> None:
        """Answer as long as the process runs."""
        threading.Thread(target=self._warm_up, name="warm up", daemon=True).start()
        self._server.serve_forever()

    def close(self) -> list[str]:
        """End all machines, and return what was removed from the engine."""
        return self._cloud.close()

    def _status(self) -> dict[str, Any]:
        with self._cloud.lock:
            instances = [
                {
                    "region": guest.instance.region_name,
                    "id": guest.instance.id,
                    "state": guest.instance.state,
                    "type": guest.instance.instance_type,
                    "image": guest.instance.image_id,
                    "address": guest.machine.address,
                    "user": guest.boot.user,
                }
                for guest in self._cloud.guests.values()
                if guest.instance.state != "terminated"
            ]
            backends = ec2_backends[DEFAULT_ACCOUNT_ID]
            images = [
                {"region": backend.region_name, "id": image.id, "state": image.state, "name": image.name}
                for backend in list(backends.values())
                for image in backend.amis.values()
                if image.owner_id == DEFAULT_ACCOUNT_ID
            ]
        return {"instances": instances, "images": images}

    def _warm_up(self) -> None:
        """Do what the first call would do, while the client is still being loaded."""
        with self._cloud.lock:
            LabResponse.prepare(ec2_backends[DEFAULT_ACCOUNT_ID][REGION])
        with self._moto.lock:
            self._moto.app_instances.setdefault("ec2", _create("ec2"))
        get_service_model("ec2")

    def _control(self, method: str, path: str, query: dict[str, str], document: Any) -> Any:  # noqa: PLR0911
        match method, path:
            case "GET", "calls":
                return self._recorder.calls()
            case "DELETE", "calls":
                return self._recorder.clear_calls()
            case "POST", "faults":
                return self._recorder.order(Fault.read(document))
            case "DELETE", "faults":
                return self._recorder.clear_faults()
            case "GET", "held":
                return self._recorder.wait_held(float(query.get("timeout", 0)))
            case "PUT", "delays":
                return self._cloud.delays.update({str(key): float(value) for key, value in document.items()})
            case "GET", "status":
                return self._status()
        raise LookupError(f"the lab has no {method} {path}")
