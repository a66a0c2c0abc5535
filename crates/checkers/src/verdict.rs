//! How one try of a check ended.

/// A try's result.
pub(crate) type Verdict = Result<Passed, Failure>;

/// Why a try succeeded: the last and strictest test that it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The server accepted a connection, or answered as the protocol wants it.
    Answered,
    /// HTTP: the status code is among those that count.
    Status {
        /// Announced and received lengths of the body, when they differ.
        lengths: Option<(u64, u64)>,
    },
    /// HTTP: the body has the wanted digest.
    Digest {
        /// Announced and received lengths of the body, when they differ.
        lengths: Option<(u64, u64)>,
    },
    /// HTTP: the body matches the pattern.
    Regex {
        /// Announced and received lengths of the body, when they differ.
        lengths: Option<(u64, u64)>,
    },
    /// A script ended well; its status.
    Script(u8),
}

/// Why a try failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no connection: refused, unreachable, no descriptor left.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// Connected, but no answer, or not all of it, in time.
    Timeout,
    /// TLS: the handshake failed.
    Tls,
    /// The connection broke.
    Read(SocketError),
    /// The connection was closed without the answer.
    Closed,
    /// HTTP: the status code is none of those that count, or the answer is not HTTP.
    Status,
    /// HTTP: the body has another digest.
    Digest,
    /// HTTP: the body does not match the pattern, or does where it must not.
    Regex,
    /// SMTP: the greeting is not 220.
    Greeting,
    /// SMTP: the answer to HELO is not 250.
    Hello,
    /// DNS: the server answers with this error.
    Rcode(u8),
    /// UDP: the reply has other bytes.
    Mismatch,
    /// UDP: the reply is too short or too long.
    Length,
    /// A script ended with this status.
    Exited(i32),
    /// A script was ended by this signal.
    Signal(i32),
    /// A script could not be started.
    NotStarted,
    /// The number in a file says so.
    File,
}

/// What the kernel says of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketError {
    /// errno.
    pub code: i32,
    /// Its text: `Connection refused`.
    pub text: String,
}
