"""A Ray cluster of two nodes on this machine, until standard input ends; says where it is as JSON."""

import json
import sys

from ray.cluster_utils import Cluster


def main() -> None:
    """Two nodes with room for one worker each."""
    node = {"include_dashboard": False, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **node})
    second = cluster.add_node(num_cpus=2, object_store_memory=100_000_000)
    (raylet,) = second.all_processes["raylet"]
    words = {"address": cluster.address, "second_raylet": raylet.process.pid}
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
