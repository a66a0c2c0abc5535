//! The socket and the engine against the kernel. Nothing here needs root.

use netlink::{Engine, Error, Protocol, Socket, genl};

#[test]
fn the_controller_of_generic_netlink_finds_itself() {
    let mut engine = Engine::new(Socket::commands(Protocol::Generic).unwrap());
    assert_eq!(genl::family(&mut engine, "nlctrl").unwrap(), 16);
}

#[test]
fn a_family_that_does_not_exist_is_named() {
    let mut engine = Engine::new(Socket::commands(Protocol::Generic).unwrap());
    let error = genl::family(&mut engine, "NO_SUCH_FAMILY").unwrap_err();
    assert!(matches!(&error, Error::NoFamily(name) if name == "NO_SUCH_FAMILY"), "{error}");
    // and the socket is good for the next question
    assert!(genl::family(&mut engine, "nlctrl").is_ok());
}
