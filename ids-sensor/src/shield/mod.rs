//! What keeps blocks of hosts from being turned against their owner.
//!
//! In: blocks that rules, lists or people ask for.  Out: whether they may be, or why not ([`Refusal`]).
//! Holds: who must not be blocked, and how many blocks rules have asked for in this minute. What is on the list for a
//! single address or prefix also goes into the kernel's `ALLOW` maps, where it beats every block, also one of a
//! broader prefix. HOME_NET does not: there it would shield all flows from being blocked; instead no block may touch
//! it.
//! Must not know: packets, maps.

mod machine;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ids_core::detect::header::AddressSet;

use crate::kernel::Prefix;
use crate::kernel::clock::Monotonic;

/// What the configuration says about it (`ips`).
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `allow`.
    pub allow: Vec<Prefix>,
    /// `allow-own`: addresses of this machine, its gateways and resolvers.
    pub own: bool,
    /// HOME_NET, if it counts.
    pub home: Option<Arc<AddressSet>>,
    /// `max-per-minute`: hosts that rules may have blocked; 0 is no limit.
    pub max_per_minute: u32,
    /// Blocks are counted but not carried out.
    pub dry_run: bool,
}

/// Why an address must not be blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The configuration names it.
    Configured,
    /// It is an address of this machine.
    Own,
    /// A route of this machine leads over it.
    Gateway,
    /// This machine asks it for names.
    Resolver,
    /// It belongs to HOME_NET.
    Home,
}

impl Cause {
    /// For people, after "it is".
    pub const fn text(self) -> &'static str {
        match self {
            Self::Configured => "listed in ips.allow",
            Self::Own => "an address of this machine",
            Self::Gateway => "a gateway of this machine",
            Self::Resolver => "a name server of this machine",
            Self::Home => "part of HOME_NET",
        }
    }
}

/// Someone whom no block may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Who.
    pub prefix: Prefix,
    /// Why.
    pub cause: Cause,
}

/// Why a block is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its address may be forged: there was no completed TCP handshake.
    Spoofable,
    /// It would hit someone who is allowed.
    Allowed,
    /// Too many were asked for in this minute.
    TooMany,
    /// Nothing is blocked at all.
    DryRun,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Spoofable, Self::Allowed, Self::TooMany, Self::DryRun];

    /// Its name in counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spoofable => "spoofable",
            Self::Allowed => "allowed",
            Self::TooMany => "too_many",
            Self::DryRun => "dry_run",
        }
    }
}

/// The guard before the block maps. Shared by all who ask for blocks, which are rare.
#[derive(Debug, Default)]
pub struct Shield {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    allowed: Vec<Allowed>,
    /// Beginning of the minute that is counted, and the count.
    minute: Monotonic,
    count: u32,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Shield {
    /// A shield that knows what the configuration says, and what [`Shield::renew`] finds.
    pub fn new(settings: Settings) -> Self {
        let shield = Self { settings, state: Mutex::default() };
        shield.take(Vec::new());
        shield
    }

    /// Reads again which addresses belong to this machine. Out: what could not be read; what was known of it is kept.
    pub fn renew(&self) -> Vec<String> {
        if !self.settings.own {
            return Vec::new();
        }
        let (found, problems) = machine::read();
        if problems.is_empty() {
            self.take(found);
        } else {
            let known = self.allowed().into_iter().filter(|known| known.cause != Cause::Configured);
            self.take(known.chain(found).collect());
        }
        problems
    }

    fn take(&self, found: Vec<Allowed>) {
        let configured = self.settings.allow.iter().map(|prefix| Allowed { prefix: *prefix, cause: Cause::Configured });
        let mut all: Vec<Allowed> = configured.chain(found).collect();
        // The first cause of each stays.
        all.sort_by_key(|allowed| allowed.prefix);
        all.dedup_by_key(|allowed| allowed.prefix);
        self.state().allowed = all;
    }

    /// Everybody who goes into the kernel's maps.
    pub fn allowed(&self) -> Vec<Allowed> {
        self.state().allowed.clone()
    }

    /// Whether blocks are carried out at all.
    pub fn carry_out(&self) -> Result<(), Refusal> {
        if self.settings.dry_run { Err(Refusal::DryRun) } else { Ok(()) }
    }

    /// Whether a block on account of a rule may be. `spoofable`: the address may be forged.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, target: Prefix, spoofable: bool, now: Monotonic) -> Result<(), Refusal> {
        if spoofable {
            return Err(Refusal::Spoofable);
        }
        if self.cause(target).is_some() {
            return Err(Refusal::Allowed);
        }
        self.carry_out()?;
        let mut state = self.state();
        if now.since(state.minute) >= MINUTE {
            (state.minute, state.count) = (now, 0);
        }
        if self.settings.max_per_minute != 0 && state.count >= self.settings.max_per_minute {
            return Err(Refusal::TooMany);
        }
        state.count += 1;
        Ok(())
    }

    /// Why an address or prefix must not be blocked, if so. A prefix that holds allowed ones among others may be: the
    /// kernel shields those; but for HOME_NET, of which it does not know.
    pub fn cause(&self, target: Prefix) -> Option<Cause> {
        let listed = self.state().allowed.iter().find(|allowed| allowed.prefix.contains(target)).map(|one| one.cause);
        listed.or_else(|| self.settings.home.as_ref().filter(|home| touches(home, target)).map(|_| Cause::Home))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether any address of a prefix is in a set.
fn touches(set: &AddressSet, prefix: Prefix) -> bool {
    match (prefix.addr(), prefix.last()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            set.v4.ranges().iter().any(|(low, high)| *low <= last.to_bits() && *high >= first.to_bits())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            set.v6.ranges().iter().any(|(low, high)| *low <= last.to_bits() && *high >= first.to_bits())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ids_core::detect::header::{Reader, Vars};
    use ids_core::rules::ast::Spanned;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn set(text: &str) -> Arc<AddressSet> {
        let text = Spanned { text: text.to_owned(), span: 0..text.len() };
        Reader::default().address(&text, &Vars::default()).unwrap()
    }

    #[test]
    fn who_is_allowed() {
        let settings = Settings {
            allow: vec![prefix("203.0.113.0/24"), prefix("2001:db8::1")],
            home: Some(set("[10.0.0.0/8,!10.9.0.0/16,fd00::/16]")),
            ..Settings::default()
        };
        let shield = Shield::new(settings);
        for (target, want) in [
            ("203.0.113.7", Some(Cause::Configured)),
            ("203.0.113.0/25", Some(Cause::Configured)),
            // It holds others, too; the kernel shields those that are listed.
            ("203.0.112.0/23", None),
            ("203.0.114.1", None),
            ("2001:db8::1", Some(Cause::Configured)),
            ("2001:db8::/64", None),
            ("10.1.2.3", Some(Cause::Home)),
            ("10.9.2.3", None),
            ("10.9.0.0/16", None),
            // The kernel does not know of HOME_NET: no block may touch it.
            ("10.8.0.0/15", Some(Cause::Home)),
            ("0.0.0.0/1", Some(Cause::Home)),
            ("fd00:1::/64", Some(Cause::Home)),
            ("fd01::/64", None),
        ] {
            assert_eq!(shield.cause(prefix(target)), want, "{target}");
        }
    }

    #[test]
    fn what_is_refused_and_why() {
        let settings = || Settings { allow: vec![prefix("192.0.2.1")], max_per_minute: 2, ..Settings::default() };
        let at = |seconds: u64| Monotonic(seconds * 1_000_000_000);
        let shield = Shield::new(settings());
        for (target, spoofable, second, want) in [
            ("192.0.2.9", true, 100, Err(Refusal::Spoofable)),
            ("192.0.2.1", true, 100, Err(Refusal::Spoofable)),
            ("192.0.2.1", false, 100, Err(Refusal::Allowed)),
            ("192.0.2.9", false, 100, Ok(())),
            ("192.0.2.9", false, 130, Ok(())),
            ("192.0.2.9", false, 159, Err(Refusal::TooMany)),
            ("192.0.2.9", false, 160, Ok(())),
        ] {
            assert_eq!(shield.admit(prefix(target), spoofable, at(second)), want, "{target} at {second}");
        }
        let shield = Shield::new(Settings { dry_run: true, ..settings() });
        assert_eq!(shield.admit(prefix("192.0.2.9"), false, at(1)), Err(Refusal::DryRun));
        let shield = Shield::new(Settings { max_per_minute: 0, ..settings() });
        assert!((0..10_000).all(|_| shield.admit(prefix("192.0.2.9"), false, at(1)).is_ok()), "0 is no limit");
    }

    #[test]
    fn refusals_are_numbered_in_order() {
        for (number, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, number);
        }
    }
}
