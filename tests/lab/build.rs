//! Builds what stands between User-Mode Linux and the C library; `src/uml_xstate.c` says why.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/uml_xstate.c";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    // There is no other User-Mode Linux.
    if env::var("CARGO_CFG_TARGET_ARCH")? != "x86_64" {
        return Ok(());
    }
    let library = PathBuf::from(env::var("OUT_DIR")?).join("uml_xstate.so");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library).arg(SOURCE);
    let built = cc.status().is_ok_and(|status| status.success());
    if !built {
        return Err(format!("{cc:?} failed; it needs gcc and libc6-dev").into());
    }
    println!("cargo::rustc-env=UML_XSTATE={}", library.display());
    Ok(())
}
