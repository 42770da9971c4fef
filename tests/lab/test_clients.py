"""Other people's clients build an image in the lab as they do on AWS: nothing in them knows of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.config import Config
from tests.lab.conftest import CLEAN, DEBIAN, Account, Machine, own_images, resources, until

from goldsmith.lab import Lab

pytestmark = pytest.mark.docker

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults: {group/aws: {region: eu-west-1}}
  tasks:
    - amazon.aws.ec2_ami_info: {owners: "136693071363", filters: {name: "debian-12-amd64-*"}}
      register: base
    - amazon.aws.ec2_instance:
        name: play
        image_id: "{{ base.images[0].image_id }}"
        instance_type: t3.micro
        key_name: lab
        volumes: [{device_name: /dev/xvda, ebs: {volume_size: 9, delete_on_termination: true}}]
        metadata_options: {http_tokens: required}
        tags: {by: play}
        wait: false  # its waiter sleeps for 15 s between two looks
      register: made
    - amazon.aws.ec2_instance_info: {instance_ids: "{{ made.instance_ids }}"}
      register: found
      until: found.instances[0].state.name == 'running'
      retries: 50
      delay: 0.2
    - ansible.builtin.add_host:
        name: machine
        ansible_host: "{{ found.instances[0].public_ip_address }}"
        ansible_user: admin
        ansible_python_interpreter: /usr/bin/python3
        ansible_ssh_private_key_file: "{{ key }}"
        ansible_ssh_common_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null

- hosts: machine
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.wait_for_connection: {sleep: 0.2, timeout: 30}
    - ansible.builtin.copy: {content: by a play, dest: /root/mark, mode: "0600"}
    - ansible.builtin.reboot: {reboot_timeout: 60}

- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults: {group/aws: {region: eu-west-1}}
  tasks:
    - amazon.aws.ec2_ami:
        instance_id: "{{ made.instance_ids[0] }}"
        name: played
        tags: {by: play}
        launch_permissions: {user_ids: ["111122223333"]}
      register: image
    - amazon.aws.ec2_ami_info: {image_ids: "{{ image.image_id }}", describe_image_attributes: true}
      register: shown
      until: shown.images[0].state == 'available'
      retries: 50
      delay: 0.2
    - ansible.builtin.assert:
        that:
          - shown.images[0].tags.by == 'play'
          - shown.images[0].block_device_mappings[0].ebs.volume_size == 9
          - shown.images[0].launch_permissions[0].user_id == '111122223333'
    - amazon.aws.ec2_instance: {instance_ids: "{{ made.instance_ids }}", state: terminated, wait: false}
"""


def test_boto3_builds_an_image_with_its_own_waiters(account: Account) -> None:
    quick = {"WaiterConfig": {"Delay": 0.1, "MaxAttempts": 200}}
    ec2 = account.client("ec2", config=Config())
    base = ec2.describe_images(Owners=[DEBIAN], Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"][0]
    made = ec2.run_instances(ImageId=base["ImageId"], MinCount=1, MaxCount=1, InstanceType="t3.micro", KeyName="lab")[
        "Instances"
    ][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made], **quick)
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=[made], **quick)
    Machine(account, made).enter().do("echo by boto3 >/root/mark; sync")
    ec2.stop_instances(InstanceIds=[made])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[made], **quick)
    image = ec2.create_image(InstanceId=made, Name="boto3")["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], **quick)
    snapshots = [own_images(account)["boto3"]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=snapshots, **quick)
    ec2.terminate_instances(InstanceIds=[made])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[made], **quick)
    again = account.run(image).enter()
    assert again.do("cat /root/mark") == "by boto3"
    again.terminate()
    again.wait("terminated")
    assert resources(account) == CLEAN


def test_amazon_aws_builds_an_image_in_a_playbook_and_its_machine_reboots(
    account: Account, lab: Lab, key: Path, tmp_path: Path
) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "ansible.cfg").write_text("[ssh_connection]\npipelining = true\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-e", f"key={key}", "play.yml"],
        cwd=tmp_path,
        env={**os.environ, **lab.environment, "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: resources(account) == CLEAN)
    again = account.run(own_images(account)["played"]["ImageId"]).enter()
    assert again.do("cat /root/mark") == "by a play"
    again.terminate()
    again.wait("terminated")
