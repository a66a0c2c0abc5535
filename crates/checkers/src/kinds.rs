//! The kinds of checks: what one try of each does, and which have no effect yet.

use base::Duration;
use control_plane::model::checks::{HttpCheck, Sni, TcpCheck, Url};
use control_plane::model::{Checker, CheckerKind};

use crate::dialogue::{Dialogue, Dns, Http, Ping, Smtp, Udp};
use crate::jitter::Jitter;
use crate::output::{ProbeSpec, Transport};

/// A server that keeps talking gets no more than so many `connect_timeout`s in all.
const PATIENCE: u64 = 4;

/// One try of a check.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) spec: ProbeSpec,
    /// What is said, where something is.
    pub(crate) dialogue: Option<Dialogue>,
}

/// How long the server may be silent, or the script run.
pub(crate) fn silence(kind: &CheckerKind) -> Duration {
    match kind {
        CheckerKind::Tcp(to) | CheckerKind::Ping(to) => to.connect_timeout,
        CheckerKind::Http(http) => http.connect.connect_timeout,
        CheckerKind::Smtp(smtp) => smtp.connect.connect_timeout,
        CheckerKind::Dns(dns) => dns.connect.connect_timeout,
        CheckerKind::Udp(udp) => udp.connect.connect_timeout,
        CheckerKind::Misc(misc) => misc.timeout,
        CheckerKind::File(_) | CheckerKind::Bfd(_) => Duration::ZERO,
    }
}

/// How long a try may take in all.
pub(crate) fn patience(kind: &CheckerKind) -> Duration {
    Duration::from_micros(silence(kind).as_micros().saturating_mul(PATIENCE))
}

/// Whether a check of this kind has an effect.
pub(crate) const fn is_effective(kind: &CheckerKind) -> bool {
    !matches!(kind, CheckerKind::Bfd(_))
}

/// The next try; `url` counts those of an HTTP check. `None`: this kind tries nothing.
pub(crate) fn next_try(check: &Checker, url: usize, jitter: &mut Jitter) -> Option<Try> {
    let talk = |to: &TcpCheck, over: Transport, dialogue: Dialogue| Try {
        spec: ProbeSpec::Talk { to: to.clone(), over },
        dialogue: Some(dialogue),
    };
    Some(match &check.kind {
        CheckerKind::Tcp(tcp) => Try { spec: ProbeSpec::Connect(tcp.clone()), dialogue: None },
        CheckerKind::Http(http) => {
            let url = http.urls.get(url)?;
            let dialogue = Dialogue::Http(Box::new(Http::new(http, url)));
            talk(&http.connect, transport(http, url), dialogue)
        }
        CheckerKind::Smtp(smtp) => {
            let dialogue = Dialogue::Smtp(Smtp::new(smtp.helo_name.clone()));
            talk(&smtp.connect, Transport::Tcp, dialogue)
        }
        CheckerKind::Dns(dns) => {
            let [id @ .., _, _, _, _, _, _] = jitter.next().to_be_bytes();
            let question = Dns::new(u16::from_be_bytes(id), dns.record_type, dns.name.clone());
            talk(&dns.connect, Transport::Udp, Dialogue::Dns(question))
        }
        CheckerKind::Udp(udp) => talk(&udp.connect, Transport::Udp, Dialogue::Udp(Udp::new(udp))),
        CheckerKind::Ping(ping) => {
            let [tag @ .., _, _, _, _] = jitter.next().to_be_bytes();
            let echo = Ping::new(ping.target.is_ipv6(), u32::from_be_bytes(tag));
            talk(ping, Transport::Icmp, Dialogue::Ping(echo))
        }
        CheckerKind::Misc(misc) => {
            Try { spec: ProbeSpec::Run(misc.command.clone()), dialogue: None }
        }
        CheckerKind::File(_) | CheckerKind::Bfd(_) => return None,
    })
}

fn transport(http: &HttpCheck, url: &Url) -> Transport {
    if !http.tls {
        return Transport::Tcp;
    }
    let server_name = match &http.sni {
        Sni::Off => None,
        Sni::VirtualHost => url.virtualhost.as_ref().or(http.virtualhost.as_ref()).cloned(),
        Sni::Name(name) => Some(name.clone()),
    };
    Transport::Tls { server_name, strict_close: url.tls_compliant }
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
