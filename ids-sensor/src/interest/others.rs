//! What has to be seen on account of the configuration, whatever the rules are.

use ids_core::app::registry;
use ids_core::decode::Ports;
use ids_core::detect::header::Carriers;
use ids_core::engine;
use ids_core::exception::Exception;

use crate::config::Config;
use crate::config::eve::Types;

/// The needs of records and settings.
#[derive(Clone, Debug, Default)]
pub struct Others(pub(super) Vec<Demand>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// What carries the packets.
    pub carriers: Carriers,
    /// Ports on either side; `None`: all.
    pub ports: Option<Vec<u16>>,
    /// What it is.
    pub because: String,
}

/// Whatever comes in.
const EVERYTHING: Carriers = Carriers::ANY.or(Carriers::NONE);

impl Others {
    /// What the configuration asks for, with the settings that the engine makes of it.
    pub fn of(config: &Config, engine: &engine::Config) -> Self {
        let mut others = Self::default();
        for eve in &config.outputs.eve {
            others.records(&eve.types, engine);
        }
        if engine.app.files.care.wanted.all {
            others.want(Carriers::TCP.or(Carriers::UDP), "file-store.force-filestore");
        }
        others.settings(engine);
        others.tunnels(engine);
        others
    }

    fn want(&mut self, carriers: Carriers, because: impl Into<String>) {
        let because = because.into();
        if !self.0.iter().any(|demand| demand.because == because) {
            self.0.push(Demand { carriers, ports: None, because });
        }
    }

    /// Records that are written without any rule. Those of alerts and drops are the rules' and the policies' business,
    /// `stats` counts what was inspected.
    fn records(&mut self, types: &Types, engine: &engine::Config) {
        let parsed = Carriers::TCP.or(Carriers::UDP);
        if let Some(anomaly) = &types.anomaly {
            let kinds = [
                // An odd packet is handed up in any case, but its record names a flow that must be known.
                (anomaly.decode, EVERYTHING, "anomaly records (decode)"),
                (anomaly.stream, Carriers::TCP, "anomaly records (stream)"),
                (anomaly.app_layer, parsed, "anomaly records (applayer)"),
            ];
            for (_, carriers, name) in kinds.into_iter().filter(|kind| kind.0) {
                self.want(carriers, name);
            }
        }
        let of_flows = [(types.flow, "flow records"), (types.netflow, "netflow records")];
        for (_, name) in of_flows.into_iter().filter(|kind| kind.0) {
            self.want(Carriers::ANY, name);
        }
        if types.metadata {
            self.want(EVERYTHING, "metadata records");
        }
        if types.arp {
            self.want(Carriers::NONE, "arp records");
        }
        if types.files.is_some() {
            self.want(parsed, "fileinfo records");
        }
        if types.frame.is_some() {
            self.want(parsed, "frame records");
        }
        for transaction in &types.transactions {
            self.transactions(&transaction.proto, engine);
        }
    }

    /// A protocol is found by content, on any port.
    fn transactions(&mut self, proto: &str, engine: &engine::Config) {
        let off = |name: &str| engine.app.protocols.iter().any(|switch| switch.name == name && !switch.detect);
        for (_, row) in registry::all() {
            if row.name != proto || row.record.is_none() || row.session.is_none() || off(row.name) {
                continue;
            }
            for (_, carriers) in [(row.tcp, Carriers::TCP), (row.udp, Carriers::UDP)].into_iter().filter(|way| way.0) {
                let transport = if carriers == Carriers::TCP { "tcp" } else { "udp" };
                self.want(carriers, format!("{proto} records ({transport})"));
            }
        }
    }

    /// Settings by which packets are dropped or answered without any rule. Those on memory that is used up are not
    /// among them: what is not inspected uses none.
    fn settings(&mut self, engine: &engine::Config) {
        if engine.inline && engine.stream.drop_invalid {
            self.want(Carriers::TCP, "stream.drop-invalid");
        }
        if engine.stream.midstream_policy != Exception::Ignore {
            self.want(Carriers::TCP, "stream.midstream-policy");
        }
        if engine.app_error != Exception::Ignore {
            self.want(Carriers::TCP.or(Carriers::UDP), "app-layer.error-policy");
        }
    }

    /// Tunnels that the stage knows by nothing but their ports; all others it hands up itself.
    fn tunnels(&mut self, engine: &engine::Config) {
        let decode = &engine.decode;
        for (ports, name) in [(&decode.vxlan, "vxlan"), (&decode.geneve, "geneve"), (&decode.teredo, "teredo")] {
            let ports = match ports {
                Ports::None => continue,
                Ports::Any => None,
                Ports::These(ports) => Some(ports.clone()),
            };
            self.0.push(Demand { carriers: Carriers::UDP, ports, because: format!("tunnels (decoder.{name})") });
        }
    }
}
