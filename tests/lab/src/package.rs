//! The Debian package of the daemon, for the tests that install it: by `cargo deb`, as `make deb` builds
//! it, or, where that is not there, by `dpkg-deb` from the same table of Cargo.toml.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use skips::{Lack, skip};

use crate::command;

/// Building the package from files that are there.
const LIMIT: Duration = Duration::from_secs(300);

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What links the program to the system; `cargo deb` finds it out.
const LIBRARIES: &str = "libc6, libgcc-s1";

/// How to build it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// `cargo deb`, a tool of crates.io.
    CargoDeb,
    /// `dpkg-deb`, which every Debian has.
    DpkgDeb,
}

impl Builder {
    /// Whether its tool is there.
    pub fn is_there(self) -> bool {
        command::exists(match self {
            Self::CargoDeb => "cargo-deb",
            Self::DpkgDeb => "dpkg-deb",
        })
    }

    /// Builds the package with this program below `directory`.
    pub fn build(self, program: &Path, directory: &Path) -> PathBuf {
        let release = directory.join("target/release");
        fs::create_dir_all(&release).expect("a folder");
        let stripped = release.join("keepalived-rs");
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg("-o").arg(&stripped).arg(program);
        command::output(strip, "");
        let mut files = Command::new("make");
        files.args(["--no-print-directory", "-C", WORKSPACE, "deb-files"]);
        command::output(files, "");
        match self {
            Self::CargoDeb => by_cargo_deb(directory),
            Self::DpkgDeb => by_dpkg_deb(&stripped, directory),
        }
    }
}

/// Builds the package with this program; `None`, and a line that says why, where nothing can build it.
pub fn package(program: &Path, directory: &Path) -> Option<PathBuf> {
    let builders = [Builder::CargoDeb, Builder::DpkgDeb];
    let Some(builder) = builders.into_iter().find(|builder| builder.is_there()) else {
        skip(Lack::Setup, "neither cargo-deb nor dpkg-deb can build the package");
        return None;
    };
    Some(builder.build(program, directory))
}

fn by_cargo_deb(directory: &Path) -> PathBuf {
    let built = directory.join("deb");
    let mut deb = Command::new("cargo");
    deb.args(["deb", "--no-build", "--no-strip", "--fast", "--output"]).arg(built.join(""));
    deb.current_dir(Path::new(WORKSPACE).join("bin/keepalived-rs"));
    deb.env("CARGO_TARGET_DIR", directory.join("target"));
    command::output_within(LIMIT, deb, "");
    let mut built = fs::read_dir(built).expect("the folder is there").flatten();
    built.next().expect("the package is there").path()
}

fn by_dpkg_deb(program: &Path, directory: &Path) -> PathBuf {
    let manifest = Path::new(WORKSPACE).join("bin/keepalived-rs");
    let package = description();
    let deb = &package["metadata"]["deb"];
    let root = directory.join("tree");
    for asset in list(&deb["assets"]) {
        let words: Vec<&str> = list(asset).iter().map(text).collect();
        let [source, destination, mode] = words[..] else { panic!("three words: {asset}") };
        let mode = u32::from_str_radix(mode, 8).expect("an octal mode");
        for source in sources(&manifest, source, program) {
            install(&source, &root, destination, mode);
        }
    }
    let license = Path::new(WORKSPACE).join("LICENSE");
    let name = text(&deb["name"]);
    install(&license, &root, &format!("usr/share/doc/{name}/copyright"), 0o644);

    fs::create_dir_all(root.join("DEBIAN")).expect("a folder");
    fs::write(root.join("DEBIAN/control"), control(&package)).expect("a file");
    let files: String =
        list(&deb["conf-files"]).iter().map(|path| text(path).to_owned() + "\n").collect();
    fs::write(root.join("DEBIAN/conffiles"), files).expect("a file");
    let scripts = manifest.join(text(&deb["maintainer-scripts"]));
    for script in fs::read_dir(scripts).expect("the folder of scripts").flatten() {
        install(&script.path(), &root, "DEBIAN/", 0o755);
    }
    let built = directory.join(format!("{name}.deb"));
    let mut build = Command::new("dpkg-deb");
    build.args(["-Zgzip", "-z1", "--root-owner-group", "--build"]).arg(&root).arg(&built);
    command::output_within(LIMIT, build, "");
    built
}

/// What Cargo.toml says of the daemon.
fn description() -> Value {
    let mut metadata = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    metadata.current_dir(WORKSPACE);
    let all: Value = serde_json::from_str(&command::output(metadata, "")).expect("JSON");
    let mut packages = list(&all["packages"]).iter();
    packages.find(|package| package["name"] == "keepalived-rs").expect("the daemon").clone()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The files behind the source of an asset: its own program, one, or all of a folder.
fn sources(manifest: &Path, source: &str, program: &Path) -> Vec<PathBuf> {
    if source.starts_with("target/") {
        return vec![program.to_owned()];
    }
    match source.strip_suffix("/*") {
        Some(folder) => {
            let folder = fs::read_dir(manifest.join(folder)).expect("the folder is there");
            folder.flatten().map(|entry| entry.path()).collect()
        }
        None => vec![manifest.join(source)],
    }
}

/// Puts a file below `root`; manual pages are compressed, as Debian wants it.
fn install(source: &Path, root: &Path, destination: &str, mode: u32) {
    let mut path = root.join(destination);
    if destination.ends_with('/') {
        path.push(source.file_name().expect("a file has a name"));
    }
    fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder");
    fs::copy(source, &path).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    if destination.starts_with("usr/share/man/") {
        let mut gzip = Command::new("gzip");
        gzip.arg("-n").arg(&path);
        command::output(gzip, "");
    }
}

fn control(package: &Value) -> String {
    let deb = &package["metadata"]["deb"];
    let mut architecture = Command::new("dpkg");
    architecture.arg("--print-architecture");
    let architecture = command::output(architecture, "");
    let depends = text(&deb["depends"]).replace("$auto", LIBRARIES);
    let long: String =
        text(&deb["extended-description"]).lines().map(|line| format!(" {line}\n")).collect();
    let mut control = format!(
        "Package: {}\nVersion: {}-1\nArchitecture: {}\nMaintainer: {}\nDepends: {depends}\n",
        text(&deb["name"]),
        text(&package["version"]),
        architecture.trim(),
        text(&deb["maintainer"]),
    );
    for (field, key) in [
        ("Section", "section"),
        ("Priority", "priority"),
        ("Recommends", "recommends"),
        ("Provides", "provides"),
        ("Conflicts", "conflicts"),
        ("Replaces", "replaces"),
    ] {
        control += &format!("{field}: {}\n", text(&deb[key]));
    }
    control + &format!("Description: {}\n{long}", text(&package["description"]))
}
