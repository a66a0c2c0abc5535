//! TLS of checks: it encrypts, and believes every certificate, as keepalived does. Whether a server
//! is the right one is not what a check finds out.
//!
//! Two back ends with the same two types: rustls, and with the feature `openssl` OpenSSL, for servers that
//! offer only what rustls refuses (TLS 1.0 and 1.1, RSA key exchange, CBC).

#[cfg(not(feature = "openssl"))]
mod identity;
#[cfg(feature = "openssl")]
mod with_openssl;
#[cfg(not(feature = "openssl"))]
mod with_rustls;

#[cfg(test)]
mod tests;

#[cfg(feature = "openssl")]
pub(crate) use with_openssl::{Tls, TlsClient};
#[cfg(not(feature = "openssl"))]
pub(crate) use with_rustls::{Tls, TlsClient};
