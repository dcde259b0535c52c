//! How text for people fits the terminal that it goes to.
//!
//! In: rows or a sentence, and how wide the terminal is.  Out: text. Without a width, as for a file or another
//! program, nothing is cut, left out or broken.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};

use comfy_table::{ColumnConstraint, Row, Table, Width, presets};

/// Columns that stay for what can be cut, before others are left out.
const LEGIBLE: usize = 20;

/// Columns that stay for it in any case: less says nothing.
const LEAST: usize = 8;

/// Blanks around what stands in a column.
const PADDING: usize = 2;

/// What a column does where the terminal is too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// Nothing.
    Nothing,
    /// Shows the beginning, with an ellipsis.
    Cut,
    /// Goes on in the next line.
    Wraps,
    /// Is left out, those with lower numbers first.
    Out(u8),
}

/// Title of a column, and what it does where there is no room.
pub type Column = (&'static str, Gives);

/// Columns of the terminal that standard output is; `None` if it is none. `COLUMNS` counts if it is set.
pub fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    told.or_else(|| Table::new().width().map(usize::from))
}

/// So many of a thing: `1 rule`, `2 rules`.
pub fn count(number: u64, thing: &str) -> String {
    let number_text = indicatif::HumanCount(number);
    if number == 1 { format!("{number_text} {thing}") } else { format!("{number_text} {thing}s") }
}

/// One end of a flow as people write it: `192.0.2.7:80`, `[2001:db8::7]:80`, without a port the address alone.
pub fn endpoint(addr: IpAddr, port: Option<u16>) -> String {
    port.map_or_else(|| addr.to_string(), |port| SocketAddr::new(addr, port).to_string())
}

/// A table with its line ends; `none` if there are no rows. What was left out is named below it.
pub fn table(columns: &[Column], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|(title, _)| *title));
    table.add_rows(rows.into_iter().map(|cells| {
        // A line end inside would be a row that there is not.
        Row::from(cells.into_iter().map(|cell| cell.replace(['\n', '\r'], " ")))
    }));
    let widths: Vec<usize> = table.column_max_content_widths().into_iter().map(usize::from).collect();
    let room = fit(columns, &widths, width);
    for ((column, room), (_, gives)) in table.column_iter_mut().zip(&room).zip(columns) {
        if *gives == Gives::Cut {
            // Cut between characters, lest room is left behind the last word. No cell has a line end.
            column.set_delimiter('\n');
        }
        match room {
            None => column.set_constraint(ColumnConstraint::Hidden),
            Some(room) if *gives != Gives::Nothing => column.set_constraint(ColumnConstraint::UpperBoundary(
                Width::Fixed(u16::try_from(room + PADDING).unwrap_or(u16::MAX)),
            )),
            Some(_) => column,
        };
    }
    if !columns.iter().any(|(_, gives)| *gives == Gives::Wraps) {
        table.row_iter_mut().for_each(|row| {
            row.max_height(1);
        });
    }
    let mut text = table.trim_fmt() + "\n";
    let hidden: Vec<_> =
        columns.iter().zip(&room).filter(|(_, room)| room.is_none()).map(|((title, _), _)| *title).collect();
    if !hidden.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "(no room for {}: widen the terminal, or append `| cat`)", hidden.join(", "));
    }
    text
}

/// How much room each column gets; `None`: it is left out.
fn fit(columns: &[Column], widths: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut room: Vec<Option<usize>> = widths.iter().copied().map(Some).collect();
    let Some(width) = width else { return room };
    let flexible = |at: usize| matches!(columns[at].1, Gives::Cut | Gives::Wraps);
    let total = |room: &[Option<usize>]| room.iter().flatten().map(|room| room + PADDING).sum::<usize>();
    // What columns that give way can give up while they stay legible.
    let spare = |room: &[Option<usize>]| -> usize {
        let places = (0..room.len()).filter(|at| flexible(*at));
        places.map(|at| room[at].map_or(0, |room| room.saturating_sub(LEGIBLE))).sum()
    };
    let mut order: Vec<(u8, usize)> = (0..columns.len())
        .filter_map(|at| if let Gives::Out(order) = columns[at].1 { Some((order, at)) } else { None })
        .collect();
    order.sort_unstable();
    for (_, at) in order {
        if total(&room) <= width + spare(&room) {
            break;
        }
        room[at] = None;
    }
    for at in (0..columns.len()).filter(|at| flexible(*at)) {
        let excess = total(&room).saturating_sub(width);
        room[at] = room[at].map(|wanted| wanted.saturating_sub(excess).max(wanted.min(LEAST)));
    }
    room
}

/// A sentence, broken between words; later lines begin with `indent`. A word that is too long stays whole.
pub fn wrap(text: &str, indent: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push('\n');
            out.push_str(indent);
            used = indent.len();
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        ("DATE", Gives::Out(2)),
        ("TIME", Gives::Nothing),
        ("SIGNATURE", Gives::Cut),
        ("FLOW", Gives::Nothing),
        ("ID", Gives::Out(1)),
    ];

    fn rows() -> Vec<Vec<String>> {
        let flow = "TCP 192.0.2.10:49222 -> 198.51.100.20:80";
        let row =
            ["2026-01-02", "03:04:05", "WEB a signature with a long name\nand a second line", flow, "0123456789abcdef"];
        vec![row.map(str::to_owned).to_vec(); 2]
    }

    #[test]
    fn tables_fit_the_terminal() {
        for (width, hidden, cut) in [
            (Some(68), Some("(no room for DATE, ID:"), true),
            (Some(80), Some("(no room for DATE, ID:"), true),
            (Some(95), Some("(no room for ID:"), true),
            (None, None, false),
            (Some(200), None, false),
        ] {
            let text = table(COLUMNS, rows(), width);
            let body: Vec<_> = text.lines().take(3).collect();
            assert!(body.iter().all(|line| line.chars().count() <= width.unwrap_or(999)), "{width:?}\n{text}");
            assert_eq!(body[1].contains('…'), cut, "{width:?}\n{text}");
            assert!(body[1].contains("198.51.100.20:80"), "what does not give way stays whole\n{text}");
            assert_eq!(text.lines().nth(3).map(|line| &line[..hidden.unwrap_or_default().len()]), hidden, "{text}");
        }
        assert!(table(COLUMNS, rows(), Some(68)).contains(" WEB a signatu…  TCP "), "cut between characters");
        assert_eq!(table(COLUMNS, Vec::new(), Some(80)), "none\n");
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrap("one two three", "  ", Some(9)), "one two\n  three");
        assert_eq!(wrap("incomprehensible", "  ", Some(9)), "incomprehensible");
        assert_eq!(wrap("one two three", "  ", None), "one two three");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2000].map(|number| count(number, "rule")), ["0 rules", "1 rule", "2,000 rules"]);
    }
}
