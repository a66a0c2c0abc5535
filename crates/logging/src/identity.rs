//! What syslog calls a process.

/// A process of the daemon, for its name in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// The parent.
    Parent,
    /// The VRRP process.
    Vrrp,
    /// The checker process.
    Checkers,
}

/// The identity: `Keepalived_vrrp`, followed by network namespace and instance name if there are.
pub fn identity(process: Process, namespace: Option<&str>, instance: Option<&str>) -> String {
    let base = match process {
        Process::Parent => "Keepalived",
        Process::Vrrp => "Keepalived_vrrp",
        Process::Checkers => "Keepalived_healthcheckers",
    };
    let additions = namespace.into_iter().chain(instance).map(|name| format!("_{name}"));
    std::iter::once(base.to_owned()).chain(additions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_and_instance_are_added() {
        assert_eq!(identity(Process::Parent, None, None), "Keepalived");
        assert_eq!(identity(Process::Vrrp, Some("red"), None), "Keepalived_vrrp_red");
        let name = identity(Process::Checkers, Some("red"), Some("one"));
        assert_eq!(name, "Keepalived_healthcheckers_red_one");
    }
}
