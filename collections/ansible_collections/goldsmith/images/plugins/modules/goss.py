#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: goss
short_description: Validate a machine with goss
version_added: "0.1.0"
author:
  - Goldsmith contributors (@goldsmith)
description:
  - Runs the real goss binary inside the machine and returns each test's result. A failed test fails the task.
  - The binary and the goss files are brought there by the connection, into a temporary directory that is removed
    whatever happens. Nothing is installed, and the machine needs no Python, only C(/bin/sh) and the usual small tools
    (C(mktemp), C(tail), C(head), C(rm)).
  - A connection that breaks fails the task instead of making the host unreachable, so that a play can go on to release
    what it holds.
attributes:
  check_mode:
    support: full
    description: The tests are run in check mode, too, as they change nothing.
  diff_mode:
    support: none
    description: There is no change to show.
  idempotent:
    support: full
    description: Never reports a change.
options:
  src:
    description:
      - The goss file on the controller, C(*.yaml), C(*.yml) or C(*.json). A relative path is looked up as by
        M(ansible.builtin.copy).
      - Files that it includes by C(gossfile) with a relative path or glob are brought along. An absolute path is one of
        the machine's.
      - Templates in it are goss' own (Go templates with C(.Vars)), not Jinja.
    type: path
    required: true
  also:
    description:
      - Further goss files that are run in the same pass, which costs less than a task of their own.
      - All share O(vars). Of two tests with the same resource and name only one is run, whichever file it is in.
    type: list
    elements: path
    default: []
  binary:
    description:
      - The goss binary on the controller, version 0.4, made for the machine's architecture.
      - M(goldsmith.images.goss_binary) finds or fetches one.
    type: path
    required: true
  vars:
    description:
      - Variables for the templates in the goss file, C(.Vars) there. They travel in a file, never in a command line.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds after which goss is stopped, where the machine has the program C(timeout).
        A single command test has its own limit in the goss file, 10 seconds by default.
    type: int
    default: 300
  retry_timeout:
    description:
      - Seconds during which failing tests are tried again, once a second, for example while a service starts.
        V(0) tries once.
      - O(timeout) counts in addition.
    type: int
    default: 0
requirements:
  - goss 0.4 on the controller
notes:
  - The task's C(become) and C(environment) are respected, so goss sees what the user sees that it runs as.
  - A directory mounted C(noexec) is passed over for the next of C(/tmp), C(/var/tmp), C(/dev/shm), C(/run) and the home
    directory.
  - goss ignores top-level keys that it does not know, so a misspelt one would test nothing; the task warns of them.
seealso:
  - module: goldsmith.images.goss_binary
  - module: goldsmith.images.testinfra
  - name: goss
    description: What can stand in a goss file.
    link: https://goss.readthedocs.io/en/stable/gossfile/
"""

EXAMPLES = r"""
- name: Find goss on the controller, or fetch it
  goldsmith.images.goss_binary:
  delegate_to: localhost
  register: goss

- name: Validate the machine
  goldsmith.images.goss:
    src: tests/web.goss.yaml
    binary: "{{ goss.path }}"
    vars:
      port: 8080

- name: Validate a machine that has just been started
  goldsmith.images.goss:
    src: tests/boot.goss.yaml
    binary: "{{ goss.path }}"
    retry_timeout: 60
  become: true
"""

RETURN = r"""
results:
  description: What each test said, ordered by resource.
  returned: when goss ran, whether tests failed or not
  type: list
  elements: dict
  contains:
    framework:
      description: V(goss).
      type: str
    name:
      description: Resource and property.
      type: str
      sample: package/nginx installed
    outcome:
      description: V(passed), V(failed) or V(skipped).
      type: str
    expected:
      description: The value expected; null where goss does not tell it.
      type: raw
    found:
      description: The value found; for patterns in files and in output those that were met.
      type: raw
    message:
      description: One line on why it failed or was skipped; empty when it passed.
      type: str
      sample: expected true, found false
    duration:
      description: Seconds.
      type: float
summary:
  description: The number of tests by outcome, and the seconds they took.
  returned: when goss ran, whether tests failed or not
  type: dict
  sample: {total: 12, passed: 11, failed: 1, skipped: 0, duration: 0.51}
msg:
  description: The failed tests, each with expected and found values; or how many passed.
  returned: always
  type: str
"""
