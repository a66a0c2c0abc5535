//! What systemd is told of the daemon's life (`sd_notify(3)`): datagrams to the socket that it names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::clock;

/// A moment in the daemon's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// It is up, or has finished a reload.
    Ready,
    /// It begins a reload.
    Reloading,
    /// It begins to stop.
    Stopping,
}

impl Moment {
    fn text(self) -> String {
        match self {
            Self::Ready => format!("READY=1\nMAINPID={}\n", std::process::id()),
            Self::Reloading => {
                format!("RELOADING=1\nMONOTONIC_USEC={}\n", clock::now().as_micros())
            }
            Self::Stopping => "STOPPING=1\n".to_owned(),
        }
    }
}

/// Tells the service manager, without waiting. Without one (`NOTIFY_SOCKET` is not set) this is
/// nothing.
///
/// # Errors
/// The system's: the socket is gone or full.
pub fn tell(moment: Moment) -> io::Result<()> {
    match std::env::var_os("NOTIFY_SOCKET") {
        Some(name) => tell_at(&name, moment),
        None => Ok(()),
    }
}

fn tell_at(name: &OsStr, moment: Moment) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(moment.text().as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_service_manager_hears_of_readiness_reload_and_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        tell_at(path.as_os_str(), Moment::Ready).unwrap();
        assert_eq!(heard(&socket), format!("READY=1\nMAINPID={}\n", std::process::id()));
        tell_at(path.as_os_str(), Moment::Reloading).unwrap();
        assert!(heard(&socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
        tell_at(path.as_os_str(), Moment::Stopping).unwrap();
        assert_eq!(heard(&socket), "STOPPING=1\n");
    }

    #[test]
    fn its_socket_may_have_no_file() {
        let name = format!("sys-test-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        tell_at(&OsString::from(format!("@{name}")), Moment::Stopping).unwrap();
        assert_eq!(heard(&socket), "STOPPING=1\n");
    }

    #[test]
    fn a_service_manager_that_is_gone_is_an_error_and_nothing_else() {
        tell_at(OsStr::new("/nosuch/socket"), Moment::Ready).unwrap_err();
    }
}
