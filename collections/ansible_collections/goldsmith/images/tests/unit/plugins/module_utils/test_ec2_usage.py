# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What uses an image, in an account that is a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_usage import users


@dataclass
class Account:
    """Services that answer from tables.

    Attributes:
        instances: Images of instances, by the instance's id.
        templates: Images of the versions of launch templates, by the template's name.
        configurations: Images of launch configurations, by name.
        overrides: Images that auto scaling groups override their template with, by name.
        parameters: What SSM answers.
        refused: Operation that is refused.
    """

    instances: dict[str, str] = field(default_factory=dict)
    templates: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    configurations: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    refused: str = ""
    calls: list[str] = field(default_factory=list)

    def client(self, _service: str = "ec2") -> Any:
        return self

    def get_paginator(self, name: str) -> Any:
        def paginate(**arguments: Any) -> list[dict[str, Any]]:
            arguments.pop("PaginationConfig")
            self.calls.append(name)
            if name == self.refused:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)
            return [getattr(self, name)(**arguments)]

        return type("Paginator", (), {"paginate": staticmethod(paginate)})

    def describe_instances(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        wanted = {one["Name"]: one["Values"] for one in Filters}
        assert "terminated" not in wanted["instance-state-name"]
        found = [
            {"InstanceId": name, "ImageId": image}
            for name, image in self.instances.items()
            if image in wanted["image-id"]
        ]
        return {"Reservations": [{"Instances": [one]} for one in found]}

    def describe_launch_templates(self) -> dict[str, Any]:
        return {"LaunchTemplates": [{"LaunchTemplateId": f"lt-{name}"} for name in self.templates]}

    def describe_launch_template_versions(self, LaunchTemplateId: str) -> dict[str, Any]:  # noqa: N803
        name = LaunchTemplateId.removeprefix("lt-")
        return {
            "LaunchTemplateVersions": [
                {"LaunchTemplateName": name, "VersionNumber": number, "LaunchTemplateData": data}
                for number, data in enumerate(self.templates[name], 1)
            ]
        }

    def describe_launch_configurations(self) -> dict[str, Any]:
        found = [{"LaunchConfigurationName": name, "ImageId": image} for name, image in self.configurations.items()]
        return {"LaunchConfigurations": found}

    def describe_auto_scaling_groups(self) -> dict[str, Any]:
        groups: list[dict[str, Any]] = [{"AutoScalingGroupName": "plain"}]
        for name, image in self.overrides.items():
            template = {"Overrides": [{"InstanceType": "t3.small"}, {"ImageId": image}]}
            groups.append({"AutoScalingGroupName": name, "MixedInstancesPolicy": {"LaunchTemplate": template}})
        return {"AutoScalingGroups": groups}

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:  # noqa: N803
        assert 0 < len(Names) <= 10
        self.calls.append("get_parameters")
        bases = {name.rpartition(":")[0] if name.count(":") in (1, 6) else name for name in Names}
        return {"Parameters": [one for one in self.parameters if {one["Name"], one.get("ARN")} & bases]}


def used(account: Any, *images: str) -> dict[str, list[str]]:
    return users(account, images)


def test_nobody_is_asked_about_no_images() -> None:
    account = Account()
    assert used(account) == {}
    assert account.calls == []


def test_image_that_nothing_uses() -> None:
    account = Account({"i-1": "ami-2"}, {"web": [{"ImageId": "ami-2"}, {}]}, {"lc": "ami-2"}, {"asg": "ami-2"})
    assert used(account, "ami-1") == {"ami-1": []}


def test_everything_that_uses_an_image_is_named() -> None:
    account = Account(
        {"i-1": "ami-1", "i-2": "ami-1"},
        {"web": [{"ImageId": "ami-2"}, {"ImageId": "ami-1"}, {}], "db": [{"ImageId": "ami-1"}]},
        {"lc": "ami-1"},
        {"asg": "ami-1"},
    )
    assert used(account, "ami-1", "ami-2") == {
        "ami-1": [
            "instance i-1",
            "instance i-2",
            "launch template web version 2",
            "launch template db version 1",
            "launch configuration lc",
            "auto scaling group asg",
        ],
        "ami-2": ["launch template web version 1"],
    }


ARN = "arn:aws:ssm:eu-west-1:111122223333:parameter/web"


@pytest.mark.parametrize("name", ["/web", "/web:3", "/web:stable", ARN, f"{ARN}:3"])
def test_image_that_a_template_names_by_a_parameter_is_used(name: str) -> None:
    account = Account(templates={"web": [{"ImageId": f"resolve:ssm:{name}"}]})
    account.parameters = [
        {"Name": "/web", "ARN": ARN, "Value": "ami-1", "Selector": ":3"},
        {"Name": "/webserver", "Value": "ami-2"},
    ]
    assert used(account, "ami-1", "ami-2") == {"ami-1": ["launch template web version 1"], "ami-2": []}


def test_no_parameter_is_read_where_no_template_names_one() -> None:
    account = Account(templates={"web": [{"ImageId": "ami-1"}]})
    used(account, "ami-1")
    assert "get_parameters" not in account.calls


def test_many_parameters_are_read_in_parts() -> None:
    account = Account(templates={"web": [{"ImageId": f"resolve:ssm:/p{number}"} for number in range(25)]})
    account.parameters = [{"Name": f"/p{number}", "Value": f"ami-{number}"} for number in range(25)]
    found = used(account, *(f"ami-{number}" for number in range(25)))
    assert all(len(names) == 1 for names in found.values())
    assert account.calls.count("get_parameters") == 3


@pytest.mark.parametrize(
    "refused",
    [
        "describe_instances",
        "describe_launch_templates",
        "describe_launch_template_versions",
        "describe_launch_configurations",
        "describe_auto_scaling_groups",
    ],
)
def test_nothing_is_taken_for_unused_when_somebody_refuses_to_tell(refused: str) -> None:
    with pytest.raises(AwsFault, match="permission"):
        used(Account(templates={"web": [{}]}, refused=refused), "ami-1")
