//! The kinds of checks: what each asks the driver to do, and which have no effect yet.

use base::Duration;
use control_plane::model::{CheckerKind, ServiceAddress, TcpCheck, VirtualServer};

use crate::output::ProbeSpec;

/// What a try of this kind does and how long it may take; `None`: the kind has no effect yet.
pub(crate) fn probe_spec(kind: &CheckerKind) -> Option<(ProbeSpec, Duration)> {
    match kind {
        CheckerKind::Tcp(tcp) => Some((tcp_connect(tcp), tcp.connect_timeout)),
        CheckerKind::Http(_)
        | CheckerKind::Smtp(_)
        | CheckerKind::Dns(_)
        | CheckerKind::Udp(_)
        | CheckerKind::Ping(_)
        | CheckerKind::Misc(_)
        | CheckerKind::File(_)
        | CheckerKind::Bfd(_) => None,
    }
}

fn tcp_connect(tcp: &TcpCheck) -> ProbeSpec {
    ProbeSpec::TcpConnect {
        target: tcp.target,
        bind: tcp.bind,
        bind_interface: tcp.bind_interface.clone(),
        mark: tcp.mark,
    }
}

/// The keyword of a kind.
pub(crate) const fn kind_name(kind: &CheckerKind) -> &'static str {
    match kind {
        CheckerKind::Tcp(_) => "TCP_CHECK",
        CheckerKind::Http(http) if http.tls => "SSL_GET",
        CheckerKind::Http(_) => "HTTP_GET",
        CheckerKind::Smtp(_) => "SMTP_CHECK",
        CheckerKind::Dns(_) => "DNS_CHECK",
        CheckerKind::Udp(_) => "UDP_CHECK",
        CheckerKind::Ping(_) => "PING_CHECK",
        CheckerKind::Misc(_) => "MISC_CHECK",
        CheckerKind::File(_) => "FILE_CHECK",
        CheckerKind::Bfd(_) => "BFD_CHECK",
    }
}

/// Whether a virtual server is one service of the kernel. A group is several, which has no effect yet.
pub(crate) const fn is_supported(service: &VirtualServer) -> bool {
    !matches!(service.address, ServiceAddress::Group { .. })
}
