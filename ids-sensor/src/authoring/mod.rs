//! For authors of rules: checking them, and trying them on exchanges written as text.

pub mod exchange;
pub mod report;
pub mod trial;
