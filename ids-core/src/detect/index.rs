//! Finds the rules that no pattern finds: by what carries them, by port, by address.
//!
//! In: headers.  Out: for two endpoints, every rule that may apply to them, and few others. A rule stands where
//! it is rarest: under its ports if it names few, else under its addresses, else with all the rest.

use hashbrown::HashMap;

use super::header::{Carriers, Header, PortSet, RangeSet, number};
use super::rule_set::RuleId;
use crate::flow::Endpoint;

/// A rule that names more ports than this is not found by port.
const MANY_PORTS: u32 = 64;
/// A rule about more addresses than this is not found by address.
const MANY_ADDRESSES: u128 = 1 << 26;

/// Rules by carrier, port and address.
#[derive(Debug, Default)]
pub(super) struct Index([Table; Carriers::COUNT]);

#[derive(Debug, Default)]
struct Table {
    src_port: HashMap<u16, Vec<RuleId>, ahash::RandomState>,
    dst_port: HashMap<u16, Vec<RuleId>, ahash::RandomState>,
    src: Intervals,
    dst: Intervals,
    rest: Vec<RuleId>,
}

impl Index {
    /// Builds the index.
    pub(super) fn new<'a>(rules: impl Iterator<Item = (RuleId, Carriers, &'a Header)>) -> Self {
        let mut index = Self::default();
        for (id, carriers, header) in rules {
            for table in carriers.indexes() {
                if let Some(table) = index.0.get_mut(table) {
                    table.add(id, header);
                }
            }
        }
        for table in &mut index.0 {
            table.src.build();
            table.dst.build();
        }
        index
    }

    /// Calls back with every rule that may apply; some more than once.
    pub(super) fn find(&self, carriers: Carriers, ends: Option<(Endpoint, Endpoint)>, mut each: impl FnMut(RuleId)) {
        for table in carriers.indexes().filter_map(|at| self.0.get(at)) {
            table.rest.iter().copied().for_each(&mut each);
            let Some((src, dst)) = ends else { continue };
            let by_port = [table.src_port.get(&src.port), table.dst_port.get(&dst.port)];
            by_port.into_iter().flatten().flatten().copied().for_each(&mut each);
            table.src.find(number(src.addr)).iter().copied().for_each(&mut each);
            table.dst.find(number(dst.addr)).iter().copied().for_each(&mut each);
        }
    }
}

impl Table {
    fn add(&mut self, id: RuleId, header: &Header) {
        self.add_one_way(id, header, false);
        if header.both {
            self.add_one_way(id, header, true);
        }
    }

    fn add_one_way(&mut self, id: RuleId, header: &Header, turned: bool) {
        let (mut ends, mut ports) = ((&header.src, &header.dst), (&header.src_ports, &header.dst_ports));
        if turned {
            (ends, ports) = ((ends.1, ends.0), (ports.1, ports.0));
        }
        if few_ports(ports.1) {
            return add_ports(&mut self.dst_port, ports.1, id);
        }
        if few_ports(ports.0) {
            return add_ports(&mut self.src_port, ports.0, id);
        }
        if self.src.add(id, ends.0) || self.dst.add(id, ends.1) {
            return;
        }
        self.rest.push(id);
    }
}

fn few_ports(ports: &PortSet) -> bool {
    ports.ranges().iter().map(|(low, high)| u32::from(high - low) + 1).sum::<u32>() <= MANY_PORTS
}

fn add_ports(map: &mut HashMap<u16, Vec<RuleId>, ahash::RandomState>, ports: &PortSet, id: RuleId) {
    for port in ports.ranges().iter().flat_map(|(low, high)| *low..=*high) {
        map.entry(port).or_default().push(id);
    }
}

/// Which rules are about an address, for rules that are about few.
#[derive(Debug, Default)]
struct Intervals {
    /// Before [`Intervals::build`]: what was added.
    added: Vec<(u128, u128, RuleId)>,
    /// Where each piece starts, sorted, and where its rules stand in `rules`.
    pieces: Vec<(u128, u32)>,
    rules: Vec<RuleId>,
}

impl Intervals {
    /// Takes the rule, unless it is about too many addresses.
    fn add(&mut self, id: RuleId, set: &super::header::AddressSet) -> bool {
        let v4: u128 = size(&set.v4, |low, high| u128::from(high - low));
        let v6: u128 = size(&set.v6, |low, high| high - low);
        if v4.saturating_add(v6) > MANY_ADDRESSES {
            return false;
        }
        let v4 = set.v4.ranges().iter().map(|(low, high)| {
            let number = |value: u32| number(std::net::Ipv4Addr::from(value).into());
            (number(*low), number(*high), id)
        });
        self.added.extend(v4);
        self.added.extend(set.v6.ranges().iter().map(|(low, high)| (*low, *high, id)));
        true
    }

    fn build(&mut self) {
        let mut edges: Vec<(u128, bool, RuleId)> = Vec::with_capacity(2 * self.added.len());
        for (low, high, id) in self.added.drain(..) {
            edges.push((low, true, id));
            edges.extend(high.checked_add(1).map(|end| (end, false, id)));
        }
        self.added = Vec::new();
        edges.sort_unstable();
        let mut open: Vec<RuleId> = Vec::new();
        let mut edges = edges.into_iter().peekable();
        while let Some((at, starts, id)) = edges.next() {
            if starts {
                open.push(id);
            } else if let Some(place) = open.iter().position(|other| *other == id) {
                open.swap_remove(place);
            }
            if edges.peek().is_none_or(|next| next.0 != at) {
                self.pieces.push((at, u32::try_from(self.rules.len()).unwrap_or(u32::MAX)));
                self.rules.extend(&open);
            }
        }
        self.pieces.shrink_to_fit();
        self.rules.shrink_to_fit();
    }

    fn find(&self, address: u128) -> &[RuleId] {
        let after = self.pieces.partition_point(|piece| piece.0 <= address);
        let Some(piece) = after.checked_sub(1).and_then(|at| self.pieces.get(at)) else { return &[] };
        let end = self.pieces.get(after).map_or(self.rules.len(), |next| next.1 as usize);
        self.rules.get(piece.1 as usize..end).unwrap_or_default()
    }
}

fn size<T: super::header::Bound>(set: &RangeSet<T>, width: impl Fn(T, T) -> u128) -> u128 {
    set.ranges().iter().fold(0, |sum: u128, (low, high)| sum.saturating_add(width(*low, *high)).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::super::header::{AddressSet, Reader, Vars};
    use super::*;

    fn header(src: &str, src_port: &str, dst: &str, dst_port: &str, arrow: &str) -> Header {
        let text = format!("alert tcp {src} {src_port} {arrow} {dst} {dst_port} (sid:1;)");
        let rule = crate::rules::parse_rule(&text).unwrap();
        Reader::default().header(&rule, &Vars::default()).unwrap()
    }

    fn end(text: &str) -> Endpoint {
        let (addr, port) = text.rsplit_once('/').unwrap();
        (addr.parse::<IpAddr>().unwrap(), port.parse().unwrap()).into()
    }

    #[test]
    fn every_rule_that_applies_is_found_and_few_others() {
        let headers = [
            header("any", "any", "any", "any", "->"),
            header("any", "any", "any", "[80,443]", "->"),
            header("any", "25", "any", "any", "->"),
            header("[10.0.0.0/24,10.0.2.0/24]", "any", "any", "any", "->"),
            header("any", "any", "10.0.0.0/16", "any", "->"),
            header("any", "any", "10.0.0.7", "any", "<>"),
            header("10.0.0.0/8", "any", "any", "any", "->"),
            header("2001:db8::/120", "any", "any", "any", "->"),
        ];
        let id = |n: usize| RuleId(u32::try_from(n).unwrap());
        let index = Index::new(headers.iter().enumerate().map(|(n, header)| (id(n), Carriers::TCP, header)));
        let cases = [
            ("9.9.9.9/1", "8.8.8.8/80", vec![0, 1]),
            ("9.9.9.9/25", "8.8.8.8/81", vec![0, 2]),
            ("10.0.2.1/1", "10.0.9.9/2", vec![0, 3, 4, 6]),
            ("10.0.1.1/1", "8.8.8.8/2", vec![0, 6]),
            ("10.0.0.7/1", "8.8.8.8/2", vec![0, 3, 5, 6]),
            ("8.8.8.8/1", "10.0.0.7/2", vec![0, 4, 5]),
            ("2001:db8::5/1", "2001:db8::1:0/2", vec![0, 7]),
        ];
        for (src, dst, wanted) in cases {
            let mut found = Vec::new();
            index.find(Carriers::TCP, Some((end(src), end(dst))), |rule| found.push(rule.0 as usize));
            found.retain(|n| headers[*n].matches(end(src), end(dst), true));
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, wanted, "{src} -> {dst}");
        }
        let mut found = Vec::new();
        index.find(Carriers::UDP, Some((end("1.1.1.1/1"), end("2.2.2.2/80"))), |rule| found.push(rule));
        assert!(found.is_empty());
        let _: Arc<AddressSet> = Arc::clone(&headers[0].src);
    }
}
