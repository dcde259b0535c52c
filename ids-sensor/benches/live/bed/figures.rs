//! Figures, and how they are shown: what was measured, against what, and what was aimed at.

use ids_sensor::layout::{self, Column, Gives};

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// It is told, and that is all.
    None,
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// The rows of one table.
#[derive(Default)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A figure with its unit.
    pub fn row(&mut self, what: &str, figure: f64, unit: &str, goal: Goal) {
        self.against(what, figure, unit, "", goal);
    }

    /// A figure with its unit, and what it is to be seen beside.
    pub fn against(&mut self, what: &str, figure: f64, unit: &str, against: &str, goal: Goal) {
        let (aim, met) = match goal {
            Goal::None => (String::new(), ""),
            Goal::AtMost(most) => (format!("at most {}", number(most)), if figure <= most { "yes" } else { "NO" }),
            Goal::AtLeast(least) => (format!("at least {}", number(least)), if figure >= least { "yes" } else { "NO" }),
        };
        let cells = [what, &number(figure), unit, against, &aim, met];
        self.0.push(cells.map(str::to_owned).to_vec());
    }

    /// Prints it.
    pub fn print(self, title: &str) {
        const COLUMNS: [Column; 6] = [
            ("WHAT", Gives::Nothing),
            ("MEASURED", Gives::Nothing),
            ("UNIT", Gives::Nothing),
            ("BESIDE", Gives::Out(1)),
            ("GOAL", Gives::Nothing),
            ("MET", Gives::Nothing),
        ];
        println!("\n{title}\n{}", layout::table(&COLUMNS, self.0, layout::width()).trim_end());
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// The value that this share of all values is not above.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

/// Puts values in order.
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}
