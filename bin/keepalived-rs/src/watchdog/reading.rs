//! Reading the files for a reload: `reload_file` shows that it is under way, `reload_check_config`
//! keeps what is wrong with them in a file.

use std::fs;
use std::path::{Path, PathBuf};

use watchdog::Input;

use super::WatchDog;
use crate::configuration::{self, Usable};
use crate::looked_up::LookedUp;

/// Where keepalived's check writes when no file is named.
const NOWHERE: &str = "/dev/null";

/// A configuration that the children may be asked to prepare.
pub(super) struct Read {
    pub(super) usable: Usable,
    /// What the children need to know beside it.
    pub(super) looked_up: LookedUp,
}

/// An empty file that is there while this lives.
struct Marker(PathBuf);

impl Marker {
    fn put(path: PathBuf) -> Option<Self> {
        // A link there is not followed.
        match sys::files::initialise(&path, "", true) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                log::error!("cannot make reload_file {}: {error}", path.display());
                None
            }
        }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            log::error!("cannot remove reload_file {}: {error}", self.0.display());
        }
    }
}

impl WatchDog {
    /// Reads the files as the running configuration says.
    pub(super) fn read_for_reload(&mut self) -> Input {
        let reload = self.running.config.global.reload.clone();
        let marker = reload.marker.and_then(|named| Marker::put(self.marker_path(&named)));
        if reload.check.is_some() {
            log::info!("validate conf before Reload");
        }
        let loaded = configuration::load(&self.options);
        drop(marker);
        let config = loaded.config.as_ref().unwrap_or(&self.running.config);
        self.saved.loaded(&self.options, config, self.pid);
        let file = reload.check.filter(|file| !file.is_empty());
        if let Some(file) = &file {
            let text = loaded.diagnostics.render();
            let lines = text.lines().map(str::to_owned);
            if let Err(error) = sys::files::replace(Path::new(file), lines) {
                log::error!("cannot write {file}: {error}");
            }
        }
        configuration::report(&loaded.diagnostics);
        match configuration::again(&self.options, &self.running, loaded) {
            Ok(usable) => {
                let wanted = configuration::wanted(&self.options, &usable.config);
                // Before the children's time to prepare begins.
                let looked_up = LookedUp::of(&usable.config, &wanted);
                self.read = Some(Read { usable, looked_up });
                Input::Loaded(wanted)
            }
            Err(why) => {
                if self.running.config.global.reload.check.is_some() {
                    let file = file.as_deref().unwrap_or(NOWHERE);
                    log::error!("New config failed validation, see {file} for details");
                }
                Input::LoadFailed(why)
            }
        }
    }

    /// `keepalived.reload` beside the PID file unless it is named.
    fn marker_path(&self, named: &str) -> PathBuf {
        if named.is_empty() {
            return self.files.parent.with_file_name("keepalived.reload");
        }
        named.into()
    }
}
