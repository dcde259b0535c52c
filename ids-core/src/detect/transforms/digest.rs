//! `to_md5` (RFC 1321), `to_sha1`, `to_sha256` (FIPS 180-4): the raw digests.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::Args;

pub(super) fn md5(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Md5::digest(input));
}

pub(super) fn sha1(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Sha1::digest(input));
}

pub(super) fn sha256(_: &Args, input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Sha256::digest(input));
}

pub(super) fn fits_md5(bytes: &[u8], _: bool) -> bool {
    bytes.len() <= 16
}

pub(super) fn fits_sha1(bytes: &[u8], _: bool) -> bool {
    bytes.len() <= 20
}

pub(super) fn fits_sha256(bytes: &[u8], _: bool) -> bool {
    bytes.len() <= 32
}
