//! Everything below IP: link layers, tags, labels.

use super::{Decoder, Step, by_ether_type, offset};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::packet::Network;
use crate::wire::arp::Arp;
use crate::wire::cooked::{self, Cooked};
use crate::wire::ethernet::Ethernet;
use crate::wire::mpls::{self, Entry};
use crate::wire::nsh::{self, Nsh};
use crate::wire::pbb::Pbb;
use crate::wire::ppp::{self, Ppp};
use crate::wire::pppoe::Pppoe;
use crate::wire::vlan::Vlan;
use crate::wire::vntag::Vntag;
use crate::wire::{Malformed, chdlc, null};

impl Decoder<'_, '_> {
    /// The step for an EtherType, or `unknown` as what is odd.
    fn typed(&self, ether_type: u16, unknown: Anomaly) -> Result<Step, Malformed> {
        by_ether_type(ether_type, self.config).ok_or(Malformed(unknown))
    }

    pub(super) fn ethernet(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderEthernet);
        let ether = Ethernet::parse(self.rest())?;
        self.packet.layers.ether = Some(offset(self.at));
        self.at += Ethernet::LEN;
        let step = ether.content().and_then(|(ether_type, llc)| {
            self.at += llc;
            by_ether_type(ether_type, self.config)
        });
        if step.is_none() {
            self.counters.count(Counter::DecoderUnknownEthertype);
        }
        step.ok_or(Malformed(Anomaly::EthernetUnknownEthertype))
    }

    pub(super) fn null(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderNull);
        let family = null::parse(self.rest())?;
        self.at += null::LEN;
        Ok(match family {
            null::Family::Ipv4 => Step::Ipv4,
            null::Family::Ipv6 => Step::Ipv6,
        })
    }

    pub(super) fn raw(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderRaw);
        Ok(Step::Ip)
    }

    pub(super) fn chdlc(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderChdlc);
        let ether_type = chdlc::parse(self.rest())?;
        self.at += chdlc::LEN;
        // Keep-alives of the link itself have types of their own; nothing is odd about them.
        Ok(by_ether_type(ether_type, self.config).unwrap_or(Step::End))
    }

    pub(super) fn cooked(&mut self, version: cooked::Version) -> Result<Step, Malformed> {
        self.counters.count(match version {
            cooked::Version::V1 => Counter::DecoderSll,
            cooked::Version::V2 => Counter::DecoderSll2,
        });
        let head = Cooked::parse(self.rest(), version)?;
        self.at += head.len;
        Ok(by_ether_type(head.ether_type, self.config).unwrap_or(Step::End))
    }

    pub(super) fn vlan(&mut self) -> Result<Step, Malformed> {
        let vlan = Vlan::parse(self.rest())?;
        self.counters.count(match self.packet.layers.vlans {
            0 => Counter::DecoderVlan,
            1 => Counter::DecoderVlanQinq,
            _ => Counter::DecoderVlanQinqinq,
        });
        self.push_vlan(vlan.id(), Anomaly::VlanTooManyLayers)?;
        self.at += Vlan::LEN;
        self.typed(vlan.ether_type(), Anomaly::VlanUnknownType)
    }

    /// Keeps a VLAN id, or says that there are `too_many`.
    pub(super) fn push_vlan(&mut self, id: u16, too_many: Anomaly) -> Result<(), Malformed> {
        let layers = &mut self.packet.layers;
        let place = layers.vlan.get_mut(usize::from(layers.vlans)).ok_or(Malformed(too_many))?;
        *place = id;
        layers.vlans += 1;
        Ok(())
    }

    pub(super) fn vntag(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderVntag);
        let tag = Vntag::parse(self.rest())?;
        self.at += Vntag::LEN;
        self.typed(tag.ether_type(), Anomaly::VntagUnknownType)
    }

    pub(super) fn pbb(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderIeee8021ah);
        let head = Pbb::parse(self.rest())?;
        self.at += Pbb::LEN;
        self.typed(head.ether_type(), Anomaly::EthernetUnknownEthertype)
    }

    /// FabricPath: a tag of two bytes between the outer header and the frame.
    pub(super) fn dce(&mut self) -> Result<Step, Malformed> {
        const TAG: usize = 2;
        if self.rest().len() < TAG {
            return Err(Malformed(Anomaly::DcePktTooSmall));
        }
        self.at += TAG;
        Ok(Step::Ethernet)
    }

    pub(super) fn ppp(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderPpp);
        self.ppp_content()
    }

    fn ppp_content(&mut self) -> Result<Step, Malformed> {
        let head = Ppp::parse(self.rest())?;
        self.at += head.len;
        Ok(match ppp::content(head.protocol, self.rest())? {
            ppp::Content::Ipv4 => Step::Ipv4,
            ppp::Content::Ipv6 => Step::Ipv6,
            ppp::Content::Mpls => Step::Mpls,
            ppp::Content::Control => Step::End,
        })
    }

    pub(super) fn pppoe_session(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderPppoe);
        let head = Pppoe::parse(self.rest())?;
        head.check_session()?;
        self.at += Pppoe::LEN;
        self.end = self.at + head.payload.len();
        self.ppp_content()
    }

    pub(super) fn pppoe_discovery(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderPppoe);
        Pppoe::parse(self.rest())?.check_discovery()?;
        Ok(Step::End)
    }

    pub(super) fn mpls(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderMpls);
        loop {
            let entry = Entry::parse(self.rest())?;
            self.at += Entry::LEN;
            if entry.bottom() {
                return Ok(match mpls::payload(entry, self.rest())? {
                    mpls::Payload::Ipv4 => Step::Ipv4,
                    mpls::Payload::Ipv6 => Step::Ipv6,
                    mpls::Payload::ControlWord => {
                        self.at += mpls::CONTROL_WORD_LEN;
                        Step::Ethernet
                    }
                });
            }
        }
    }

    pub(super) fn nsh(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderNsh);
        let head = Nsh::parse(self.rest())?;
        self.at += head.len;
        Ok(match head.content()? {
            nsh::Content::Ipv4 => Step::Ipv4,
            nsh::Content::Ipv6 => Step::Ipv6,
            nsh::Content::Ethernet => Step::Ethernet,
            nsh::Content::Nsh => Step::Nsh,
            nsh::Content::Mpls => Step::Mpls,
        })
    }

    pub(super) fn arp(&mut self) -> Result<Step, Malformed> {
        self.counters.count(Counter::DecoderArp);
        Arp::parse(self.rest())?;
        let layers = &mut self.packet.layers;
        layers.network = Network::Arp;
        layers.network_at = offset(self.at);
        layers.network_len = offset(Arp::LEN);
        layers.network_end = layers.network_at.saturating_add(layers.network_len);
        Ok(Step::End)
    }
}
