//! The drawing. A change here is a change of the architecture: `docs/architecture.md` tells why.

/// One package of the workspace.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name.
    pub package: &'static str,
    /// The packages of the workspace that it may use. Arrows never turn round.
    pub uses: &'static [&'static str],
    /// Whether it is pure: it names no system, no socket, no clock, and nothing that it uses does.
    pub pure: bool,
}

const fn pure(package: &'static str, uses: &'static [&'static str]) -> Rule {
    Rule { package, uses, pure: true }
}

const fn system(package: &'static str, uses: &'static [&'static str]) -> Rule {
    Rule { package, uses, pure: false }
}

/// All packages, the lower ones first.
pub const PACKAGES: &[Rule] = &[
    pure("base", &[]),
    pure("wire", &["base"]),
    pure("control-plane", &["base"]),
    pure("vrrp-stack", &["base", "wire", "control-plane"]),
    pure("checkers", &["base", "wire", "control-plane"]),
    pure("watchdog", &["base"]),
    pure("telemetry", &["base", "control-plane", "vrrp-stack", "checkers"]),
    pure("simulator", &["base", "wire", "control-plane", "vrrp-stack"]),
    system("sys", &["base"]),
    system("scheduler", &["base", "sys"]),
    system("ipc", &["base", "sys"]),
    system("logging", &["base", "sys"]),
    system("notify", &["base", "sys", "control-plane"]),
    system("netlink", &["base", "sys"]),
    system("netlink-reflector", &["base", "netlink"]),
    system("ipvs-wrapper", &["base", "netlink"]),
    system(
        "keepalived-rs",
        &[
            "base",
            "wire",
            "control-plane",
            "vrrp-stack",
            "checkers",
            "watchdog",
            "telemetry",
            "sys",
            "scheduler",
            "ipc",
            "logging",
            "notify",
            "netlink",
            "netlink-reflector",
            "ipvs-wrapper",
        ],
    ),
    system("skips", &[]),
    system("lab", &["base", "wire", "skips"]),
    system("bench", &["lab"]),
    system("effects", &["base", "control-plane"]),
    system(
        "fuzzed",
        &[
            "base",
            "control-plane",
            "wire",
            "vrrp-stack",
            "checkers",
            "sys",
            "ipc",
            "netlink",
            "netlink-reflector",
            "ipvs-wrapper",
        ],
    ),
    system("architecture", &[]),
];

/// What tests of any package may use besides.
pub const FOR_TESTS: &[&str] = &["effects", "skips", "lab"];

/// Crates from outside that touch the system, or decide how bytes look, with those who may name them.
/// Everybody else goes through these owners. Tests (`[dev-dependencies]`) may name what touches the
/// system, but not these owners' formats: see [`NAMED_BY_NOBODY_ELSE`].
pub const OWNERS: &[(&str, &[&str])] = &[
    ("libc", &["sys"]),
    ("pcre2-sys", &["sys"]),
    ("nix", &["sys", "logging", "scheduler", "lab", "bench"]),
    ("mio", &["scheduler"]),
    ("signal-hook", &["scheduler"]),
    ("neli", &["netlink", "netlink-reflector", "ipvs-wrapper"]),
    ("env_logger", &["logging"]),
    ("lexopt", &["keepalived-rs"]),
    ("lettre", &["keepalived-rs"]),
    ("openssl", &["keepalived-rs"]),
    ("tempfile", &["lab", "bench"]),
    ("bincode", &["ipc"]),
    ("ciborium", &["ipc"]),
    ("caps", &["sys"]),
    ("pnet", &["wire"]),
    ("annotate-snippets", &["control-plane"]),
    ("cargo_metadata", &["architecture"]),
];

/// Of the [`OWNERS`], those that tests of other packages may not name either: there is one place
/// that knows these formats.
pub const NAMED_BY_NOBODY_ELSE: &[&str] = &["bincode", "pnet", "libc", "mio"];

/// What a pure package may not reach, however far down.
pub const SYSTEM: &[&str] = &[
    "libc",
    "nix",
    "rustix",
    "mio",
    "signal-hook",
    "neli",
    "env_logger",
    "log",
    "tempfile",
    "bincode",
    "ciborium",
    "socket2",
    "tokio",
    "rand",
    "getrandom",
    "pnet_datalink",
    "pnet_transport",
    "pnet_sys",
];

/// What the source of a pure package may not name.
pub const SYSTEM_WORDS: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "RandomState",
];

/// Files of pure packages that do what others may not, and why.
pub const EXCEPTIONS: &[(&str, &str)] = &[(
    "crates/control-plane/src/source.rs",
    "the one implementation of `Source` over the file system; the parser only sees the trait",
)];

/// What may lie at the top of the repository, besides files whose name begins with a dot.
pub const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "CONTRIBUTING.md",
    "Makefile",
    "deny.toml",
    "clippy.toml",
    "rustfmt.toml",
    "crates",
    "bin",
    "conf",
    "tests",
    "docs",
    "target",
];

/// Lines that a file of Rust may have. Half of it is already a question.
pub const LONGEST_FILE: usize = 800;
