//! TLS of checks: it encrypts, and believes every certificate, as keepalived does. Whether a server
//! is the right one is not what a check finds out.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use control_plane::model::lvs;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

/// What all connections share.
pub(super) struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// With the certificate of `SSL { ... }`, if there is one. Reads files.
    pub(super) fn new(settings: &lvs::TlsClient) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody { schemes }));
        let mut config = match identity(settings) {
            None => builder.with_no_client_auth(),
            Some(Ok((certificates, key))) => {
                builder.with_client_auth_cert(certificates, key).map_err(io::Error::other)?
            }
            Some(Err(why)) => {
                log::error!("SSL: {why}, checks go without a client certificate");
                builder.with_no_client_auth()
            }
        };
        // Every check is a new visitor, and nothing is kept of one.
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// A connection that is still to be carried by a socket. Without `server_name`, or with one that
    /// is none, no name is sent (SNI).
    pub(super) fn connection(
        &self,
        server_name: Option<&str>,
        address: IpAddr,
        strict_close: bool,
    ) -> io::Result<Tls> {
        let name = server_name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let name = name.unwrap_or_else(|| ServerName::IpAddress(address.into()));
        let session = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        Ok(Tls { session, strict_close })
    }
}

/// Who we are, if `SSL { ... }` says so. A key with a pass phrase is not one that can be read.
fn identity(settings: &lvs::TlsClient) -> Option<Result<Identity, String>> {
    let certificate = settings.certificate.as_ref()?;
    // As with other clients, one file may hold both.
    let key = settings.key.as_ref().unwrap_or(certificate);
    let wrong = |file: &str, error: pem::Error| format!("'{file}': {error}");
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error));
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error));
    Some(certificates.and_then(|certificates| Ok((certificates, key?))))
}

/// A certificate with those that signed it, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// One connection's cipher.
pub(super) struct Tls {
    session: ClientConnection,
    /// An end without `close_notify` is an error.
    strict_close: bool,
}

impl Tls {
    /// Whether both sides have agreed.
    pub(super) fn is_ready(&self) -> bool {
        !self.session.is_handshaking()
    }

    /// Takes what is to be said; [`Self::flush`] sends it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.session.writer().write_all(bytes)
    }

    /// Gives the socket what it takes.
    pub(super) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        // Each round sends something.
        while self.session.wants_write() {
            if self.session.write_tls(socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Reads once from the socket; what could be deciphered goes to `received`. 0 is the end.
    pub(super) fn read(
        &mut self,
        socket: &mut impl Read,
        received: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let length = self.session.read_tls(socket)?;
        let state = self.session.process_new_packets().map_err(io::Error::other)?;
        let here = state.plaintext_bytes_to_read();
        let before = received.len();
        received.resize(before + here, 0);
        if let Some(space) = received.get_mut(before..) {
            self.session.reader().read_exact(space)?;
        }
        if length == 0 && self.strict_close && !state.peer_has_closed() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // After the peer's goodbye nothing more comes.
        Ok(if state.peer_has_closed() { 0 } else { length })
    }
}

/// Believes every certificate.
#[derive(Debug)]
struct Anybody {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// Old ones too: a server whose certificate is signed so is still alive.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let old = [
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ECDSA_SHA1_Legacy,
            SignatureScheme::RSA_PKCS1_SHA1,
        ];
        self.schemes.iter().copied().chain(old).collect()
    }
}
