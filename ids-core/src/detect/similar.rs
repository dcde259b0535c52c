//! Which of the names that there are was meant by one that there is not.

/// The name most like this one, best one that begins like it; `None` if all are too far away to be a slip of the hand.
pub(super) fn nearest(name: &str, known: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    let limit = 1 + name.len() / 4;
    let begins_otherwise = |known: &str| known.bytes().next() != name.bytes().next();
    let distances = known.into_iter().map(|known| (distance(name, known), begins_otherwise(known), known));
    distances.filter(|(distance, ..)| *distance <= limit).min().map(|(_, _, known)| known)
}

/// How many characters must be changed, added, removed or exchanged with the next one to turn one word into the other
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let (mut far_above, mut last) = (Vec::new(), None);
    for (i, x) in a.bytes().enumerate() {
        let (mut row, mut before) = (vec![i + 1], None);
        for (j, y) in b.bytes().enumerate() {
            let mut best = (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            if last == Some(y) && before == Some(x) {
                best = best.min(at(&far_above, j.saturating_sub(1)) + 1);
            }
            row.push(best);
            before = Some(y);
        }
        far_above = std::mem::replace(&mut above, row);
        last = Some(x);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, wanted) in
            [("", "abc", 3), ("contnet", "content", 1), ("tpc", "tcp", 1), ("kitten", "sitting", 3), ("x", "x", 0)]
        {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn what_is_too_far_away_was_not_meant() {
        for (name, wanted) in
            [("htp", Some("http")), ("tpc", Some("tcp")), ("xyz", None), ("bittorent-dht", Some("bittorrent-dht"))]
        {
            assert_eq!(nearest(name, ["bittorrent-dht", "ftp", "http", "tcp"]), wanted, "{name}");
        }
    }
}
