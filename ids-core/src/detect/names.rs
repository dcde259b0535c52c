//! Names that rules make up: flowbits, variables, xbits, hostbits. A name keeps its number for good, over
//! reloads too, so that state made under one rule set means the same under the next.

use std::collections::HashMap;
use std::sync::Arc;

/// What kind of thing a name stands for; each kind has its own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// `flowbits`.
    Flowbit,
    /// `flowint`.
    Flowint,
    /// Variables of a flow (`pcre` captures, `flowvar`).
    Flowvar,
    /// Variables of a packet (`pcre` captures, `pktvar`).
    Pktvar,
    /// `xbits`.
    Xbit,
    /// `hostbits`.
    Hostbit,
}

impl Space {
    const COUNT: usize = 6;
}

/// Number of a name within its [`Space`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u32);

/// All names met so far, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Names {
    ids: HashMap<(Space, Arc<str>), NameId>,
    texts: Arc<[Vec<Arc<str>>; Space::COUNT]>,
}

impl Names {
    /// The number of a name, new if it was not met before.
    pub fn intern(&mut self, space: Space, name: &str) -> NameId {
        let name: Arc<str> = name.into();
        if let Some(id) = self.ids.get(&(space, Arc::clone(&name))) {
            return *id;
        }
        let mut id = NameId(u32::MAX);
        if let Some(list) = Arc::make_mut(&mut self.texts).get_mut(space as usize) {
            id = NameId(u32::try_from(list.len()).unwrap_or(u32::MAX));
            list.push(Arc::clone(&name));
        }
        self.ids.insert((space, name), id);
        id
    }

    /// The name of a number.
    pub fn text(&self, space: Space, id: NameId) -> &str {
        let list = self.texts.get(space as usize);
        list.and_then(|list| list.get(id.0 as usize)).map_or("", |name| name)
    }

    /// The number of a name that was met before.
    pub fn find(&self, space: Space, name: &str) -> Option<NameId> {
        self.ids.get(&(space, name.into())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_and_spaces_are_apart() {
        let mut names = Names::default();
        let a = names.intern(Space::Flowbit, "a");
        let before = names.clone();
        let b = names.intern(Space::Flowbit, "b");
        assert_ne!(a, b);
        assert_eq!(names.intern(Space::Flowbit, "a"), a);
        assert_eq!(names.intern(Space::Xbit, "b"), a, "another space counts on its own");
        assert_eq!(names.text(Space::Flowbit, b), "b");
        assert_eq!(before.text(Space::Flowbit, a), "a");
        assert_eq!(before.text(Space::Flowbit, b), "", "a copy does not change");
    }
}
