//! What there is to say about one port.

use super::Level::{Fail, Ok as Fine, Warn};
use super::netlink::{self, Link, XdpFeatures};
use super::{Finding, Question};
use crate::kernel::port;
use crate::ports::{self, Description, MAX_MTU, Spread};

/// Looks at one interface.
pub(super) fn examine(name: &str, links: &[Link], question: &Question) -> Vec<Finding> {
    let described = match ports::describe(name) {
        Ok(described) => described,
        Err(error) => return vec![Finding::new(Fail, name, "interface", error.to_string())],
    };
    let mut findings = vec![up(name, &described)];
    let link = links.iter().find(|link| link.name == name);
    if let Some(link) = link {
        findings.push(driver(link, &described));
        findings.push(program(link));
    }
    findings.extend([mtu(name, &described, link), offloads(name, &described), queues(name, &described, question)]);
    findings
}

fn up(name: &str, described: &Description) -> Finding {
    if described.up {
        return Finding::new(Fine, name, "link", if described.carrier { "up" } else { "up, without a carrier" });
    }
    Finding::new(Fail, name, "link", "down").mend(format!("ip link set {name} up"))
}

/// What the driver can do, by its own word.
fn driver(link: &Link, described: &Description) -> Finding {
    let (name, driver) = (link.name.as_str(), &described.driver);
    let finding = |level, says: &str| Finding::new(level, name, "driver", format!("{driver}: {says}"));
    let features = match netlink::xdp_features(link.index) {
        Ok(Some(features)) => features,
        Ok(None) => return finding(Warn, "the kernel does not say what it can do with XDP (that takes Linux 6.3)"),
        Err(error) => return finding(Warn, &format!("the kernel does not say what it can do with XDP: {error}")),
    };
    if !features.has(XdpFeatures::BASIC | XdpFeatures::REDIRECT) {
        return finding(Warn, "no XDP with redirection in the driver; generic mode is used, which is slower");
    }
    let buffers = if features.has(XdpFeatures::SEVERAL_BUFFERS) { ", frames in several buffers" } else { "" };
    let sends = if features.has(XdpFeatures::XMIT) { ", sends what is redirected to it" } else { "" };
    if features.has(XdpFeatures::ZERO_COPY) {
        return finding(Fine, &format!("XDP in the driver, AF_XDP without copying{sends}{buffers}"));
    }
    finding(Warn, &format!("XDP in the driver, but AF_XDP copies each packet{sends}{buffers}"))
}

fn program(link: &Link) -> Finding {
    let finding = |level, says: String| Finding::new(level, &link.name, "xdp program", says);
    match link.program {
        None => finding(Fine, "none in the way".to_owned()),
        Some(id) if is_ours(id) => finding(Fine, format!("a sensor's own (program {id})")),
        Some(id) => finding(Fail, format!("program {id} of somebody else is attached"))
            .mend(format!("ip link set {} xdp off", link.name)),
    }
}

/// Whether a program bears the name of ours. It cannot be known without the right to look.
fn is_ours(id: u32) -> bool {
    use aya::programs::loaded_programs;
    loaded_programs().flatten().any(|program| program.id() == id && program.name_as_str().is_some_and(port::is_ours))
}

/// Whether frames fit into a buffer, or the driver can do with several.
fn mtu(name: &str, described: &Description, link: Option<&Link>) -> Finding {
    let mtu = described.mtu;
    let finding = |level, says: String| Finding::new(level, name, "mtu", says);
    if mtu <= MAX_MTU {
        return finding(Fine, format!("{mtu}: a frame fits into a buffer"));
    }
    let features = link.and_then(|link| netlink::xdp_features(link.index).ok().flatten());
    if features.is_some_and(|features| features.has(XdpFeatures::SEVERAL_BUFFERS)) {
        return finding(Fine, format!("{mtu}: frames take several buffers, which the driver can do"));
    }
    finding(Warn, format!("{mtu}: frames take several buffers, which the driver cannot do: generic mode is used"))
        .mend(format!("ip link set {name} mtu {MAX_MTU}"))
}

/// Features that would hide or merge packets, and whether they can be turned off.
fn offloads(name: &str, described: &Description) -> Finding {
    if let Some(stuck) = described.stuck.first() {
        let all = described.stuck.join(", ");
        return Finding::new(
            Fail,
            name,
            "offloads",
            format!("{all} would hide or merge packets, and cannot be turned off here"),
        )
        .mend(format!("ethtool -K {name} {stuck} off"));
    }
    if described.in_the_way.is_empty() {
        return Finding::new(Fine, name, "offloads", "none that hides or merges packets");
    }
    let all = described.in_the_way.join(", ");
    Finding::new(Fine, name, "offloads", format!("{all}: turned off while a sensor runs"))
}

/// How many queues there are, and whether both directions of a flow come in on the same one.
fn queues(name: &str, described: &Description, question: &Question) -> Finding {
    let queues = described.queues;
    let finding = |level, says: String| Finding::new(level, name, "queues", says);
    if queues > ids_ebpf::map::QUEUES {
        let most = ids_ebpf::map::QUEUES;
        return finding(Fail, format!("{queues}, more than {most}")).mend(format!("ethtool -L {name} combined {most}"));
    }
    let workers = question.workers;
    if (queues as usize) < workers {
        return finding(Warn, format!("{queues}, fewer than workers: {workers}"))
            .mend(format!("ethtool -L {name} combined {workers}"));
    }
    let spread = match described.spread {
        Spread::Symmetric => "both directions of a flow come in on the same one",
        Spread::Asymmetric => "both directions of a flow may come in on different ones",
        Spread::Unknown => "the driver does not say how it spreads packets over them",
    };
    match (queues, workers) {
        (1, _) => finding(Fine, "1".to_owned()),
        (_, 1) => finding(Fine, format!("{queues}, all served by one worker")),
        _ => finding(Fine, format!("{queues}; {spread}; workers hand packets over to that of their flow")),
    }
}
