//! Names of the rule language that are not evaluated yet: rules with them do not load, and say so.

/// The names, sorted.
pub const NOT_YET: &[&str] = &[
    "asn1",
    "cip_service",
    "enip.capabilities",
    "enip.cip_attribute",
    "enip.cip_class",
    "enip.cip_extendedstatus",
    "enip.cip_instance",
    "enip.cip_status",
    "enip.device_type",
    "enip.identity_status",
    "enip.product_code",
    "enip.product_name",
    "enip.protocol_version",
    "enip.revision",
    "enip.serial",
    "enip.service_name",
    "enip.state",
    "enip.status",
    "enip.vendor_id",
    "enip_command",
    "lua",
    "modbus",
    "nfq_set_mark",
    "nfs.version",
    "nfs_procedure",
    "nfs_version",
    "pgsql.query",
    "quic.cyu.hash",
    "quic.cyu.string",
    "quic.sni",
    "quic.ua",
    "quic.version",
    "rfb.name",
    "rfb.secresult",
    "rfb.sectype",
    "rpc",
    "ssh.protoversion",
    "ssh.softwareversion",
    "template",
    "template2",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::catalog::{Catalog, Meaning};

    #[test]
    fn the_list_is_sorted_and_holds_nothing_that_is_evaluated() {
        assert!(NOT_YET.is_sorted());
        let catalog = Catalog::new();
        for name in NOT_YET {
            assert!(matches!(catalog.find(name), Some(Meaning::NotYet)), "`{name}` is evaluated: take it off the list");
        }
    }
}
