"""Builds images: plans each build when what it stands on is there, runs its project, records how it ended."""

from __future__ import annotations

import contextlib
import secrets as random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from goldsmith import fast, home, layers, places, project
from goldsmith.attempt import CANCELLED, PUBLISHED_PHASES, Attempt
from goldsmith.errors import GoldsmithError, InputError
from goldsmith.events import Event
from goldsmith.layers import CacheLayer
from goldsmith.plan import Parent, Plan, parent_name
from goldsmith.planning import assembled, cache_layers, caches, given, planned, search_path, tools, went_in
from goldsmith.progress import Reporter
from goldsmith.registry import Registry, Version
from goldsmith.result import BuildResult, Failure
from goldsmith.run import Run, run
from goldsmith.spec import Build, LoadedSpec, Mask, fingerprint, resolve
from goldsmith.sweep import RESULT, left_behind, sweep

if TYPE_CHECKING:
    from goldsmith.evidence.signing import Signer

LOG = "ansible.log"


@dataclass(frozen=True)
class Options:
    """What a user chooses for a run of builds.

    Attributes:
        jobs: Builds that run at the same time.
        on_error: What becomes of the machine of a build that failed.
        debug: Pause between phases and layers.
        verbosity: Number of ``-v`` for Ansible.
        indexes: SHA-256 of archives' signed indexes by address, as they were just before, by label of the build.
        cache: Whether layers are taken from the layer cache.
        uncached_from: Layer, by name or number, from which on they are not; empty for none.
    """

    jobs: int = 1
    on_error: Literal["cleanup", "keep", "ask"] = "cleanup"
    debug: bool = False
    verbosity: int = 0
    indexes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cache: bool = True
    uncached_from: str = ""


@dataclass(frozen=True)
class Done:
    """A build that has ended.

    Attributes:
        label: Label of the build.
        result: How it ended.
        directory: Holds its log, its result and its manifest.
        exit_code: What a program that ran only this build would end with.
    """

    label: str
    result: BuildResult
    directory: Path
    exit_code: int


def signer() -> Signer | None:
    """Return what signs the provenance of builds, see `goldsmith.evidence.signing.signer`."""
    from goldsmith.evidence import signing  # noqa: PLC0415  other commands need not load it

    return signing.signer()


class BuildRun:
    """One invocation: several builds, side by side where they do not stand on each other.

    Args:
        root: Goldsmith's home.
        registry: Where builds are recorded.
        reporter: Is told what happens.
        options: What the user chooses.
        cancelled: Says whether the user wants everything to end.
    """

    def __init__(
        self, root: Path, registry: Registry, reporter: Reporter, options: Options, cancelled: Callable[[], bool]
    ) -> None:
        self.root = root
        self.registry = registry
        self.reporter = reporter
        self.options = options
        self.cancelled = cancelled
        self._versions: dict[str, Version] = {}
        self._fingerprints: dict[str, str] = {}
        self._signer: Signer | None = None

    def run(self, builds: Sequence[Build]) -> list[Done]:
        """Run the builds, those that others start from first, and return how they ended, in the order given.

        Raises:
            InputError: A role is unknown, a secret is missing, the signing key cannot be used, two builds are the same,
                or builds start from each other in a circle.
            EnvironmentFault: What a target needs on this machine is missing.
        """
        waiting = _order(builds)
        among = {label for label, (_, parent) in waiting.items() if parent}
        known = [planned(build, "0", self.registry, require_parent=build.label not in among) for build in builds]
        layers.check_name(self.options.uncached_from, (layer.name for one in known for layer in one.layers))
        for target in {build.target.name: build.target for build in builds}.values():
            target.require()
        self._signer = signer()
        secrets = {build.loaded.spec.name: resolve(build.loaded.spec) for build in builds}
        for build in builds:
            self._version(build.loaded)
        done: dict[str, Done] = {}
        running: dict[Future[Done], str] = {}
        with ThreadPoolExecutor(max_workers=self.options.jobs, thread_name_prefix="build") as pool:
            while waiting or running:
                for label, (build, parent) in list(waiting.items()):
                    if parent is None or parent in done:
                        del waiting[label]
                        base = done[parent] if parent else None
                        running[pool.submit(self._build, build, secrets[build.loaded.spec.name], base)] = label
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done[running.pop(future)] = future.result()
        return [done[build.label] for build in builds]

    def _version(self, loaded: LoadedSpec) -> Version:
        """Return the version that all builds of a spec in this invocation share."""
        spec = loaded.spec
        if spec.name not in self._versions:
            self._fingerprints[spec.name] = fingerprint(loaded)
            self._versions[spec.name] = self.registry.new_version(
                spec.name, self._fingerprints[spec.name], spec.version
            )
        return self._versions[spec.name]

    def _build(self, build: Build, secrets: Mapping[str, str], base: Done | None) -> Done:
        """Run one build from its plan to its record."""
        build_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{random.token_hex(4)}"
        recorded = self._version(build.loaded)
        directory = home.build_directory(self.root, build_id)
        attempt = Attempt(build, build_id, recorded.label, directory, datetime.now(UTC))
        with home.held(directory):
            places.note(places.place_of(build, recorded.label, output=directory), directory)
            ingredients = self._ingredients(build, recorded.label)
            self.registry.start_build(
                recorded,
                build_id,
                platform=build.platform,
                target=build.target.name,
                spec=build.loaded.path.resolve(),  # a plan may be asked for from elsewhere
                parameters=build.loaded.spec.parameters,
                secrets=sorted(secrets),
                tools=tools() | fast.tools(),
                ingredients=ingredients,
                log=directory / LOG,
            )
            self.reporter.event(Event("started", build.label, name=build_id))
            with ThreadPoolExecutor(max_workers=1, thread_name_prefix="evidence") as aside:
                inputs = aside.submit(given, build.loaded, ingredients)
                done, parent = self._outcome(attempt, secrets, base)
            self.registry.finish_build(build_id, done.result, parent.artifact if parent else None)
            from goldsmith.record import record  # noqa: PLC0415  see `given`

            record(directory, build.loaded, done.result, self.registry, given=inputs.result(), signer=self._signer)
        self.reporter.event(finished(done))
        return done

    def _ingredients(self, build: Build, version: str) -> dict[str, str] | None:
        """Return what goes in; None where a file cannot be read, which the build itself will tell."""
        with contextlib.suppress(GoldsmithError):
            seen = self.options.indexes.get(build.label, {})
            found = went_in(planned(build, version, self.registry, require_parent=False))
            return found | {f"index:{url}": digest for url, digest in seen.items()}
        return None

    def _outcome(self, attempt: Attempt, secrets: Mapping[str, str], base: Done | None) -> tuple[Done, Parent | None]:
        """Plan and run a build; say how it ended, whatever went wrong, and what it started from."""
        mask = Mask(secrets.values())
        parent: Parent | None = None
        try:
            if base and not base.result.built:
                raise GoldsmithError(f"its base {base.label} was not built")
            if self.cancelled():
                raise GoldsmithError(CANCELLED)
            planned_build = planned(attempt.build, attempt.version, self.registry)
            parent = planned_build.parent
            if parent and parent.note:
                self.reporter.event(Event("note", attempt.build.label, message=parent.note))
            result = self._attempt(attempt, planned_build, secrets, mask)
            exit_code = 0 if result.built else GoldsmithError.exit_code
        except GoldsmithError as error:
            exit_code, message = error.exit_code, mask.text(str(error))
            result = attempt.failed(Failure(message=message))
            self.reporter.event(Event("failure", attempt.build.label, message=message))
        return Done(attempt.build.label, result, attempt.directory, exit_code), parent

    def _attempt(self, attempt: Attempt, planned_build: Plan, secrets: Mapping[str, str], mask: Mask) -> BuildResult:
        """Run the project of a plan, and clean up after it when it could not do so itself."""
        cached = self._cached(planned_build)
        with home.private_directory(attempt.build_id, secret=bool(secrets)) as private:
            written = assembled(planned_build, debug=self.options.debug, cached=bool(cached))
            project.write(written, private / "project", link=True)
            job = Run(
                build_id=attempt.build_id,
                label=attempt.build.label,
                private=private,
                playbook=project.PLAYBOOK,
                variables=self._variables(attempt, private)
                | ({"goldsmith_cache": [asdict(layer) for layer in cached]} if cached else {}),
                log=attempt.directory / LOG,
                verbosity=self.options.verbosity,
                environment={
                    "ANSIBLE_COLLECTIONS_PATH": ":".join(map(str, search_path(attempt.build.loaded).collections)),
                    **fast.environment(),
                },
            )
            outcome = run(
                job,
                secrets,
                mask,
                on_event=partial(self._on_event, private),
                on_output=self.reporter.output,
                cancelled=self.cancelled,
            )
            result_file = private / RESULT
            result = attempt.read(outcome, result_file, mask)
            ended_in_order = result_file.exists() and not outcome.cancelled
        asked = result.kept and self.options.on_error == "ask"
        if not ended_in_order or (asked and not self._keeps(attempt)):
            place = places.place_of(attempt.build, attempt.version, output=attempt.directory)
            report = sweep([attempt.build_id], [place], attempt.directory)
            return swept(result, report)
        return result

    def _cached(self, planned_build: Plan) -> list[CacheLayer]:
        """Return what the layers are made from; none where none of them can be in a layer cache."""
        if not caches(planned_build):
            return []
        options = self.options
        return layers.refreshed(cache_layers(planned_build), everything=not options.cache, start=options.uncached_from)

    def _variables(self, attempt: Attempt, private: Path) -> dict[str, Any]:
        keep = self.options.on_error != "cleanup"
        variables = {
            "goldsmith_build_id": attempt.build_id,
            "goldsmith_output": str(attempt.directory),
            "goldsmith_result": str(private / RESULT),
            "goldsmith_on_error": "keep" if keep else "cleanup",
            "goldsmith_marks": {
                "fingerprint": self._fingerprints[attempt.build.loaded.spec.name],
                **({"signed-by": self._signer.key_id} if self._signer else {}),
            },
        }
        return variables | ({"goldsmith_debug": str(private)} if self.options.debug else {})

    def _on_event(self, private: Path, event: Event) -> None:
        """Pass an event on; where the run pauses, ask before it goes on."""
        self.reporter.event(event)
        if event.kind == "pause":
            self.reporter.ask(
                f"{event.build} pauses after {event.name}. Enter it: goldsmith shell {event.build}. Go on with Return."
            )
            (private / event.name).touch()

    def _keeps(self, attempt: Attempt) -> bool:
        return self.reporter.ask(f"{attempt.build.label} failed. Keep its machine? [y/N]").lower().startswith("y")


def swept(result: BuildResult, report: Mapping[str, Any]) -> BuildResult:
    """Return the result of a build after a sweep, which leaves an image only when it is a good one.

    Args:
        result: What the build ended with.
        report: What `sweep` returned.
    """
    failure = result.failure or Failure()
    if left := left_behind(report, result.build):
        failure = replace(failure, message=f"{failure.message}; {left}")
    artifact = result.artifact if failure.phase in PUBLISHED_PHASES else None
    if artifact and (not artifact.tags or artifact.id in {thing["id"] for thing in report["removed"]}):
        artifact = None
    return replace(result, kept=False, failure=failure, artifact=artifact)


def _order(builds: Sequence[Build]) -> dict[str, tuple[Build, str | None]]:
    """Return the builds by label, each with the label of the one among them that it starts from."""
    labels = [build.label for build in builds]
    if doubled := next((label for label in labels if labels.count(label) > 1), None):
        raise InputError(f"{doubled} is asked for twice", "Give the two specs different names.")
    waiting: dict[str, tuple[Build, str | None]] = {}
    for build in builds:
        name = parent_name(build)
        parent = f"{name}/{build.platform}/{build.target.parent_target}" if name else None
        waiting[build.label] = (build, parent if parent in labels else None)
    for label in waiting:
        chain, parent = [label], waiting[label][1]
        while parent is not None:
            if parent in chain:
                raise InputError(f"builds start from each other: {' -> '.join([*chain, parent])}")
            chain.append(parent)
            parent = waiting[parent][1]
    return waiting


def finished(done: Done) -> Event:
    """Return the event that tells how a build ended."""
    result = done.result
    if result.built and result.artifact:
        seconds = sum(result.phases.values())
        message = f"built in {seconds:.1f} s: {', '.join(result.artifact.tags) or result.artifact.id}"
    else:
        message = f"failed; Ansible's log: {done.directory / LOG}"
    return Event("finished", done.label, name=result.build, message=message, data={"status": result.status})
