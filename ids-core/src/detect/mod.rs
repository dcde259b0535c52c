//! Detection: rules → a rule set; packets and transactions → alerts.

pub mod rule;
