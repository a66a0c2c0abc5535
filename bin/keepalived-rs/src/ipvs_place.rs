//! The network namespace whose IPVS table is programmed: the one that the daemon runs in, or that of
//! `net_namespace_ipvs`. Checks, adverts and addresses stay where the daemon runs.

use control_plane::model::global::Launch;
use netlink::{Protocol, Socket};

/// A socket for requests to that namespace's kernel. With `net_namespace_ipvs` to be called while the
/// process has all privileges.
pub(crate) fn socket(launch: &Launch, protocol: Protocol) -> Result<Socket, String> {
    let open = || Socket::commands(protocol).map_err(|error| error.to_string());
    match &launch.ipvs_namespace {
        None => open(),
        Some(name) => sys::namespace::inside_network(name, open)
            .map_err(|error| format!("net_namespace_ipvs {name}: {error}"))
            .flatten(),
    }
}
