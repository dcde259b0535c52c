//! Counters of a live run, as JSON and as flat names.

use serde_json::{Map, Value, json};

use crate::live::Status;
use crate::live::counters::Commands;
use crate::shield::Refusal;
use ids_ebpf::Outcome;

/// One port: what the kernel stage decided by outcome, and what became of what it handed over.
pub(super) fn port(status: &Status) -> Value {
    let decided: Map<String, Value> = Outcome::ALL
        .into_iter()
        .map(|outcome| {
            let count = status.decided.of(outcome);
            (outcome.name().to_owned(), json!({"packets": count.packets, "bytes": count.bytes}))
        })
        .collect();
    let queues: Vec<Value> = status
        .queues
        .iter()
        .map(|queue| {
            let lost: Map<String, Value> =
                queue.lost.named().into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
            json!({
                "queue": queue.queue,
                "zero_copy": queue.zero_copy,
                "received": queue.received.packets,
                "accepted": queue.accepted,
                "dropped": queue.dropped,
                "held": queue.held,
                "injected": queue.injected,
                "lost": lost,
            })
        })
        .collect();
    json!({
        "interface": status.interface,
        "mode": status.mode,
        "link": match status.link {
            Some(true) => "up",
            Some(false) => "down",
            None => "gone",
        },
        "received": {"packets": status.decided.received.packets, "bytes": status.decided.received.bytes},
        "kernel": decided,
        "queues": queues,
    })
}

/// What all workers told the kernel stage.
pub(super) fn commands(all: &[Commands]) -> Value {
    let sum = |of: fn(&Commands) -> u64| all.iter().map(of).sum::<u64>();
    let refused = |refusal: Refusal| all.iter().map(|c| c.refused[refusal as usize]).sum::<u64>();
    let refused: Map<String, Value> =
        Refusal::ALL.into_iter().map(|refusal| (refusal.name().to_owned(), json!(refused(refusal)))).collect();
    json!({
        "refused": refused,
        "flows_blocked": sum(|c| c.flows_blocked),
        "hosts_blocked": sum(|c| c.hosts_blocked),
        "blocks_failed": sum(|c| c.blocks_failed),
        "released": sum(|c| c.released),
        "releases_failed": sum(|c| c.releases_failed),
        "not_expressible": sum(|c| c.not_expressible),
    })
}

/// Packets that came in, and those that were lost before they were inspected, over all ports.
pub(super) fn totals(ports: &[Status]) -> (u64, u64) {
    let received = ports.iter().map(|port| port.decided.received.packets).sum();
    let queues = ports.iter().flat_map(|port| &port.queues);
    let lost = queues.map(|queue| queue.lost.receive_ring_full + queue.lost.no_buffer + queue.lost.stale).sum();
    (received, lost)
}

/// Packets that rules and blocks dropped: by the workers, and in the kernel on account of a blocked flow or host.
pub(super) fn dropped(ports: &[Status]) -> (u64, u64) {
    let workers = ports.iter().flat_map(|port| &port.queues).map(|queue| queue.dropped).sum();
    let blocked =
        |port: &Status| port.decided.of(Outcome::DropFlow).packets + port.decided.of(Outcome::DropHost).packets;
    (workers, ports.iter().map(blocked).sum())
}

/// Counters for the `stats` record, by dotted name.
pub(super) fn flat(ports: &[Status]) -> Vec<(String, u64)> {
    let (received, lost) = totals(ports);
    let mut rows = vec![("capture.kernel_packets".to_owned(), received), ("capture.kernel_drops".to_owned(), lost)];
    for outcome in Outcome::ALL {
        let packets = ports.iter().map(|port| port.decided.of(outcome).packets).sum();
        rows.push((format!("xdp.{}", outcome.name()), packets));
    }
    rows
}
