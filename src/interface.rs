//! The addresses that this machine has.

use std::io;

use if_addrs::{IfAddr, get_if_addrs};
use ipnet::IpNet;

/// An address of this machine, with its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    pub net: IpNet,
    /// Tells interfaces apart whose networks look the same: IPv6's link-local ones.
    pub index: u32,
}

impl Interface {
    /// Those that are up.
    ///
    /// # Errors
    /// Those of the system.
    pub fn all() -> io::Result<Vec<Interface>> {
        let found = get_if_addrs()?.into_iter().filter(if_addrs::Interface::is_oper_up);
        let interface = |found: if_addrs::Interface| {
            let length = match &found.addr {
                IfAddr::V4(v4) => v4.prefixlen,
                IfAddr::V6(v6) => v6.prefixlen,
            };
            // One without a mask would have the whole world in its network.
            let net = IpNet::new(found.ip(), length).ok().filter(|_| length > 0)?;
            Some(Interface { net, index: found.index.unwrap_or_default() })
        };
        Ok(found.filter_map(interface).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_knows_itself() {
        let interfaces = Interface::all().unwrap();
        assert!(interfaces.iter().any(|interface| interface.net.addr().is_loopback()), "{interfaces:?}");
        assert!(interfaces.iter().all(|interface| interface.net.prefix_len() > 0));
    }
}
