//! What decoding can be told (`decoder` in the configuration).

/// How packets are decoded.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many layers of a packet are decoded, tunnels included (`decoder.max-layers`).
    pub max_layers: u8,
    /// UDP ports that VXLAN is sent to (`decoder.vxlan`).
    pub vxlan: Ports,
    /// UDP ports that GENEVE is sent to (`decoder.geneve`).
    pub geneve: Ports,
    /// UDP ports on either side of which Teredo is looked for (`decoder.teredo`).
    pub teredo: Ports,
    /// Whether VN-Tags are decoded (`decoder.vntag.enabled`).
    pub vntag: bool,
    /// Whether GRE protocol 0x88be without sequence number is ERSPAN type I (`decoder.erspan.typeI.enabled`).
    pub erspan_type1: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_layers: 16,
            vxlan: Ports::These(vec![4789]),
            geneve: Ports::These(vec![6081]),
            teredo: Ports::These(vec![3544]),
            vntag: true,
            erspan_type1: false,
        }
    }
}

/// Ports of a tunnel protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// None: it is not decoded.
    None,
    /// All.
    Any,
    /// These.
    These(Vec<u16>),
}

impl Config {
    /// Whether UDP between these ports may be a tunnel that is looked into.
    pub fn is_tunnel(&self, ports: [u16; 2]) -> bool {
        let tunnels = [&self.vxlan, &self.geneve, &self.teredo];
        ports.into_iter().any(|port| tunnels.into_iter().any(|ports| ports.has(port)))
    }
}

impl Ports {
    /// Whether a port is among them.
    pub fn has(&self, port: u16) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::These(ports) => ports.contains(&port),
        }
    }
}
