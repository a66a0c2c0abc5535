//! TLS by OpenSSL: every version and cipher that the library still has, for servers that offer no better.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use control_plane::model::lvs;
use openssl::pkey::PKey;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslOptions,
    SslSessionCacheMode, SslStream, SslVerifyMode,
};

use crate::checkers::stream;

/// What is deciphered at a time, which is the longest record.
const READ_SIZE: usize = 16 * 1024;

/// `SSL_OP_LEGACY_SERVER_CONNECT` of `openssl/ssl.h`, which the crate does not name: servers that do not
/// know secure renegotiation (RFC 5746) are talked to.
const LEGACY_SERVER_CONNECT: SslOptions = SslOptions::from_bits_retain(0x4);

/// Everything, also what the library's own default refuses as weak.
const CIPHERS: &str = "ALL:@SECLEVEL=0";

/// What all connections share.
pub(crate) struct TlsClient(SslContext);

impl TlsClient {
    /// With the certificate of `SSL { ... }`, if there is one. Reads files.
    pub(crate) fn new(settings: &lvs::TlsClient) -> io::Result<Self> {
        let mut builder = anybody()?;
        if settings.certificate.is_some()
            && let Err(why) = identify(&mut builder, settings)
        {
            log::error!("SSL: {why}, checks go without a client certificate");
            builder = anybody()?;
        }
        Ok(Self(builder.build()))
    }

    /// A connection that is still to be carried by a socket. Without `server_name` no name is sent (SNI).
    pub(crate) fn connection(
        &self,
        server_name: Option<&str>,
        _address: IpAddr,
        strict_close: bool,
    ) -> io::Result<Tls> {
        let mut session = Ssl::new(&self.0)?;
        // As with rustls: what is no name of a host is not sent.
        let is_host = |name: &&str| name.parse::<IpAddr>().is_err() && name.is_ascii();
        if let Some(name) = server_name.filter(is_host) {
            session.set_hostname(name)?;
        }
        let mut stream = SslStream::new(session, Pipe::default())?;
        // The first words wait in the pipe until the socket takes them.
        match stream.connect() {
            Err(error) if is_waiting(error.code()) => {}
            Err(error) => return Err(io::Error::other(error)),
            Ok(()) => return Err(io::Error::other("a handshake without the other side")),
        }
        Ok(Tls { stream, ready: false, strict_close })
    }
}

/// Settings without a certificate of ours: every version, every cipher, any server.
fn anybody() -> io::Result<SslContextBuilder> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_min_proto_version(None)?;
    builder.set_cipher_list(CIPHERS)?;
    // Every check is a new visitor, and nothing is kept of one.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_options(SslOptions::NO_TICKET | LEGACY_SERVER_CONNECT);
    Ok(builder)
}

/// Sets certificate, key, and the certificates that lead to one that a server knows.
fn identify(builder: &mut SslContextBuilder, settings: &lvs::TlsClient) -> Result<(), String> {
    let Some(certificate) = &settings.certificate else { return Ok(()) };
    // As with other clients, one file may hold both.
    let key = settings.key.as_ref().unwrap_or(certificate);
    let wrong = |file: &str, why: &dyn std::fmt::Display| format!("'{file}': {why}");
    if let Some(file) = &settings.ca {
        builder.set_ca_file(file).map_err(|error| wrong(file, &error))?;
    }
    builder.set_certificate_chain_file(certificate).map_err(|error| wrong(certificate, &error))?;
    let Some(password) = &settings.password else {
        builder.set_private_key_file(key, SslFiletype::PEM).map_err(|error| wrong(key, &error))?;
        return builder.check_private_key().map_err(|error| wrong(key, &error));
    };
    let text = fs::read(key).map_err(|error| wrong(key, &error))?;
    let loaded = PKey::private_key_from_pem_passphrase(&text, password.as_bytes())
        .map_err(|error| wrong(key, &error))?;
    builder.set_private_key(&loaded).map_err(|error| wrong(key, &error))?;
    builder.check_private_key().map_err(|error| wrong(key, &error))
}

/// One connection's cipher.
pub(crate) struct Tls {
    stream: SslStream<Pipe>,
    ready: bool,
    /// An end without `close_notify` is an error.
    strict_close: bool,
}

impl Tls {
    /// Whether both sides have agreed.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes what is to be said; [`Self::flush`] sends it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Gives the socket what it takes.
    pub(crate) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        stream::write(socket, &mut self.stream.get_mut().outgoing)
    }

    /// Reads once from the socket; what could be deciphered goes to `received`. 0 is the end.
    pub(crate) fn read(
        &mut self,
        socket: &mut impl Read,
        received: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let mut buffer = [0; READ_SIZE];
        let length = socket.read(&mut buffer)?;
        let pipe = self.stream.get_mut();
        pipe.incoming.extend(buffer.get(..length).unwrap_or_default());
        pipe.ended |= length == 0;
        if !self.ready {
            match self.stream.connect() {
                Ok(()) => self.ready = true,
                Err(error) if is_waiting(error.code()) => return Ok(length),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        self.decipher(&mut buffer, received, length)
    }

    /// Deciphers what is in the pipe; `length` came last.
    fn decipher(
        &mut self,
        buffer: &mut [u8],
        received: &mut Vec<u8>,
        length: usize,
    ) -> io::Result<usize> {
        loop {
            match self.stream.ssl_read(buffer) {
                // A goodbye comes as an error; this is no end either.
                Ok(0) => return Ok(length),
                Ok(here) => received.extend(buffer.get(..here).unwrap_or_default()),
                Err(error) if is_waiting(error.code()) => return Ok(length),
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => return Ok(0),
                Err(_) if length == 0 && !self.strict_close => return Ok(0),
                Err(_) if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

fn is_waiting(code: ErrorCode) -> bool {
    code == ErrorCode::WANT_READ || code == ErrorCode::WANT_WRITE
}

/// What OpenSSL takes for a connection: bytes that came, and bytes that are to go.
#[derive(Debug, Default)]
struct Pipe {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// Nothing more comes.
    ended: bool,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return if self.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let length = self.incoming.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.incoming.drain(..length)) {
            *to = from;
        }
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
