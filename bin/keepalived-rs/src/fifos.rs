//! Named pipes that a process writes its events to. The parent has made them.

use std::path::Path;

use control_plane::model::global::Fifo as Configured;

/// The pipes of one process.
#[derive(Default)]
pub(crate) struct Fifos {
    open: Vec<Open>,
}

struct Open {
    path: String,
    pipe: sys::fifo::Fifo,
    /// Lines were lost, and that was said.
    full: bool,
}

impl Fifos {
    /// Opens these, and keeps those that are open already; the others are closed.
    pub(crate) fn follow<'a>(&mut self, wanted: impl Iterator<Item = &'a Configured>) {
        let mut old = std::mem::take(&mut self.open);
        for fifo in wanted {
            let known = old.iter().position(|open| open.path == fifo.path);
            match known.map(|at| old.swap_remove(at)).map_or_else(|| open(&fifo.path), Ok) {
                Ok(open) => self.open.push(open),
                Err(error) => log::error!("cannot open FIFO {}: {error}", fifo.path),
            }
        }
    }

    /// Writes a line to each. A reader that does not read loses lines, and holds nobody up.
    pub(crate) fn write(&mut self, line: &[u8]) {
        for open in &mut self.open {
            let full = match open.pipe.write(line) {
                Ok(written) => !written,
                Err(error) => {
                    log::error!("cannot write to FIFO {}: {error}", open.path);
                    continue;
                }
            };
            if full && !open.full {
                log::warn!("FIFO {} is full: its reader loses events", open.path);
            }
            open.full = full;
        }
    }
}

fn open(path: &str) -> std::io::Result<Open> {
    let pipe = sys::fifo::Fifo::open(Path::new(path))?;
    Ok(Open { path: path.to_owned(), pipe, full: false })
}
