//! The workspace as cargo sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(PathBuf::from).expect("tests/architecture lies two below the root")
}

/// What cargo knows, without a look at the network.
#[derive(Debug)]
pub struct Workspace {
    metadata: Metadata,
}

/// Whose dependency: the product's, or that of tests alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum For {
    /// `[dependencies]`, `[build-dependencies]`.
    Product,
    /// `[dev-dependencies]`.
    Tests,
}

impl Workspace {
    /// Ask cargo. Only what this machine builds is looked at, so that nothing has to be fetched.
    pub fn load() -> Self {
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let metadata = MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .other_options(["--offline", "--filter-platform", &platform].map(String::from))
            .exec();
        match metadata {
            Ok(metadata) => Self { metadata },
            Err(error) => panic!("`cargo metadata --offline` does not work: {error}"),
        }
    }

    /// The packages of the workspace.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.metadata.workspace_packages().into_iter()
    }

    /// What a package names in its manifest.
    pub fn named_by(package: &Package) -> impl Iterator<Item = (For, &str)> {
        package.dependencies.iter().map(|dependency| {
            let whose = match dependency.kind {
                DependencyKind::Development => For::Tests,
                _ => For::Product,
            };
            (whose, dependency.name.as_str())
        })
    }

    /// Everything that ends up in a package's product, with the way to it: `a -> b -> c`.
    pub fn reached_by(&self, package: &Package) -> BTreeMap<String, String> {
        let names: BTreeMap<&PackageId, &str> =
            self.metadata.packages.iter().map(|one| (&one.id, one.name.as_str())).collect();
        let name = |id: &PackageId| names.get(id).copied().unwrap_or("?").to_owned();
        let mut ways = BTreeMap::from([(name(&package.id), name(&package.id))]);
        let mut seen = BTreeSet::from([&package.id]);
        let mut todo = vec![&package.id];
        while let Some(id) = todo.pop() {
            for next in self.in_product(id) {
                if seen.insert(next) {
                    let way = format!("{} -> {}", ways[&name(id)], name(next));
                    ways.insert(name(next), way);
                    todo.push(next);
                }
            }
        }
        ways.remove(package.name.as_str());
        ways
    }

    fn in_product<'a>(&'a self, id: &PackageId) -> impl Iterator<Item = &'a PackageId> {
        let resolve = self.metadata.resolve.as_ref().expect("cargo metadata resolves");
        let node = resolve.nodes.iter().find(|node| node.id == *id);
        let product = |kinds: &[cargo_metadata::DepKindInfo]| {
            kinds.iter().any(|one| one.kind == DependencyKind::Normal)
        };
        let dependencies = node.into_iter().flat_map(|node| &node.deps);
        dependencies.filter(move |one| product(&one.dep_kinds)).map(|one| &one.pkg)
    }
}
