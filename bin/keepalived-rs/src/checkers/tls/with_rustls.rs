//! TLS by rustls: 1.2 with ECDHE and an AEAD, and 1.3.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use control_plane::model::lvs;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, InconsistentKeys, SignatureScheme,
};

use super::identity::{self, Identity};

/// What all connections share.
pub(crate) struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// With the certificate of `SSL { ... }`, if there is one. Reads files.
    pub(crate) fn new(settings: &lvs::TlsClient) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody { schemes }));
        let mut config = match identity::read(settings).map(|read| loaded(&provider, read)) {
            None => builder.with_no_client_auth(),
            Some(Ok((certificates, key))) => {
                let identity = CertifiedKey::new(certificates, key);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
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
    pub(crate) fn connection(
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

/// The key as this library uses it. Certificates of every version will do: rustls itself refuses old
/// ones of a client, which servers take.
fn loaded(
    provider: &CryptoProvider,
    read: Result<Identity, String>,
) -> Result<(Vec<CertificateDer<'static>>, Arc<dyn SigningKey>), String> {
    let (certificates, key) = read?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| error.to_string())?;
    let identity = CertifiedKey::new(certificates, key);
    match identity.keys_match() {
        Err(error @ Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(error.to_string())
        }
        _ => Ok((identity.cert, identity.key)),
    }
}

/// One connection's cipher.
pub(crate) struct Tls {
    session: ClientConnection,
    /// An end without `close_notify` is an error.
    strict_close: bool,
}

impl Tls {
    /// Whether both sides have agreed.
    pub(crate) fn is_ready(&self) -> bool {
        !self.session.is_handshaking()
    }

    /// Takes what is to be said; [`Self::flush`] sends it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.session.writer().write_all(bytes)
    }

    /// Gives the socket what it takes.
    pub(crate) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        // Each round sends something.
        while self.session.wants_write() {
            if self.session.write_tls(socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Reads once from the socket; what could be deciphered goes to `received`. 0 is the end.
    pub(crate) fn read(
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
