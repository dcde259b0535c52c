//! The rule set in force, which every worker takes over between two batches of packets.
//!
//! In: a new set, from any thread.  Out: the set a worker goes by.  Packets wait for nothing: a worker looks at one
//! number per tick, and whoever exchanges the set also frees the old one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ids_core::detect::rule_set::RuleSet;

/// How long workers may take until all go by the new set: many ticks.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rule set in force.
#[derive(Debug, Default)]
pub struct Force {
    rules: Mutex<Arc<RuleSet>>,
    /// Rises with every exchange.
    version: AtomicU64,
}

impl Force {
    /// Puts the first set in force.
    pub fn new(rules: RuleSet) -> Arc<Self> {
        Arc::new(Self { rules: Mutex::new(Arc::new(rules)), version: AtomicU64::new(0) })
    }

    /// Puts another set in force, and waits until all workers go by it. Out: whether they do; one that hangs takes it
    /// over when it goes on.
    pub fn exchange(&self, mut new: RuleSet) -> bool {
        let old = {
            let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            new.succeed(&rules);
            std::mem::replace(&mut *rules, Arc::new(new))
        };
        self.version.fetch_add(1, Ordering::Release);
        // The old set goes here, and not on a worker's thread: it is large.
        let start = Instant::now();
        while Arc::strong_count(&old) > 1 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        Arc::strong_count(&old) == 1
    }

    /// What is in force now.
    pub fn current(&self) -> Arc<RuleSet> {
        Arc::clone(&self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A worker's view of it.
#[derive(Debug)]
pub struct Follower {
    force: Arc<Force>,
    version: u64,
    rules: Arc<RuleSet>,
}

impl Follower {
    /// Goes by what is in force now.
    pub fn new(force: &Arc<Force>) -> Self {
        let version = force.version.load(Ordering::Acquire);
        Self { version, rules: force.current(), force: Arc::clone(force) }
    }

    /// The set to go by.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Takes over what is in force, if it is another set than before.
    pub fn follow(&mut self) {
        let version = self.force.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            self.rules = self.force.current();
        }
    }
}

impl Default for Follower {
    /// No rules.
    fn default() -> Self {
        Self::new(&Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use ids_core::detect::compile::Loader;
    use ids_core::detect::settings::Settings;
    use ids_core::rules;

    use super::*;

    fn set(loader: &mut Loader, count: u32) -> RuleSet {
        let text: String = (1..=count).map(|sid| format!("alert ip any any -> any any (sid:{sid};)\n")).collect();
        let rules = rules::parse(&text).rules.into_iter().map(|rule| (0, rule));
        loader.compile(rules, &Settings::default()).unwrap().rules
    }

    #[test]
    fn a_follower_takes_the_new_set_over_when_it_looks() {
        let mut loader = Loader::default();
        let force = Force::new(set(&mut loader, 1));
        let mut follower = Follower::new(&force);
        let new = set(&mut loader, 2);
        std::thread::scope(|scope| {
            let exchange = scope.spawn(|| force.exchange(new));
            while follower.rules().len() == 1 {
                follower.follow();
            }
            assert!(exchange.join().unwrap(), "nobody goes by the old set");
        });
        assert_eq!(follower.rules().len(), 2);
        assert_eq!(Follower::new(&force).rules().len(), 2);
    }
}
