//! Names the object of the XDP program that is built in: the one that is checked in, or another one to be tested.

fn main() {
    println!("cargo::rerun-if-env-changed=IDS_EBPF_OBJECT");
    let checked_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../ids-ebpf/object/ids-ebpf.o");
    let object = std::env::var("IDS_EBPF_OBJECT").unwrap_or_else(|_| checked_in.to_owned());
    println!("cargo::rustc-env=IDS_EBPF_OBJECT={object}");
}
