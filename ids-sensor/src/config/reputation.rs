//! Reputation of addresses: where its files lie.

use std::path::PathBuf;

use super::section::Section;

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reputation {
    /// `reputation-categories-file`.
    pub categories: Option<PathBuf>,
    /// `reputation-files`; relative ones lie in `default-reputation-path`.
    pub lists: Vec<PathBuf>,
}

impl Reputation {
    pub(super) fn read(root: &Section<'_>) -> Self {
        let folder = PathBuf::from(root.text_or("default-reputation-path", "."));
        let lists = root.texts("reputation-files").unwrap_or_default();
        Self {
            categories: root.text("reputation-categories-file").map(PathBuf::from),
            lists: lists.iter().map(|name| folder.join(name)).collect(),
        }
    }
}
