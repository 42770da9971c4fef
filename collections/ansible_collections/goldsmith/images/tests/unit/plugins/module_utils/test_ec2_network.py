# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network around a machine: which subnets, which addresses are let in."""

from __future__ import annotations

import http.server
import ipaddress
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils import _ec2_network
from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_network import (
    caller,
    let_in,
    make_group,
    only,
    permissions,
    subnets,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

BUILD = {"goldsmith:build": "b"}


class Client:
    """EC2 that knows subnets and groups, and refuses what it is told to refuse, once each time."""

    def __init__(
        self,
        *,
        subnets: list[dict[str, Any]] | None = None,
        groups: list[dict[str, Any]] | None = None,
        refusals: list[str] | None = None,
    ) -> None:
        self.known, self.groups, self.refusals = subnets or [], groups or [], refusals or []
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def called(self, operation: str, asked: dict[str, Any]) -> None:
        self.calls.append((operation, asked))
        if self.refusals:
            raise ClientError({"Error": {"Code": self.refusals.pop(0), "Message": ""}}, operation)

    def describe_subnets(self, **asked: Any) -> dict[str, Any]:
        return {"Subnets": self.known}

    def create_security_group(self, **asked: Any) -> dict[str, Any]:
        self.called("CreateSecurityGroup", asked)
        return {"GroupId": "sg-1"}

    def describe_security_groups(self, **asked: Any) -> dict[str, Any]:
        self.called("DescribeSecurityGroups", asked)
        return {"SecurityGroups": self.groups}

    def authorize_security_group_ingress(self, **asked: Any) -> None:
        self.called("AuthorizeSecurityGroupIngress", asked)


def subnet(name: str, free: int = 10, vpc: str = "vpc-1") -> dict[str, Any]:
    return {"SubnetId": name, "VpcId": vpc, "AvailableIpAddressCount": free}


def test_subnets_keep_the_order_that_they_were_named_in() -> None:
    found = subnets(Client(subnets=[subnet("a"), subnet("b"), subnet("c")]), ["c", "a", "b"], {})

    assert [one.id for one in found] == ["c", "a", "b"]


def test_of_subnets_that_were_found_the_emptiest_is_first() -> None:
    found = subnets(Client(subnets=[subnet("b", 5), subnet("c", 9), subnet("a", 5)]), [], {"tag:Name": "build"})

    assert [one.id for one in found] == ["c", "a", "b"]


def test_no_subnet_and_subnets_of_several_vpcs_are_refused() -> None:
    with pytest.raises(Fault, match=r"no subnet answers to \{'tag:Name': 'build'\}"):
        subnets(Client(), [], {"tag:Name": "build"})
    with pytest.raises(Fault, match="several VPCs"):
        subnets(Client(subnets=[subnet("a"), subnet("b", vpc="vpc-2")]), ["a", "b"], {})


networks = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(only)


@given(st.lists(networks, unique=True))
def test_every_network_is_let_in_once_and_no_other(cidrs: list[str]) -> None:
    (rule,) = permissions([*cidrs, *cidrs], 2222)

    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 2222, 2222)
    four = [one["CidrIp"] for one in rule.get("IpRanges", [])]
    six = [one["CidrIpv6"] for one in rule.get("Ipv6Ranges", [])]
    assert sorted(four + six) == sorted(cidrs)
    assert all(ipaddress.ip_network(one).version == 4 for one in four)


@pytest.mark.parametrize("text", ["", "somewhere", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(Fault, match=r"security_group_cidrs: .*Give networks such as"):
        permissions([text], 22)


@pytest.mark.parametrize(("address", "network"), [("192.0.2.7", "192.0.2.7/32"), ("2001:db8::7", "2001:db8::7/128")])
def test_network_of_one_address_has_no_other(address: str, network: str) -> None:
    assert only(address) == network


class Answers(http.server.BaseHTTPRequestHandler):
    """Tells everybody the same address."""

    address = "192.0.2.7"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.address}\n".encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def check_ip(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(_ec2_network, "CHECK_IP", url)
        yield url
        server.shutdown()
        thread.join()


class Account:
    def __init__(self, endpoint_url: str | None = None) -> None:
        self.endpoint_url = endpoint_url

    def client(self) -> Any:
        meta = type("Meta", (), {"endpoint_url": self.endpoint_url or "http://127.0.0.1:1"})
        return type("Client", (), {"meta": meta})


def test_aws_is_asked_for_this_machine_s_address(check_ip: str) -> None:
    account: Any = Account()

    assert caller(account, private=False) == "192.0.2.7/32"


@pytest.mark.parametrize("private", [True, False])
def test_for_an_endpoint_of_its_own_the_address_is_that_on_the_way_to_it(private: bool) -> None:
    account: Any = Account("http://127.0.0.1:1")

    assert caller(account, private=private) == "127.0.0.1/32"


def test_for_private_addresses_nobody_outside_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ec2_network, "CHECK_IP", "http://127.0.0.1:1")
    account: Any = Account()

    assert caller(account, private=True) == "127.0.0.1/32"


def test_answer_that_is_no_address_is_not_let_in(check_ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "address", "<html>Please log in")
    account: Any = Account()

    with pytest.raises(Fault, match=r"public address cannot be had.*security_group_cidrs"):
        caller(account, private=False)


def test_silence_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ec2_network, "CHECK_IP", "http://127.0.0.1:1")
    account: Any = Account()

    with pytest.raises(Fault, match="security_group_cidrs"):
        caller(account, private=False)


def test_group_is_made_with_its_tags_in_its_vpc() -> None:
    client = Client()

    assert make_group(client, "goldsmith-b", "vpc-1", BUILD, {**BUILD, "team": "web"}) == ("sg-1", True)
    ((_operation, asked),) = client.calls
    assert asked["VpcId"] == "vpc-1"
    assert {"Key": "goldsmith:build", "Value": "b"} in asked["TagSpecifications"][0]["Tags"]


def test_group_of_an_earlier_run_is_found() -> None:
    mine = {"GroupId": "sg-0", "Tags": [{"Key": "goldsmith:build", "Value": "b"}]}
    client = Client(groups=[mine], refusals=["InvalidGroup.Duplicate"])

    assert make_group(client, "goldsmith-b", None, BUILD, {**BUILD, "goldsmith:expires": "later"}) == ("sg-0", False)


def test_group_whose_making_was_not_answered_is_this_run_s() -> None:
    mine = {"GroupId": "sg-0", "Tags": [{"Key": "goldsmith:build", "Value": "b"}]}
    client = Client(groups=[mine], refusals=["InvalidGroup.Duplicate"])

    assert make_group(client, "goldsmith-b", None, BUILD, BUILD) == ("sg-0", True)


def test_group_of_somebody_else_is_left_alone() -> None:
    client = Client(groups=[{"GroupId": "sg-0"}], refusals=["InvalidGroup.Duplicate"])

    with pytest.raises(Fault, match="is not of this build"):
        make_group(client, "goldsmith-b", None, BUILD, BUILD)


def test_refused_group_is_said_so() -> None:
    with pytest.raises(AwsFault, match="cannot make the security group"):
        make_group(Client(refusals=["SecurityGroupLimitExceeded"]), "goldsmith-b", None, BUILD, BUILD)


@pytest.mark.parametrize("refusals", [[], ["InvalidPermission.Duplicate"], ["InvalidGroup.NotFound"]])
def test_letting_in_bears_what_is_let_in_already_and_a_group_that_is_not_known_yet(refusals: list[str]) -> None:
    client = Client(refusals=refusals)

    let_in(client, "sg-1", permissions(["192.0.2.7/32"], 22))

    assert client.calls[-1][1]["GroupId"] == "sg-1"
    assert client.refusals == []


def test_letting_in_that_is_refused_is_said_so() -> None:
    with pytest.raises(AwsFault, match="cannot let this machine in"):
        let_in(Client(refusals=["UnauthorizedOperation"]), "sg-1", [])
