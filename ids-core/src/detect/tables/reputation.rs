//! IP reputation: categories, `id,short name,description`, and scores by prefix, `address[/bits],category id,score`.
//!
//! Of the prefixes of a category that hold an address the longest decides. IPv4 prefixes are kept as the IPv4-mapped
//! IPv6 ones. Source: the IP reputation chapters of the Suricata 8 user guide.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ahash::RandomState;
use hashbrown::HashMap;

use super::{LineFault, lines};
use crate::detect::bytes::text::Part;
use crate::host_policy::Prefix;
use crate::rules::diagnostic::Diagnostic;

/// Greatest number of a category.
const MAX_CATEGORY: u8 = 60;

/// Greatest score.
pub(in crate::detect) const MAX_SCORE: u8 = 127;

/// Most rows of all lists together.
const MAX_ROWS: usize = 1 << 22;

/// A category, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::detect) struct Category(u8);

/// What is known of addresses.
#[derive(Clone, Debug)]
pub struct Reputation {
    categories: HashMap<String, Category, RandomState>,
    scores: HashMap<(Category, u8, u128), u8, RandomState>,
    /// Which lengths of prefixes a category has, shortest first, by its number.
    lengths: Vec<BTreeSet<u8>>,
    max_rows: usize,
}

impl Default for Reputation {
    fn default() -> Self {
        let lengths = vec![BTreeSet::new(); usize::from(MAX_CATEGORY) + 1];
        Self { categories: HashMap::default(), scores: HashMap::default(), lengths, max_rows: MAX_ROWS }
    }
}

impl Reputation {
    /// Reads the file of the categories.
    pub fn add_categories(&mut self, text: &str) -> Vec<LineFault> {
        each(text, |line| {
            let [number, name, _] = *parts(line, 3) else {
                return Err(line.bad("expected a number, a short name and a description, with commas between them"));
            };
            let category = category(number)?;
            if name.text.is_empty() {
                return Err(line.bad("the short name is missing"));
            }
            self.categories.insert(name.text.to_owned(), category);
            Ok(())
        })
    }

    /// Reads a list; of a prefix that stands twice the later score counts.
    pub fn add_list(&mut self, text: &str) -> Vec<LineFault> {
        each(text, |line| {
            let [prefix, number, score] = *parts(line, 3) else {
                return Err(line.bad("expected an address, a category and a score, with commas between them"));
            };
            let range: Prefix = prefix.text.parse().map_err(|error| prefix.bad(format!("{error}")))?;
            let (category, score) = (category(number)?, small(score, MAX_SCORE)?);
            let (address, bits) = (mapped(range.addr()), range.bits() + if range.addr().is_ipv4() { 96 } else { 0 });
            let key = (category, bits, network(address, bits));
            if self.scores.len() >= self.max_rows && !self.scores.contains_key(&key) {
                return Err(line.bad(format!("there are more than {} rows: this one is left out", self.max_rows)));
            }
            self.scores.insert(key, score);
            if let Some(lengths) = self.lengths.get_mut(usize::from(category.0)) {
                lengths.insert(bits);
            }
            Ok(())
        })
    }

    /// The category of this short name.
    pub(in crate::detect) fn category(&self, name: &str) -> Option<Category> {
        self.categories.get(name).copied()
    }

    /// What an address has in a category; `None` if it is not listed there.
    pub(in crate::detect) fn score(&self, address: IpAddr, category: Category) -> Option<u8> {
        let address = mapped(address);
        let lengths = self.lengths.get(usize::from(category.0))?;
        let score = |bits: &u8| self.scores.get(&(category, *bits, network(address, *bits))).copied();
        lengths.iter().rev().find_map(score)
    }
}

/// Hands on the lines. Out: what is wrong with them.
fn each(text: &str, mut take: impl FnMut(Part<'_>) -> Result<(), Diagnostic>) -> Vec<LineFault> {
    let fault = |(number, line): (usize, String)| take(Part { text: &line, at: 0 }).err().map(|fault| (number, fault));
    lines(text).into_iter().filter_map(fault).collect()
}

/// The first parts of a line; the last takes the rest.
fn parts(line: Part<'_>, most: usize) -> Vec<Part<'_>> {
    let mut rest = line;
    let mut out = Vec::new();
    while out.len() + 1 < most
        && let Some(comma) = rest.text.find(',')
    {
        out.push(rest.slice(0, comma).trim());
        rest = rest.slice(comma + 1, rest.text.len());
    }
    out.push(rest.trim());
    out
}

fn category(part: Part<'_>) -> Result<Category, Diagnostic> {
    small(part, MAX_CATEGORY).map(Category)
}

/// A number that is not above this.
fn small(part: Part<'_>, most: u8) -> Result<u8, Diagnostic> {
    part.integer_in(0, most.into()).map(|number| u8::try_from(number).unwrap_or(most))
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The leading bits alone.
fn network(address: u128, bits: u8) -> u128 {
    // A shift by the whole width means that no bit counts.
    address & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATEGORIES: &str = "# id,short,description\n1,bad,Known bad, and worse\n60,last,Last";

    fn table(list: &str) -> Reputation {
        let mut table = Reputation::default();
        assert!(table.add_categories(CATEGORIES).is_empty());
        assert!(table.add_list(list).is_empty());
        table
    }

    #[test]
    fn the_longest_prefix_of_the_category_decides() {
        let table = table(
            "10.0.0.0/8,1,10\n10.1.2.99/24,1,20\n10.1.2.3,1,0\n10.1.2.3,1,30\n10.1.2.4,60,127\n\
             2001:db8::/32,1,40\n2001:db8::1,1,50\n::/0,60,1\n",
        );
        for (address, name, wanted) in [
            ("10.255.0.1", "bad", Some(10)),
            ("10.1.2.200", "bad", Some(20)),
            ("10.1.3.200", "bad", Some(10)),
            ("10.1.2.3", "bad", Some(30)),
            ("10.1.2.4", "bad", Some(20)),
            ("10.1.2.4", "last", Some(127)),
            ("11.0.0.1", "bad", None),
            ("2001:db8:1::", "bad", Some(40)),
            ("2001:db8::1", "bad", Some(50)),
            ("2001:db9::1", "bad", None),
            ("2001:db9::1", "last", Some(1)),
        ] {
            let category = table.category(name).unwrap();
            assert_eq!(table.score(address.parse().unwrap(), category), wanted, "{address} {name}");
        }
        assert!(table.category("worse").is_none());
    }

    #[test]
    fn bad_lines_are_named_and_the_others_read() {
        let list = "10.0.0.1,1,1\n10.0.0.2,1\n10.0.0.0/33,1,1\nhost,1,1\n10.0.0.3,61,1\n10.0.0.4,1,128\n10.0.0.5,1,1";
        let mut table = Reputation::default();
        let numbers = |faults: Vec<LineFault>| faults.into_iter().map(|fault| fault.0).collect::<Vec<_>>();
        assert_eq!(numbers(table.add_list(list)), [2, 3, 4, 5, 6]);
        assert_eq!(table.score("10.0.0.5".parse().unwrap(), Category(1)), Some(1));
        assert_eq!(numbers(table.add_categories("1,a\n61,b,c\nx,b,c\n2,,c\n3,d,e")), [1, 2, 3, 4]);
    }

    #[test]
    fn what_is_beyond_the_cap_is_left_out_and_told() {
        let mut table = Reputation { max_rows: 1, ..Reputation::default() };
        let faults = table.add_list("10.0.0.1,1,1\n10.0.0.2,1,1\n10.0.0.1,1,2");
        assert_eq!(faults.iter().map(|fault| fault.0).collect::<Vec<_>>(), [2]);
        assert_eq!(table.score("10.0.0.1".parse().unwrap(), Category(1)), Some(2));
    }
}
