//! How keepalived writes titles, items and values.

use base::Duration;
use control_plane::model::Command;
use control_plane::model::tracking::{TrackBfd, TrackFileUse, TrackInterface, TrackProcessUse};
use control_plane::model::vrrp::TrackWeight;
use control_plane::model::{Config, ScriptUser, TrackScript};

/// Lines of one object.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<String>);

impl Lines {
    /// A line, indented by `depth` blanks: 1 names an object, 3 is a setting of it, 5 one of a list.
    pub(crate) fn at(&mut self, depth: usize, text: impl AsRef<str>) {
        self.0.push(format!("{:depth$}{}", "", text.as_ref()));
    }

    /// `Name = value`.
    pub(crate) fn item(&mut self, depth: usize, name: &str, value: impl ToString) {
        self.at(depth, format!("{name} = {}", value.to_string()));
    }

    /// The same, if there is a value.
    pub(crate) fn optional(&mut self, depth: usize, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.item(depth, name, value);
        }
    }

    /// `Name :`, and a line for each of these; nothing when there is none.
    pub(crate) fn list(&mut self, title: &str, entries: impl IntoIterator<Item = String>) {
        let mut entries = entries.into_iter().peekable();
        if entries.peek().is_some() {
            self.at(3, format!("{title} :"));
            entries.for_each(|entry| self.at(5, entry));
        }
    }

    /// `Master state transition script = 'a' 'b', uid:gid u:g`. `default`: `script_user`; without
    /// either who runs it is decided on the machine, and not shown.
    pub(crate) fn script(
        &mut self,
        depth: usize,
        name: &str,
        script: Option<&Command>,
        default: Option<&ScriptUser>,
    ) {
        if let Some(command) = script {
            let user = command.user.as_ref().or(default);
            let user = user.map(|user| format!(", uid:gid {}", owner(user))).unwrap_or_default();
            self.item(depth, name, quoted(command) + &user);
        }
    }
}

impl IntoIterator for Lines {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A title over all these objects, or nothing when there is none.
pub(crate) fn section<L: IntoIterator<Item = String>>(
    title: &'static str,
    objects: impl Iterator<Item = L>,
) -> impl Iterator<Item = String> {
    let mut objects = objects.peekable();
    let title = objects.peek().is_some().then(|| rule(title));
    title.into_iter().chain(objects.flatten())
}

/// `------< Title >------`
pub(crate) fn rule(title: &str) -> String {
    format!("------< {title} >------")
}

/// `'program' 'argument'`.
pub(crate) fn quoted(command: &Command) -> String {
    let words = std::iter::once(&command.program).chain(&command.args);
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
}

/// `0:0`. Nobody is looked up here: users but root have their names.
pub(crate) fn owner(user: &ScriptUser) -> String {
    let number = |name: &String| if name == "root" { "0".to_owned() } else { name.clone() };
    format!("{}:{}", number(&user.user), number(user.group.as_ref().unwrap_or(&user.user)))
}

/// `5.000000`.
pub(crate) fn seconds(span: Duration) -> String {
    format!("{}.{:06}", span.as_secs(), span.subsec_micros())
}

pub(crate) const fn true_false(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

pub(crate) const fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

pub(crate) const fn enabled(value: bool) -> &'static str {
    if value { "enabled" } else { "disabled" }
}

pub(crate) const fn on_off(value: bool) -> &'static str {
    if value { "ON" } else { "OFF" }
}

/// ` reverse`, where it is.
pub(crate) const fn reversed(reverse: bool) -> &'static str {
    if reverse { " reverse" } else { "" }
}

/// `5 reverse`.
pub(crate) fn track_weight(weight: TrackWeight) -> String {
    format!("{}{}", weight.weight, reversed(weight.reverse))
}

/// What an instance or a group tracks, of every kind.
pub(crate) struct Tracked<'a> {
    pub(crate) interfaces: &'a [TrackInterface],
    pub(crate) scripts: &'a [TrackScript],
    pub(crate) files: &'a [TrackFileUse],
    pub(crate) processes: &'a [TrackProcessUse],
    pub(crate) bfds: &'a [TrackBfd],
}

impl Lines {
    /// All that is tracked, with weights.
    pub(crate) fn tracked(&mut self, config: &Config, tracked: &Tracked<'_>) {
        let vrrp = &config.vrrp;
        self.list(
            "Tracked interfaces",
            tracked
                .interfaces
                .iter()
                .map(|one| format!("{} weight {}", one.interface, track_weight(one.weight))),
        );
        self.list(
            "Tracked scripts",
            tracked.scripts.iter().filter_map(|one| {
                let script = vrrp.scripts.get(one.script.0)?;
                Some(format!("{} weight {}{}", script.name, one.weight, reversed(one.reverse)))
            }),
        );
        self.list(
            "Tracked files",
            tracked.files.iter().filter_map(|one| {
                let file = vrrp.files.get(one.file.0)?;
                Some(format!("{}, weight {}{}", file.name, one.weight, reversed(one.reverse)))
            }),
        );
        self.list(
            "Tracked processes",
            tracked.processes.iter().filter_map(|one| {
                let process = vrrp.processes.get(one.process.0)?;
                Some(format!("{}, weight {}{}", process.name, one.weight, reversed(one.reverse)))
            }),
        );
        self.list(
            "Tracked BFDs",
            tracked.bfds.iter().filter_map(|one| {
                let bfd = config.bfd.get(one.bfd.0)?;
                Some(format!("{}: weight {}", bfd.name, track_weight(one.weight)))
            }),
        );
    }
}
