"""What node_exporter shows of the machines."""

from monitoring.grafana.builder.frame import Panel
from monitoring.grafana.builder.limits import limit
from monitoring.grafana.builder.panels import Query, graph

NODE = 'instance=~"$node"'


def resources() -> list[Panel]:
    """Processor, memory, disks, files, processes."""
    return [
        graph(
            "Processor in use, by machine",
            "Over five minutes; HighCpuUsage begins at the dashed line.",
            "percentunit",
            Query(f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle",{NODE}}}[5m]))', "{{instance}}"),
            limit=limit("HighCpuUsage"),
        ),
        graph(
            "Memory in use, by machine",
            "What is not available to programs; HighMemoryUsage begins at the dashed line.",
            "percentunit",
            Query(
                f"1 - node_memory_MemAvailable_bytes{{{NODE}}} / node_memory_MemTotal_bytes{{{NODE}}}", "{{instance}}"
            ),
            limit=limit("HighMemoryUsage"),
        ),
        graph(
            "Free disk space, by machine and mount point",
            "Share that is free, of the ten fullest; DiskSpaceExhaustion begins below the dashed line.",
            "percentunit",
            Query(
                f"bottomk(10, node_filesystem_avail_bytes{{{NODE}}} / node_filesystem_size_bytes{{{NODE}}})",
                "{{instance}} {{mountpoint}}",
            ),
            limit=limit("DiskSpaceExhaustion"),
        ),
        graph(
            "Load of one minute, by machine",
            "Programs that run or wait to run.",
            "short",
            Query(f"node_load1{{{NODE}}}", "{{instance}}"),
        ),
        graph(
            "Open files, by machine",
            "File descriptors in use; FileDescriptorsExhausted begins at the dashed line.",
            "short",
            Query(f"node_filefd_allocated{{{NODE}}}", "{{instance}}"),
            limit=limit("FileDescriptorsExhausted"),
        ),
        graph(
            "Processes, by state",
            "Many in D wait for a disk, many in Z were not waited for.",
            "short",
            Query(f"sum by (state) (node_processes_state{{{NODE}}})", "{{state}}"),
            stacked=True,
        ),
    ]


def network() -> list[Panel]:
    """What goes over the links."""
    return [
        graph(
            "Network sent, by machine and link",
            "NetworkSaturation begins at the dashed line.",
            "bps",
            Query(f'8 * rate(node_network_transmit_bytes_total{{device!="lo",{NODE}}}[5m])', "{{instance}} {{device}}"),
            limit=limit("NetworkSaturation"),
        ),
        graph(
            "Network received, by machine and link",
            "Over five minutes, like what is sent.",
            "bps",
            Query(f'8 * rate(node_network_receive_bytes_total{{device!="lo",{NODE}}}[5m])', "{{instance}} {{device}}"),
        ),
    ]
