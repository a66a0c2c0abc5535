//! What a daemon must not leave behind.

use crate::node::Node;

/// After a stop: only its `own` addresses, no PID file, no process, no firewall table; and no IPVS
/// entry where the kernel has IPVS.
pub fn nothing(node: &Node, own: &[&str]) {
    let name = node.name();
    let addresses: Vec<String> = node.addresses().into_iter().map(|found| found.cidr).collect();
    assert_eq!(addresses, own, "only its own addresses are left on {name}");
    assert_eq!(node.run_files(), [""; 0], "no PID file is left on {name}");
    assert_eq!(node.processes(), [], "no process is left on {name}");
    assert_eq!(node.sh("nft list ruleset"), "", "no firewall table is left on {name}");
    if !node.proc_net("ip_vs").is_empty() {
        assert_eq!(node.ipvs(), [""; 0], "no IPVS entry is left on {name}");
    }
}
