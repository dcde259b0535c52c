//! The sensor: everything around the engine that touches the outside.

pub mod authoring;
pub mod control;
