"""The software bill of materials of an image: CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from goldsmith.evidence.licenses import licenses
from goldsmith.result import Artifact, BuildResult, Library, Package

MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.6"

_NAMESPACE = uuid.UUID("6e0a5c1e-6f0e-5d2b-9a55-0d6b1f6c7a10")
"""Serial numbers are UUIDs of version 5 (RFC 9562) of the build's id in this namespace."""

_VENDORS = {"rhel": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse"}
"""Namespaces of package URLs that are another word than os-release's ID."""

_ALGORITHMS = {
    "md5": HashAlgorithm.MD5,
    "sha1": HashAlgorithm.SHA_1,
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}


def sbom(result: BuildResult, artifact: Artifact, tools: Mapping[str, str]) -> str:
    """Return the SBOM of an image. The same build gives the same text.

    A hash stands only where the archive that a component was installed from is known by it: distributions' packages
    leave none on a disk.

    Args:
        result: The build.
        artifact: What it made.
        tools: Versions of what built it.
    """
    image = _image(result, artifact)
    components = [*_system(result), *(_package(package, result) for package in result.packages)]
    components += [_library(library) for library in result.software.libraries]
    metadata = BomMetaData(
        timestamp=result.finished,
        tools=ToolRepository(
            components=[
                Component(type=ComponentType.APPLICATION, name=name, version=version, bom_ref=f"tool:{name}")
                for name, version in sorted(tools.items())
            ]
        ),
        component=image,
        lifecycles=[PredefinedLifecycle(phase=LifecyclePhase.POST_BUILD)],
        properties=_properties(_looked_at(result)),
    )
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, result.build), metadata=metadata, components=components)
    bom.register_dependency(image, components)
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text + "\n"


def _image(result: BuildResult, artifact: Artifact) -> Component:
    """Return the image itself. A container image's id is a digest of its configuration and not of a file: no hash."""
    container = artifact.type == "docker"
    return Component(
        type=ComponentType.CONTAINER if container else ComponentType.OPERATING_SYSTEM,
        name=result.name,
        version=result.version,
        bom_ref=artifact.id,
        purl=_oci(artifact) if container else None,
        properties=_properties(
            {
                "goldsmith:artifact": artifact.id,
                "goldsmith:build": result.build,
                "goldsmith:platform": result.platform,
                "goldsmith:target": result.target,
            }
        ),
    )


def _oci(artifact: Artifact) -> PackageURL | None:
    """Return the package URL of an image that was pushed."""
    for reference, digest in sorted(artifact.digests.items()):
        repository, _, tag = reference.rpartition(":")
        if repository and "/" not in tag:
            name = repository.rpartition("/")[2].lower()
            return _url("oci", "", name, digest, {"repository_url": repository, "tag": tag})
    return None


def _looked_at(result: BuildResult) -> dict[str, str]:
    """Say where the list is from: an image without a package database has an empty list for another reason."""
    databases = result.software.databases
    found = {"goldsmith:package-databases": " ".join(databases) or "none"}
    if not databases:
        found["goldsmith:note"] = (
            "The image has no package database that is known: what was put into it as plain files, and tells nothing "
            "of itself, is not in this list."
        )
    return found


def _system(result: BuildResult) -> Iterator[Component]:
    os = result.software.os
    if os.get("ID"):
        version = os.get("VERSION_ID")
        yield Component(
            type=ComponentType.OPERATING_SYSTEM,
            name=os["ID"],
            version=version,
            description=os.get("PRETTY_NAME"),
            bom_ref=f"os:{os['ID']}" + (f"@{version}" if version else ""),
        )


def _package(package: Package, result: BuildResult) -> Component:
    purl = package_url(package, result.software.os)
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=_reference(purl, package.type, package.name, package.version, package.arch),
        licenses=licenses(result.software.licenses.get(f"{package.type} {package.name}", ())),
    )


def _reference(purl: PackageURL | None, *parts: str) -> str:
    """Return by what the SBOM itself knows a component: the package URL, or what there is in place of one."""
    return purl.to_string() if purl else ":".join(parts)


def _url(kind: str, namespace: str, name: str, version: str, qualifiers: Mapping[str, str]) -> PackageURL | None:
    """Return a package URL; None where a name, as somebody's metadata have it, makes none."""
    given = {key: value for key, value in qualifiers.items() if value.strip()}
    try:
        return PackageURL(kind, namespace.strip() or None, name.strip(), version.strip() or None, given)
    except ValueError:
        return None


def package_url(package: Package, os: Mapping[str, str]) -> PackageURL | None:
    """Return the package URL of a distribution's package.

    Source: https://github.com/package-url/purl-spec, types ``deb``, ``rpm``, ``apk``; ``upstream`` as Syft writes it.

    Args:
        package: The package.
        os: The variables of os-release(5).
    """
    system = os.get("ID", "")
    release = os.get("VERSION_ID") or os.get("VERSION_CODENAME", "")
    epoch, colon, version = package.version.rpartition(":")
    rpm = package.type == "rpm"
    qualifiers = {
        "arch": package.arch,
        "distro": f"{system}-{release}" if system and release else system,
        "epoch": epoch if rpm and colon else "",
        "upstream": _upstream(package),
    }
    return _url(
        package.type,
        _VENDORS.get(system, system),
        package.name,
        version if rpm else package.version,
        qualifiers,
    )


def _upstream(package: Package) -> str:
    """Return the source package where it is not what the package's name and version say already."""
    if package.type == "rpm":
        version = package.source_version.rpartition(":")[2]
        return f"{package.source}-{version}.src.rpm" if package.source else ""
    if package.source in ("", package.name) and package.source_version in ("", package.version):
        return ""
    name = package.source or package.name
    return name if package.source_version in ("", package.version) else f"{name}@{package.source_version}"


def _library(library: Library) -> Component:
    namespace, _, name = library.name.rpartition("/")
    version = "" if library.version == "(devel)" else library.version
    purl = _url(library.type, namespace, name, version, {})
    hashes = [
        HashType(alg=_ALGORITHMS[name], content=value) for name, value in library.hashes.items() if name in _ALGORITHMS
    ]
    return Component(
        type=ComponentType.LIBRARY,
        name=purl.name if purl else library.name,
        group=purl.namespace if purl else None,
        version=library.version,
        purl=purl,
        bom_ref=f"{_reference(purl, library.type, library.name, library.version)}#{library.path}",
        licenses=licenses(library.licenses),
        hashes=hashes,
        properties=_properties({"goldsmith:go-sum": f"h1:{library.hashes['h1']}"} if "h1" in library.hashes else {}),
        evidence=ComponentEvidence(occurrences=[Occurrence(location=library.path)]),
    )


def _properties(values: Mapping[str, str]) -> Iterable[Property]:
    return [Property(name=name, value=value) for name, value in values.items()]
