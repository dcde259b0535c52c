//! Detection: rules → a rule set; packets and transactions → alerts.

pub mod bytes;
pub mod integer;
pub mod mpm;
pub mod rule;
pub mod transforms;
