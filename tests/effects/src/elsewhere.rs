//! Keywords whose effect is seen in the kernel, in files or in another process.

use std::fs;
use std::path::PathBuf;

use control_plane::keywords::Block;

use crate::source;

/// A keyword and the test that would fail without it.
#[derive(Debug)]
pub struct Elsewhere {
    /// Where the keyword stands.
    pub block: Block,
    /// Its name.
    pub keyword: &'static str,
    /// From the root of the project. Empty: there is nothing to see.
    file: &'static str,
    /// The name of the test, or why there is nothing to see.
    test: &'static str,
}

impl Elsewhere {
    /// The test of that name in `file`, a path from the root of the project.
    pub const fn seen(
        block: Block,
        keyword: &'static str,
        file: &'static str,
        test: &'static str,
    ) -> Self {
        Self { block, keyword, file, test }
    }

    /// Accepted by keepalived and by us, and nothing follows from it.
    pub const fn nothing(block: Block, keyword: &'static str, why: &'static str) -> Self {
        Self { block, keyword, file: "", test: why }
    }

    /// Whether the test is there and names the keyword: in its body, in what is said above it, or in a
    /// constant or helper of its file that it names. Tests that have their configurations in files of their own name it there:
    /// `configurations` are files of tests with those that they read.
    ///
    /// # Errors
    /// What is missing.
    pub fn judge(&self, configurations: &[(&str, &str)]) -> Result<(), String> {
        if self.file.is_empty() {
            return Ok(());
        }
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |file: &str| {
            fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
        };
        let text = read(self.file)?;
        let Some(test) = source::of_test(&text, self.test) else {
            return Err(format!("{}: {} has no test {}", self.keyword, self.file, self.test));
        };
        let mut uses_it = source::has_word(&test, self.keyword);
        for (_, configuration) in configurations.iter().filter(|(test, _)| *test == self.file) {
            uses_it |= source::has_word(&read(configuration)?, self.keyword);
        }
        if uses_it {
            return Ok(());
        }
        Err(format!("{} is not in {} of {}", self.keyword, self.test, self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "tests/effects/src/elsewhere.rs";
    const THIS: &str = "a_test_that_is_there_and_names_the_keyword_will_do";

    #[test]
    fn a_test_that_is_there_and_names_the_keyword_will_do() {
        let judged =
            |file, keyword, test| Elsewhere::seen(Block::Instance, keyword, file, test).judge(&[]);
        assert_eq!(judged(HERE, "virtual_router_id", THIS), Ok(()));
        assert!(judged(HERE, "virtual_router_id", "no_such_test").is_err());
        let nowhere = ["garp", "_master", "_delay"].concat();
        assert!(judged(HERE, nowhere.leak(), THIS).is_err());
        assert!(judged("tests/no-such-file.rs", "virtual_router_id", THIS).is_err());
        assert_eq!(Elsewhere::nothing(Block::Instance, "x", "why").judge(&[]), Ok(()));
    }
}
