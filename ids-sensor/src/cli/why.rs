//! `why`: what happens to a packet now, asked of the running sensor or read from the maps that one left.

use super::args::Why as Arguments;
use super::block::{left_behind, nothing};
use super::{Failure, ask, say, sensor};
use crate::control::requests::WhyAsk;
use crate::layout::{self, Column, Gives};
use crate::why::{self, Fact, Site, Target, Why};

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Arguments) -> Result<(), Failure> {
    let target: Target = args.what.join(" ").parse().map_err(Failure::Usage)?;
    let why: Why = match sensor(&args.instance)? {
        Some(mut client) => ask(&mut client, "why", &WhyAsk { target: args.what.join(" ") })?,
        None => {
            let tables = left_behind(&args.instance)?.ok_or_else(|| nothing(&args.instance))?;
            let site = Site { groups: Vec::new(), shield: None, reason: &|_| None, alert: &|_, _| None };
            why::explain(&target, &tables, &site).map_err(Failure::environment)?
        }
    };
    if args.json {
        say::line(serde_json::to_string(&why).map_err(Failure::environment)?)?;
    } else {
        say::line(format_args!("{}: {}", why.target, why.says))?;
        say::text(layout::table(COLUMNS, why.facts.iter().map(row).collect(), layout::width()))?;
    }
    Ok(())
}

const COLUMNS: &[Column] = &[
    ("", Gives::Nothing),
    ("WHAT", Gives::Nothing),
    ("ABOUT", Gives::Nothing),
    ("SECONDS LEFT", Gives::Nothing),
    ("PACKETS", Gives::Nothing),
    ("BECAUSE", Gives::Wraps),
];

fn row(fact: &Fact) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
    let because = fact.alert.as_ref().map_or(fact.because.clone(), |alert| {
        format!("{}: \"{}\", alert {} of {}", fact.because, alert.signature, alert.id, alert.time)
    });
    let mark = if fact.decides { "*" } else { "" };
    let (ttl, packets) = (number(fact.ttl), number(fact.packets));
    vec![mark.to_owned(), fact.kind.clone(), fact.about.clone(), ttl, packets, because]
}
