//! The switch and what is plugged into it.

use std::process::Command;
use std::time::Instant;

use crate::command;
use crate::node::Node;

/// One switch with nodes on its ports. Each node's port on the switch has the node's name.
#[derive(Debug)]
pub struct Network {
    switch: Node,
}

impl Network {
    /// An empty switch: it forwards at once and floods multicast, as VRRP expects.
    pub fn new() -> Self {
        let switch = Node::bare("switch");
        switch.sh("ip link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
             ip link set br0 up");
        Self { switch }
    }

    /// A network of one machine, `lb01` on `eth0`, with these addresses.
    pub fn of_one(addresses: &[&str]) -> (Self, Node) {
        let network = Self::new();
        let node = network.machine("lb01", "eth0", addresses);
        (network, node)
    }

    /// A machine that can run a daemon, on `interface` with `addresses` (`address/prefix`).
    pub fn machine(&self, name: &str, interface: &str, addresses: &[&str]) -> Node {
        let node = Node::machine(name);
        self.plug(&node, name, interface, addresses);
        node
    }

    /// A host without files of its own.
    pub fn host(&self, name: &str, interface: &str, addresses: &[&str]) -> Node {
        let node = Node::bare(name);
        self.plug(&node, name, interface, addresses);
        node
    }

    /// One more cable from the switch's new port `port` to the node's new `interface`.
    pub fn plug(&self, node: &Node, port: &str, interface: &str, addresses: &[&str]) {
        let mut ip = Command::new("nsenter");
        ip.arg(format!("--net=/proc/{}/ns/net", self.switch.network_pid()));
        ip.args(["ip", "link", "add", port, "type", "veth", "peer", "name", interface]);
        ip.args(["netns", &node.network_pid().to_string()]);
        command::output(ip, "");
        self.switch.sh(&format!(
            "ip link set {port} master br0
             ip link set {port} up"
        ));
        let mut script = String::new();
        for address in addresses {
            script.push_str(&format!("ip addr add {address} brd + dev {interface}\n"));
        }
        script.push_str(&format!("ip link set {interface} up\n"));
        node.sh(&script);
    }

    /// The switch, to capture on its ports.
    pub fn switch(&self) -> &Node {
        &self.switch
    }

    /// Takes the node's cable away: its interface loses the carrier.
    pub fn cut(&self, node: &Node) {
        self.switch.sh(&format!("ip link set {} down", node.name()));
    }

    /// Puts the cable back.
    pub fn mend(&self, node: &Node) {
        self.switch.sh(&format!("ip link set {} up", node.name()));
    }

    /// Separates the node from the others while its interface stays up.
    pub fn isolate(&self, node: &Node) {
        self.switch.sh(&format!("ip link set {} nomaster", node.name()));
    }

    /// Ends [`Self::isolate`].
    pub fn join(&self, node: &Node) {
        self.switch.sh(&format!("ip link set {} master br0", node.name()));
    }

    /// Loss of power: the node is silent at once, and nothing on it runs any more. Returns when it
    /// was silent.
    pub fn power_off(&self, node: &Node) -> Instant {
        self.cut(node);
        let silent = Instant::now();
        node.kill_all();
        silent
    }

    /// The node after a boot: its own addresses only, no IPVS table, no firewall, an empty `/run`.
    pub fn power_on(&self, node: &Node, interface: &str, addresses: &[&str]) {
        let mut script = format!("ip addr flush dev {interface}\n");
        for address in addresses {
            script.push_str(&format!("ip addr add {address} brd + dev {interface}\n"));
        }
        script.push_str("[ ! -e /proc/net/ip_vs ] || ipvsadm -C\nnft flush ruleset\nfind /run -mindepth 1 ! -name log -delete\n");
        node.sh(&script);
        self.mend(node);
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}
