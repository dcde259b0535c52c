//! The sensor: captures, configuration, outputs, the kernel stage; everything around the engine of `ids-core`.
//!
//! | module | what it does |
//! |---|---|
//! | [`capture`] | files and interfaces → packets |
//! | [`kernel`] | loads the XDP program, fills and reads its maps |
//! | [`live`] | interfaces → engine → verdicts: mirror port and inline |
//! | [`ports`] | sets interfaces up and gives them back |

pub mod capture;
pub mod kernel;
pub mod live;
pub mod ports;
