"""Ansible's strategy `linear` through mitogen, changed where mitogen would make a difference to a build."""

from __future__ import annotations

from typing import Any

import ansible_mitogen.affinity
from ansible import constants
from ansible_mitogen.plugins.strategy import mitogen_linear

# mitogen puts each of its processes on one processor: the multiplexer on the first, all else on the rest.
# On two processors that leaves one of them to the modules of the controller and what they start (mmdebstrap compresses
# with all there are), and the multiplexers of builds side by side share the first. Its class for systems that cannot do
# so does nothing. This comes before any process is started.
ansible_mitogen.affinity.policy = ansible_mitogen.affinity.Policy()


class StrategyModule(mitogen_linear.StrategyModule):  # type: ignore[misc] # mitogen has no types
    """Run the tasks of a build; ansible-core looks for a class of this name."""

    def _queue_task(self, host: Any, task: Any, task_vars: dict[str, Any], play_context: Any) -> Any:
        """Let a task that has a timeout of its own be ended by it.

        A module that runs in the machine's one interpreter cannot be left behind: the next one, such as a rescue, would
        wait for it. In a process of its own it is ended.
        """
        if task.timeout not in (0, constants.TASK_TIMEOUT):
            task_vars = {"mitogen_task_isolation": "fork", **task_vars}
        return super()._queue_task(host, task, task_vars, play_context)
