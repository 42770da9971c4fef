"""The lab: EC2 on this machine. The API is moto's, completed; the instances are containers that SSH reaches.

Whoever uses a lab needs `Lab` and `Fault`; importing this package loads neither moto nor Docker.
"""

from goldsmith.lab.client import Lab, down, running
from goldsmith.lab.faults import Fault

__all__ = ["Fault", "Lab", "down", "running"]
