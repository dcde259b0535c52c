//! `tls.store`: the certificates that a side shows are stored.
//!
//! Source: the chapter on SSL/TLS keywords of the Suricata 8 user guide.

use crate::detect::builder::RuleBuilder;
use crate::detect::rule_set::Effect;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::Diagnostic;

/// Protocols in which certificates are shown have this field.
const CERTIFICATES: &str = "tls.certs";

pub(super) fn store(rule: &mut RuleBuilder<'_, '_>, opt: &Opt) -> Result<(), Diagnostic> {
    super::about(rule, opt, CERTIFICATES, "shows certificates")?;
    rule.effects.push(Effect::Certificates);
    Ok(())
}
