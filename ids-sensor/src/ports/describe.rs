//! What an interface is like, before anything is changed.

use super::device::{Device, Hashing};
use super::{Error, OFF};

/// What an interface is like.
#[derive(Clone, Debug)]
pub struct Description {
    /// It is up.
    pub up: bool,
    /// It has a carrier.
    pub carrier: bool,
    /// Its MTU.
    pub mtu: u32,
    /// The name of its driver.
    pub driver: String,
    /// Receive queues in use.
    pub queues: u32,
    /// How it spreads packets over them.
    pub spread: Spread,
    /// Features that are on and would hide or merge packets, by their kernel names.
    pub in_the_way: Vec<&'static str>,
    /// Those of them that cannot be turned off.
    pub stuck: Vec<&'static str>,
}

/// How packets are spread over queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Both directions of a flow come in on the same queue.
    Symmetric,
    /// They need not.
    Asymmetric,
    /// The driver does not say.
    Unknown,
}

/// Looks at an interface.
///
/// # Errors
/// There is no such interface.
pub fn describe(interface: &str) -> Result<Description, Error> {
    let device = Device::open(interface)?;
    let (on, changeable) = (device.features()?, device.changeable_features()?);
    let listed = |names: &[String], name: &str| names.iter().any(|one| one == name);
    let in_the_way: Vec<&'static str> = OFF.into_iter().filter(|name| listed(&on, name)).collect();
    let stuck = in_the_way.iter().copied().filter(|name| !listed(&changeable, name)).collect();
    Ok(Description {
        up: device.is_up()?,
        carrier: device.has_carrier()?,
        mtu: device.mtu()?,
        driver: device.driver()?,
        queues: device.queues()?,
        spread: device.hashing()?.map_or(Spread::Unknown, |hashing| spread(&hashing)),
        in_the_way,
        stuck,
    })
}

/// A hash is symmetric if its input is made so, if the exclusive or of it is all that counts, or if the key of the
/// Toeplitz function repeats itself every two bytes (Woo and Park, "Scalable TCP session monitoring with symmetric
/// receive-side scaling", 2012).
fn spread(hashing: &Hashing) -> Spread {
    let repeats = |key: &[u8]| key.len() > 2 && key.chunks(2).all(|pair| key.starts_with(pair));
    match hashing {
        Hashing { symmetric_input: true, .. } | Hashing { function: Hashing::XOR, .. } => Spread::Symmetric,
        Hashing { function: Hashing::TOEPLITZ, key, .. } if repeats(key) => Spread::Symmetric,
        _ => Spread::Asymmetric,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreads_both_directions_alike() {
        let key = |bytes: &[u8]| bytes.repeat(20);
        for (function, symmetric_input, key, want) in [
            (Hashing::TOEPLITZ, false, key(&[0x6d, 0x5a]), Spread::Symmetric),
            (Hashing::TOEPLITZ, false, key(&[0x6d, 0x5a, 0x56, 0xda]), Spread::Asymmetric),
            (Hashing::TOEPLITZ, false, Vec::new(), Spread::Asymmetric),
            (Hashing::TOEPLITZ, true, key(&[1, 2, 3, 4]), Spread::Symmetric),
            (Hashing::XOR, false, Vec::new(), Spread::Symmetric),
            (4, false, key(&[0x6d, 0x5a]), Spread::Asymmetric),
        ] {
            let hashing = Hashing { function, symmetric_input, key };
            assert_eq!(spread(&hashing), want, "{hashing:?}");
        }
    }

    #[test]
    fn the_loopback_interface_is_described() {
        let lo = describe("lo").unwrap();
        assert!(lo.mtu > 1500 && lo.queues == 1, "{lo:?}");
        assert!(matches!(describe("no-such-if"), Err(Error::Missing(_))));
    }
}
