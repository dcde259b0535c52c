//! The tables by which the kernel stage sifts data of released flows, out of those that the rules make.

use ids_core::detect::interest::sieve as rules;
use ids_ebpf::sieve::{self as kernel, Sieve};

const _: () = assert!(
    rules::SIZES == kernel::SIZES
        && rules::HEAD == kernel::HEAD
        && rules::NEAR == kernel::NEAR
        && rules::FAR == kernel::FAR
        && rules::NEAR_CLASSES == kernel::NEAR_CLASSES,
    "both tell the same apart"
);

/// Takes over what rules have to say.
pub(super) fn fill(sieve: &mut Sieve, rules: &rules::Sieve) {
    sieve.sizes.copy_from_slice(&rules.sizes);
    sieve.head.copy_from_slice(&rules.head);
    rules.seekers.iter().for_each(|(bytes, classes)| sieve.seek(*bytes, *classes));
}

/// Catches everything.
pub(super) fn fill_all(sieve: &mut Sieve) {
    // In place: they are too large for a stack.
    sieve.sizes.fill(u64::MAX);
    sieve.head.as_flattened_mut().fill(u64::MAX);
    sieve.seekers.as_flattened_mut().fill(u8::MAX);
}

/// Adds what another one catches.
pub(super) fn add(sieve: &mut Sieve, other: &Sieve) {
    let mine = sieve.sizes.iter_mut().chain(sieve.head.as_flattened_mut());
    let theirs = other.sizes.iter().chain(other.head.as_flattened());
    mine.zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
    let mine = sieve.seekers.as_flattened_mut().iter_mut();
    mine.zip(other.seekers.as_flattened()).for_each(|(mine, theirs)| *mine |= theirs);
}
