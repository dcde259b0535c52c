//! Counters of a live run, as JSON and as flat names.

use serde_json::{Map, Value, json};

use crate::live::Status;
use crate::live::counters::Commands;
use crate::shield::Refusal;
use ids_ebpf::Outcome;
use ids_ebpf::flood::Kind;
use ids_ebpf::outcome::Stats;

/// One port: what the kernel stage decided by outcome, and what became of what it handed over.
pub(super) fn port(status: &Status) -> Value {
    let copies =
        status.copies.map(|[incoming, outgoing]| json!({"in": outcomes(&incoming), "out": outcomes(&outgoing)}));
    // Limits that are only watched; those in force are outcomes.
    let over_limit: Map<String, Value> = Kind::ALL
        .into_iter()
        .zip(status.decided.over_limit)
        .map(|(kind, count)| (kind.name().to_owned(), json!({"packets": count.packets, "bytes": count.bytes})))
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
                "late": queue.late,
                "outgoing": queue.outgoing,
                "held": queue.held,
                "handed_over": queue.handed_over,
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
        "kernel": outcomes(&status.decided),
        "copies": copies,
        "over_limit": over_limit,
        "queues": queues,
        "sent": status.sent.map(|sent| json!({
            "given": sent.given,
            "packets": sent.packets,
            "dropped": sent.dropped,
            "missing": sent.missing(),
        })),
    })
}

/// Packets and bytes by outcome.
fn outcomes(stats: &Stats) -> Map<String, Value> {
    let count = |outcome: Outcome| {
        let count = stats.of(outcome);
        (outcome.name().to_owned(), json!({"packets": count.packets, "bytes": count.bytes}))
    };
    Outcome::ALL.into_iter().map(count).collect()
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
        "no_kernel_stage": sum(|c| c.no_kernel_stage),
        "not_expressible": sum(|c| c.not_expressible),
    })
}

/// Packets that came in, and those that were lost before they were inspected, over all ports.
pub(super) fn totals(ports: &[Status]) -> (u64, u64) {
    let received = ports.iter().map(|port| port.decided.received.packets).sum();
    let queues = ports.iter().flat_map(|port| &port.queues);
    let lost = queues.map(|queue| queue.lost.before_inspection()).sum();
    (received, lost)
}

/// Packets that rules and blocks dropped: by the workers, and in the kernel on account of a block or limit.
pub(super) fn dropped(ports: &[Status]) -> (u64, u64) {
    let workers = ports.iter().flat_map(|port| &port.queues).map(|queue| queue.dropped).sum();
    let blocks = [Outcome::DropFlow, Outcome::DropHost, Outcome::DropFloodSyn, Outcome::DropFloodUdp];
    let blocked = |port: &Status| blocks.iter().map(|outcome| port.decided.of(*outcome).packets).sum::<u64>();
    (workers, ports.iter().map(blocked).sum())
}

/// Packets that were to be dropped, but had passed: copies of them were looked at.
pub(super) fn late(ports: &[Status]) -> u64 {
    ports.iter().flat_map(|port| &port.queues).map(|queue| queue.late).sum()
}

/// Packets over a limit, dropped or not. It rises whenever there is something new to tell.
pub(super) fn over_limits(ports: &[Status]) -> u64 {
    let of = |stats: &Stats| {
        let dropped = Kind::ALL.into_iter().map(|kind| stats.of(kind.outcome()).packets).sum::<u64>();
        dropped + stats.over_limit.iter().map(|count| count.packets).sum::<u64>()
    };
    ports.iter().map(|port| of(&port.decided)).sum()
}

/// Counters for the `stats` record, by dotted name.
pub(super) fn flat(ports: &[Status]) -> Vec<(String, u64)> {
    let (received, lost) = totals(ports);
    let mut rows = vec![("capture.kernel_packets".to_owned(), received), ("capture.kernel_drops".to_owned(), lost)];
    for outcome in Outcome::ALL {
        let packets = ports.iter().map(|port| port.decided.of(outcome).packets).sum();
        rows.push((format!("xdp.{}", outcome.name()), packets));
    }
    for kind in Kind::ALL {
        let packets = ports.iter().map(|port| port.decided.over_limit[kind as usize].packets).sum();
        rows.push((format!("xdp.over_limit.{}", kind.name()), packets));
    }
    rows.push(("capture.late".to_owned(), late(ports)));
    rows
}
