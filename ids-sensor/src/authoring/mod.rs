//! For authors of rules: checking them, saying what was made of them, and trying them on exchanges written as text.

pub mod analysis;
pub mod exchange;
pub mod report;
pub mod trial;
